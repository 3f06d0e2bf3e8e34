# SPDX-License-Identifier: MIT
"""A disk that turns read-only under a daemon which has files of it open, and back.

A kernel does that after an error of the disk (ext4's errors=remount-ro), but to no tmpfs, and at nobody's
request: while a file is open for writing it answers EBUSY. So a library before the C library refuses
what would write with EROFS, as ext4 does, while there is a file that says so.
"""

import pathlib

import programs

_SOURCE = r"""
  #define _GNU_SOURCE
  #include <dlfcn.h>
  #include <errno.h>
  #include <fcntl.h>
  #include <stdarg.h>
  #include <stdlib.h>
  #include <unistd.h>
  static int refuses(void) {
    const int before = errno;
    const int is_read_only = access(getenv("READ_ONLY_DISK"), F_OK) == 0;
    errno = is_read_only ? EROFS : before;
    return is_read_only;
  }
  #define OPENAT(name) \
    int name(int folder, const char* path, int flags, ...) { \
      va_list rest; \
      va_start(rest, flags); \
      const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
      va_end(rest); \
      if ((flags & (O_ACCMODE | O_CREAT)) != O_RDONLY && path[0] != '/' && refuses()) return -1; \
      return ((int (*)(int, const char*, int, ...))dlsym(RTLD_NEXT, #name))( \
          folder, path, flags, mode); \
    }
  #define PWRITE(name) \
    ssize_t name(int file, const void* bytes, size_t size, off_t at) { \
      if (refuses()) return -1; \
      return ((ssize_t (*)(int, const void*, size_t, off_t))dlsym(RTLD_NEXT, #name))( \
          file, bytes, size, at); \
    }
  OPENAT(openat)
  OPENAT(openat64)
  PWRITE(pwrite)
  PWRITE(pwrite64)
  int renameat(int from, const char* old, int to, const char* name) {
    if (refuses()) return -1;
    return ((int (*)(int, const char*, int, const char*))dlsym(RTLD_NEXT, "renameat"))(
        from, old, to, name);
  }
  int unlinkat(int folder, const char* path, int flags) {
    if (refuses()) return -1;
    return ((int (*)(int, const char*, int))dlsym(RTLD_NEXT, "unlinkat"))(folder, path, flags);
  }
"""


class ReadOnlyDisk:
    """`environment` is that of the programs to which it may be read-only. What they write to is found
    relative to a folder that is open, as a state directory is."""

    def __init__(self, folder: pathlib.Path) -> None:
        library = folder / "read_only_disk.so"
        programs.run(["cc", "-shared", "-fPIC", "-o", library, "-x", "c", "-"], input=_SOURCE)
        self._switch = folder / "is-read-only"
        self.environment = {"LD_PRELOAD": str(library), "READ_ONLY_DISK": str(self._switch)}

    def turn_read_only(self) -> None:
        self._switch.touch()

    def turn_writable(self) -> None:
        self._switch.unlink()
