# SPDX-License-Identifier: MIT
"""Stands in for systemd: the socket of sd_notify(3), and sockets as sd_listen_fds(3) hands them over."""

import pathlib
import socket
import sys
import time
from typing import Iterator, Optional, Sequence


class Message(dict):
    """The assignments of one datagram, and when it came."""

    def __init__(self, text: str) -> None:
        super().__init__(line.split("=", 1) for line in text.splitlines())
        self.at = time.monotonic()


class Supervisor:
    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.path.chmod(0o777)  # The daemon tells it also after it has given up root.
        self.messages: list[Message] = []

    def environment(self, watchdog_seconds: Optional[float] = None) -> dict[str, str]:
        environment = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog_seconds is not None:
            environment["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))
        return environment

    def receive(self, within: float) -> Iterator[Message]:
        """What comes in that time, as it comes."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                message = Message(self._socket.recv(4096).decode())
            except TimeoutError:
                return
            self.messages.append(message)
            yield message

    def wait_for(self, assignment: str, within: float = 5) -> Message:
        name, value = assignment.split("=", 1)
        for message in self.receive(within):
            if message.get(name) == value:
                return message
        raise AssertionError(f"no {assignment} within {within} s, only {self.messages}")

    def close(self) -> None:
        self._socket.close()


def handing_over(sockets: Sequence[socket.socket]) -> dict:
    """Options for Roost that make it a child that gets these sockets."""
    numbers = ",".join(str(given.fileno()) for given in sockets)
    script = pathlib.Path(__file__).with_name("hand_over_sockets.py")
    return {"prefix": (sys.executable, str(script), numbers),
            "pass_fds": [given.fileno() for given in sockets]}
