# SPDX-License-Identifier: MIT
"""Just enough STUN to ask for our address: written apart from the daemon's codec, so that a mistake
there cannot hide here."""

import ipaddress
import os
import socket
import struct
from typing import NamedTuple, Optional

MAGIC_COOKIE = 0x2112A442
BINDING_REQUEST = 0x0001
BINDING_SUCCESS = 0x0101
XOR_MAPPED_ADDRESS = 0x0020


class Reply(NamedTuple):
    type: int
    transaction_id: bytes
    attributes: dict[int, bytes]

    @property
    def mapped(self) -> tuple[str, int]:
        value = self.attributes[XOR_MAPPED_ADDRESS]
        family, port = struct.unpack_from("!xBH", value)
        key = struct.pack("!I", MAGIC_COOKIE) + self.transaction_id
        address = bytes(a ^ b for a, b in zip(value[4:], key))
        assert (family, len(address)) in ((1, 4), (2, 16)), value
        return str(ipaddress.ip_address(address)), port ^ MAGIC_COOKIE >> 16


def binding_request(transaction_id: Optional[bytes] = None, attributes: bytes = b"") -> bytes:
    return struct.pack("!HHI12s", BINDING_REQUEST, len(attributes), MAGIC_COOKIE,
                       transaction_id or os.urandom(12)) + attributes


def parse(message: bytes) -> Reply:
    kind, length, cookie, transaction_id = struct.unpack_from("!HHI12s", message)
    assert cookie == MAGIC_COOKIE and length == len(message) - 20, message
    attributes = {}
    offset = 20
    while offset < len(message):
        attribute, size = struct.unpack_from("!HH", message, offset)
        attributes[attribute] = message[offset + 4:offset + 4 + size]
        offset += 4 + (size + 3 & ~3)
    return Reply(kind, transaction_id, attributes)


def ask(udp: socket.socket, server: tuple[str, int], *, tries: int = 1) -> Reply:
    """Over a UDP socket with a timeout, which is how long each try waits."""
    request = binding_request()
    for left in reversed(range(tries)):
        udp.sendto(request, server)
        try:
            reply, source = udp.recvfrom(2048)
        except (TimeoutError, ConnectionRefusedError):
            if not left:
                raise
            continue
        assert source[:2] == server, f"asked {server}, {source} answered"
        return _answer_to(request, reply)
    raise AssertionError("tries must be positive")


def ask_stream(stream: socket.socket) -> Reply:
    """Over a connected TCP or TLS socket with a timeout."""
    request = binding_request()
    stream.sendall(request)
    return _answer_to(request, read_message(stream))


def read_message(stream: socket.socket) -> bytes:
    message = b""
    while len(message) < 20 or len(message) < 20 + struct.unpack_from("!H", message, 2)[0]:
        more = stream.recv(2048)
        assert more, f"closed after {message!r}"
        message += more
    return message


def is_answered(udp: socket.socket, server: tuple[str, int]) -> bool:
    try:
        return ask(udp, server).type == BINDING_SUCCESS
    except (TimeoutError, ConnectionRefusedError):
        return False


def _answer_to(request: bytes, message: bytes) -> Reply:
    reply = parse(message)
    assert reply.type == BINDING_SUCCESS, f"message type {reply.type:#06x}"
    assert reply.transaction_id == request[8:20]
    return reply
