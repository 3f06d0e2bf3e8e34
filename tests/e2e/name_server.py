# SPDX-License-Identifier: MIT
"""A name server of the test's own (RFC 1035), at port 53 of a namespace's loopback."""

import contextlib
import pathlib
import socket
import threading
from typing import Iterator, Mapping, Optional

from namespaces import Namespace

ADDRESS = "127.0.0.1"
_A, _IN = 1, 1
_RESPONSE_AUTHORITATIVE, _NO_SUCH_NAME = 0x8400, 3


class NameServer:
    """`names` are those that have IPv4 addresses; None: it answers nobody."""

    def __init__(self, udp: socket.socket, names: Optional[Mapping[str, list[str]]]) -> None:
        self.asked: list[str] = []
        self._udp = udp
        self._names = names
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._thread.join()
        self._udp.close()

    def _serve(self) -> None:
        while not self._is_closed:
            try:
                query, client = self._udp.recvfrom(512)
            except socket.timeout:
                continue
            end = 12
            labels = []
            while query[end] != 0:
                labels.append(query[end + 1:end + 1 + query[end]].decode())
                end += 1 + query[end]
            name = ".".join(labels).lower()
            kind = int.from_bytes(query[end + 1:end + 3], "big")
            self.asked.append(name)
            if self._names is not None:
                self._udp.sendto(self._reply(query, end + 5, name, kind), client)

    def _reply(self, query: bytes, end: int, name: str, kind: int) -> bytes:
        addresses = self._names.get(name, [])
        flags = _RESPONSE_AUTHORITATIVE | (0 if addresses else _NO_SUCH_NAME)
        # The name is that of the question; for a minute.
        records = [b"\xc0\x0c" + _A.to_bytes(2, "big") + _IN.to_bytes(2, "big") +
                   (60).to_bytes(4, "big") + b"\x00\x04" + socket.inet_aton(address)
                   for address in addresses if kind == _A]
        counts = b"\x00\x01" + len(records).to_bytes(2, "big") + bytes(4)
        return query[:2] + flags.to_bytes(2, "big") + counts + query[12:end] + b"".join(records)


@contextlib.contextmanager
def running(place: Namespace, names: Optional[Mapping[str, list[str]]]) -> Iterator[NameServer]:
    udp = place.udp_socket(ADDRESS, 53)
    udp.settimeout(0.1)  # So often it looks whether it is to end.
    server = NameServer(udp, names)
    try:
        yield server
    finally:
        server.close()


def prefix(folder: pathlib.Path) -> list[str]:
    """Before a program in the namespace: it takes this server for the machine's resolver. `ip netns
    exec` gives it a view of the files of its own."""
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {ADDRESS}\n")
    return ["sh", "-c", f'mount --bind {file} /etc/resolv.conf && exec "$@"', "sh"]
