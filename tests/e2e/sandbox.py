# SPDX-License-Identifier: MIT
"""What a service manager's sandbox takes from a program: kinds of sockets (seccomp(2))."""

import ctypes
import errno
import platform
import socket
import struct
from typing import Callable

_SOCKET_CALL = {"x86_64": 41, "aarch64": 198}[platform.machine()]
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
# Of struct seccomp_data, little-endian.
_NUMBER, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 16, 24


def without_netlink(*, only_nonblocking: bool = False) -> Callable[[], None]:
    """For Popen's preexec_fn. No AF_NETLINK sockets, or none that is non-blocking: those that watch,
    while the C library goes on to ask with one that blocks."""
    flags = socket.SOCK_NONBLOCK if only_nonblocking else 0xFFFFFFFF
    program = b"".join(struct.pack("=HBBI", *step) for step in (
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_EQUAL, 0, 5, _SOCKET_CALL),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_EQUAL, 0, 3, socket.AF_NETLINK),
        (_LOAD, 0, 0, _SECOND_ARGUMENT),
        (_JUMP_ANY_BIT, 0, 1, flags),
        (_RETURN, 0, 0, _ERROR | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    ))
    buffer = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)

    def enter() -> None:
        assert buffer  # Which `pointer` points to.
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
                libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")

    return enter
