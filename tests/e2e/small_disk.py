# SPDX-License-Identifier: MIT
"""A disk of a few hundred kilobytes that can be full or read-only: a tmpfs in a mount namespace of
its own, so that nothing of it is left once whoever holds it has gone."""

import errno
import pathlib
import subprocess

import programs

_PAGE = 4096  # What tmpfs takes at a time.


class SmallDisk:
    """`path` is where it is for programs that run behind `prefix`, `seen` where the test sees it."""

    def __init__(self, path: pathlib.Path, kibibytes: int = 256) -> None:
        path.mkdir()
        self.path = path
        # It ends with its standard input, and so with the test.
        self._holder = subprocess.Popen(
            [programs.find("unshare"), "--mount", "--propagation", "private", "sh", "-c",
             'mount -t tmpfs -o "size=$2k,mode=755" tmpfs "$1" && echo mounted && exec cat',
             "sh", str(path), str(kibibytes)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "mounted\n":
            self.delete()
            raise AssertionError("a mount namespace is not to be had")
        self.prefix = [programs.find("nsenter"), f"--mount=/proc/{self._holder.pid}/ns/mnt", "--"]
        self.seen = pathlib.Path(f"/proc/{self._holder.pid}/root{path}")
        self._filler = self.seen / "filler"

    def fill(self, *, but_pages: int = 0) -> None:
        """Leaves room for so many pages; files that are empty can always be made."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(_PAGE))
            except OSError as error:
                assert error.errno == errno.ENOSPC, error
            file.truncate(self._filler.stat().st_size - but_pages * _PAGE)

    def make_room(self) -> None:
        self._filler.unlink()

    def remount(self, option: str) -> None:
        """ "ro" or "rw"; nobody may have a file open for writing."""
        programs.run([*self.prefix, "mount", "-o", f"remount,{option}", str(self.path)])

    def delete(self) -> None:
        self._holder.stdin.close()
        self._holder.wait(5)
        self._holder.stdout.close()
