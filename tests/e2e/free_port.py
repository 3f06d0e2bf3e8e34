# SPDX-License-Identifier: MIT
"""Ports that nobody listens on."""

import contextlib
import socket

_handed_out: set[int] = set()


def free_port() -> int:
    """Free for UDP and TCP on every loopback address at this moment, and never handed out twice."""
    while True:
        with contextlib.ExitStack() as stack:
            tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            if port in _handed_out:
                continue
            try:
                for family, kind, address in (
                        (socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1"),
                        (socket.AF_INET6, socket.SOCK_STREAM, "::1"),
                        (socket.AF_INET6, socket.SOCK_DGRAM, "::1")):
                    stack.enter_context(socket.socket(family, kind)).bind((address, port))
            except OSError:
                continue
            _handed_out.add(port)
            return port
