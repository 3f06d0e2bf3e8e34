# SPDX-License-Identifier: MIT
"""RFC 6062 as a client speaks it: a control connection, and one more for each peer."""

import os
import socket
import struct
import time
from typing import Callable, Iterator, Optional

import stun_wire
import turn_wire
from turn_wire import Address, Answer, Attribute, TurnClient

CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 0x000A, 0x000B, 0x000C
CONNECTION_ID = 0x002A
TCP = (turn_wire.REQUESTED_TRANSPORT, b"\x06\0\0\0")


class StreamClient(TurnClient):
    """`connect` opens a connection to the server, TLS or not, with a timeout."""

    def __init__(self, connect: Callable[[], socket.socket], user: str = "alice",
                 password: str = "secret") -> None:
        self.connect_to_server = connect
        self.control = connect()
        self.attempts: list[tuple[Address, bytes]] = []
        super().__init__(None, None, user, password)

    def allocate(self, *attributes: Attribute) -> Answer:
        return self.request(turn_wire.ALLOCATE, *(attributes or (TCP,)))

    def connect(self, peer: Address) -> Answer:
        return self.request(CONNECT, peer=peer)

    def ask_to_connect(self, peer: Address) -> bytes:
        """Without waiting for the answer, which answer_to() takes. Returns the transaction."""
        transaction_id = os.urandom(12)
        self.control.sendall(turn_wire.message(
            CONNECT, (turn_wire.XOR_PEER_ADDRESS, turn_wire.xor_address(peer, transaction_id)),
            *self.identity, key=self.key, transaction_id=transaction_id))
        return transaction_id

    def answer_to(self, transaction_id: bytes) -> int:
        """The error code of the next answer, which is to that transaction; 0 is success."""
        reply = stun_wire.parse(read_message(self.control))
        assert reply.transaction_id == transaction_id
        if not reply.type & 0x0010:
            return 0
        hundreds, rest = struct.unpack_from("!2xBB", reply.attributes[turn_wire.ERROR_CODE])
        return hundreds * 100 + rest

    def open(self, peer: Address) -> socket.socket:
        """Connects to the peer and returns the data connection."""
        answer = self.connect(peer)
        assert answer.error is None, answer
        return self.bind_connection(answer.attributes[CONNECTION_ID])

    def bind_connection(self, connection_id: bytes) -> socket.socket:
        answer, data = self.try_to_bind((CONNECTION_ID, connection_id))
        assert answer.error is None, answer
        return data

    def try_to_bind(self, *attributes: Attribute) -> tuple[Answer, socket.socket]:
        """On a connection of its own, which carries the peer's bytes from the answer on."""
        other = StreamClient(self.connect_to_server, self.user, self.password)
        other.key, other.identity = self.key, self.identity
        return other.request(CONNECTION_BIND, *attributes), other.control

    def next_attempt(self) -> tuple[Address, bytes]:
        """Who has connected to us, and the connection's ID."""
        while not self.attempts:
            self._sort_in(read_message(self.control))
        return self.attempts.pop(0)

    def _replies(self, request: bytes) -> Iterator[bytes]:
        self.control.sendall(request)
        while True:
            answer = read_message(self.control)
            if not self._sort_in(answer):
                yield answer

    def _sort_in(self, received: bytes) -> bool:
        reply = stun_wire.parse(received)
        if reply.type != 0x0010 | CONNECTION_ATTEMPT:
            return False
        peer = turn_wire.read_xor_address(
            reply.attributes[turn_wire.XOR_PEER_ADDRESS], reply.transaction_id)
        self.attempts.append((peer, reply.attributes[CONNECTION_ID]))
        return True


def read_message(stream: socket.socket) -> bytes:
    """And not a byte behind it: what follows on a data connection is the peer's."""
    head = read_all(stream, 20)
    assert len(head) == 20, f"closed after {head!r}"
    return head + read_all(stream, struct.unpack_from("!H", head, 2)[0])


def read_all(stream: socket.socket, size: Optional[int] = None) -> bytes:
    """So many bytes, or all up to the end."""
    received = bytearray()
    while size is None or len(received) < size:
        some = stream.recv(65536 if size is None else size - len(received))
        if not some:
            break
        received += some
    return bytes(received)


def has_ended(stream: socket.socket, *, within: float) -> bool:
    """Whether the other side ends it in that time, in whatever way."""
    deadline = time.monotonic() + within
    try:
        while time.monotonic() < deadline:
            stream.settimeout(max(0.01, deadline - time.monotonic()))
            if not stream.recv(65536):
                return True
    except TimeoutError:
        return False
    except OSError:
        return True
    return False
