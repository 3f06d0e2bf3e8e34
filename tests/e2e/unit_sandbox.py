# SPDX-License-Identifier: MIT
"""What a service's unit lets a program execute, map and call, without a service manager: as a user
without rights, its NoExecPaths=/, ExecPaths=, MemoryDenyWriteExecute= and SystemCallFilter=, done as
systemd does it (mount(2), libseccomp)."""

import ctypes
import errno
import os
import pathlib
import re
from typing import Callable, Mapping

import programs

NOBODY = 65534  # DynamicUser= takes one that nobody else is.
_MS_NOEXEC, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 8, 32, 4096, 16384, 1 << 18
_CLONE_NEWNS = 0x20000
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_PROT_WRITE, _PROT_EXEC = 2, 4
_MASKED_EQUAL = 7  # enum scmp_compare


class _Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operation", ctypes.c_int),
                ("mask", ctypes.c_uint64), ("value", ctypes.c_uint64)]


def of_unit(unit: pathlib.Path, *, files: Mapping[pathlib.Path, pathlib.Path]
            ) -> Callable[[], None]:
    """For Popen's preexec_fn. `files` (by their paths) are there as if they were installed."""
    settings = re.findall(r"(?m)^(\w+)=(.*)$", unit.read_text())
    assert ("NoExecPaths", "/") in settings and ("MemoryDenyWriteExecute", "yes") in settings
    executable = [path.removeprefix("-") for name, value in settings if name == "ExecPaths"
                  for path in value.split()]
    assert ("SystemCallErrorNumber", "EPERM") in settings
    calls = _calls("@default")
    for name, value in settings:
        if name != "SystemCallFilter":
            continue
        for one in value.removeprefix("~").split():
            calls = calls - _calls(one) if value.startswith("~") else calls | _calls(one)
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p

    def enter() -> None:
        assert libc.unshare(_CLONE_NEWNS) == 0
        _mount(libc, None, "/", None, _MS_REC | _MS_PRIVATE)
        for path, content in files.items():
            _put(libc, path, content.read_bytes())
        _let_only_execute(libc, [path for path in executable if os.path.exists(path)])
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        both = _PROT_WRITE | _PROT_EXEC
        _load(seccomp, _ALLOW, [(_REFUSE, "mmap", [_Comparison(2, _MASKED_EQUAL, both, both)])] + [
            (_REFUSE, name, [_Comparison(2, _MASKED_EQUAL, _PROT_EXEC, _PROT_EXEC)])
            for name in ("mprotect", "pkey_mprotect")])
        _load(seccomp, _REFUSE, [(_ALLOW, name, []) for name in calls])  # Which lets load no more.

    return enter


def _calls(name: str) -> "set[str]":
    """Of a set, whose members may be sets, or itself."""
    if not name.startswith("@"):
        return {name}
    listed = programs.output(["systemd-analyze", "--no-pager", "syscall-filter", name])
    members = re.findall(r"(?m)^ +([@\w-]+)$", listed)
    assert members, listed
    return set().union(*(_calls(member) for member in members))


def _mount(libc: ctypes.CDLL, source, target: str, kind, flags: int) -> None:
    arguments = [text and text.encode() for text in (source, target, kind)]
    if libc.mount(*arguments, ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def _put(libc: ctypes.CDLL, path: pathlib.Path, data: bytes) -> None:
    if not path.parent.exists():  # Nothing is left of it in the real file system.
        exists = next(parent for parent in path.parents if parent.exists())
        _mount(libc, "tmpfs", str(exists), "tmpfs", 0)
        path.parent.mkdir(parents=True)
    path.write_bytes(data)


def _let_only_execute(libc: ctypes.CDLL, paths: "list[str]") -> None:
    paths = [os.path.realpath(path) for path in paths]
    for path in paths:
        _mount(libc, path, path, None, _MS_BIND | _MS_REC)
    mounted = {line.split()[4] for line in open("/proc/self/mountinfo")}
    for target in mounted:
        if not any(target == path or target.startswith(path + "/") for path in paths):
            try:
                _mount(libc, None, target, None, _MS_REMOUNT | _MS_BIND | _MS_NOEXEC)
            except OSError:
                pass  # It lies under another one.


def _load(seccomp: ctypes.CDLL, otherwise: int, rules: list) -> None:
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(otherwise)))
    for action, name, comparisons in rules:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            continue  # Of another machine, or newer than the library.
        array = (_Comparison * len(comparisons))(*comparisons)
        added = seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(action), number,
                                               len(comparisons), array)
        assert added == 0, (name, added)
    assert seccomp.seccomp_load(context) == 0
