# SPDX-License-Identifier: MIT
"""Just enough TURN (RFC 8656) to ask for what programs do not ask for: written apart from the
daemon's codec, as stun_wire is."""

import base64
import hashlib
import hmac
import ipaddress
import os
import socket
import struct
import time
from typing import Iterator, NamedTuple, Optional

import stun_wire
from stun_wire import MAGIC_COOKIE

ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND = 3, 4, 6, 7, 8, 9

USERNAME, MESSAGE_INTEGRITY, ERROR_CODE = 0x0006, 0x0008, 0x0009
CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, PAYLOAD = 0x000C, 0x000D, 0x0012, 0x0013
REALM, NONCE, XOR_RELAYED_ADDRESS = 0x0014, 0x0015, 0x0016
REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT, DONT_FRAGMENT = 0x0017, 0x0019, 0x001A

UDP = (REQUESTED_TRANSPORT, b"\x11\0\0\0")
Address = tuple[str, int]
Attribute = tuple[int, bytes]


class Answer(NamedTuple):
    error: Optional[int]  # None is success.
    attributes: dict[int, bytes]

    @property
    def lifetime(self) -> int:
        return struct.unpack("!I", self.attributes[LIFETIME])[0]


def xor_address(address: Address, transaction_id: bytes) -> bytes:
    packed = ipaddress.ip_address(address[0]).packed
    key = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    return struct.pack("!xBH", 1 if len(packed) == 4 else 2, address[1] ^ MAGIC_COOKIE >> 16) + \
        bytes(a ^ b for a, b in zip(packed, key))


def read_xor_address(value: bytes, transaction_id: bytes) -> Address:
    return stun_wire.Reply(0, transaction_id, {stun_wire.XOR_MAPPED_ADDRESS: value}).mapped


def message(kind: int, *attributes: Attribute, key: Optional[bytes] = None,
            transaction_id: Optional[bytes] = None) -> bytes:
    """Signed with MESSAGE-INTEGRITY if there is a key."""
    transaction_id = transaction_id or os.urandom(12)
    body = b"".join(struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4)
                    for name, value in attributes)
    signature_size = 0 if key is None else 24
    signed = struct.pack("!HHI12s", kind, len(body) + signature_size, MAGIC_COOKIE,
                         transaction_id) + body
    if key is None:
        return signed
    return signed + struct.pack("!HH", MESSAGE_INTEGRITY, 20) + \
        hmac.digest(key, signed, "sha1")


def rest_credentials(secret: str, name: str, *, expires_in: float) -> tuple[str, str]:
    """What a site hands out that shares the secret with the relay (coturn's use-auth-secret)."""
    user = f"{int(time.time() + expires_in)}:{name}"
    return user, base64.b64encode(hmac.digest(secret.encode(), user.encode(), "sha1")).decode()


class TurnClient:
    """One client over UDP. The socket is its owner's, with a timeout."""

    def __init__(self, udp: socket.socket, server: Address, user: str = "alice",
                 password: str = "secret") -> None:
        self.udp = udp
        self.server = server
        self.user = user
        self.password = password
        self.key: Optional[bytes] = None  # Until the server has named its realm.
        self.identity: list[Attribute] = []
        self.relayed: Optional[Address] = None
        self.errors: list[int] = []  # All that were ever answered.

    def request(self, method: int, *attributes: Attribute,
                peer: Optional[Address] = None) -> Answer:
        """Goes on after one challenge, as every client does."""
        answer = self._ask(method, attributes, peer)
        stale = answer.error == 438 or (answer.error == 401 and self.key is None)
        if stale:
            self._learn(answer)
            answer = self._ask(method, attributes, peer)
        return answer

    def allocate(self, *attributes: Attribute) -> Answer:
        return self.request(ALLOCATE, UDP, *attributes)

    def refresh(self, seconds: int = 600) -> Answer:
        return self.request(REFRESH, (LIFETIME, struct.pack("!I", seconds)))

    def permit(self, peer: str) -> Answer:
        return self.request(CREATE_PERMISSION, peer=(peer, 0))

    def bind(self, number: int, peer: Address) -> Answer:
        return self.request(CHANNEL_BIND, (CHANNEL_NUMBER, struct.pack("!HH", number, 0)),
                            peer=peer)

    def send(self, peer: Address, data: bytes, *attributes: Attribute) -> None:
        """A Send indication."""
        transaction_id = os.urandom(12)
        self.udp.sendto(message(0x0010 | SEND, *attributes, (PAYLOAD, data),
                                (XOR_PEER_ADDRESS, xor_address(peer, transaction_id)),
                                transaction_id=transaction_id), self.server)

    def send_on(self, channel: int, data: bytes) -> None:
        """ChannelData."""
        self.udp.sendto(struct.pack("!HH", channel, len(data)) + data, self.server)

    def receive(self) -> tuple[Optional[int], Optional[Address], bytes]:
        """The next data: its channel or the peer that a Data indication names."""
        datagram = self.udp.recv(2048)
        if datagram[0] >> 6 == 1:
            channel, size = struct.unpack_from("!HH", datagram)
            return channel, None, datagram[4:4 + size]
        reply = stun_wire.parse(datagram)
        assert reply.type == 0x0010 | DATA, datagram
        peer = read_xor_address(reply.attributes[XOR_PEER_ADDRESS], reply.transaction_id)
        return None, peer, reply.attributes[PAYLOAD]

    def _ask(self, method: int, attributes: tuple[Attribute, ...],
             peer: Optional[Address]) -> Answer:
        transaction_id = os.urandom(12)
        peers = [(XOR_PEER_ADDRESS, xor_address(peer, transaction_id))] if peer else []
        request = message(method, *attributes, *peers, *self.identity, key=self.key,
                          transaction_id=transaction_id)
        for datagram in self._replies(request):
            reply = stun_wire.parse(datagram)
            if reply.transaction_id != transaction_id:
                continue  # To what was sent before.
            assert reply.type in (0x0100 | method, 0x0110 | method), f"{reply.type:#06x}"
            code = None
            if reply.type & 0x0010:
                hundreds, rest = struct.unpack_from("!2xBB", reply.attributes[ERROR_CODE])
                code = hundreds * 100 + rest
                self.errors.append(code)
            elif method == ALLOCATE:
                self.relayed = read_xor_address(
                    reply.attributes[XOR_RELAYED_ADDRESS], transaction_id)
            if self.key and code not in (401, 438):
                self._expect_signed(datagram)
            return Answer(code, reply.attributes)
        raise AssertionError("no answer")

    def _replies(self, request: bytes) -> Iterator[bytes]:
        for left in reversed(range(3)):
            self.udp.sendto(request, self.server)
            try:
                while True:
                    datagram, source = self.udp.recvfrom(2048)
                    assert source[:2] == self.server, source
                    if datagram[0] >> 6 == 0 and datagram[1] & 0xF != DATA:
                        yield datagram
            except TimeoutError:
                if not left:
                    raise

    def _learn(self, challenge: Answer) -> None:
        realm, nonce = challenge.attributes[REALM], challenge.attributes[NONCE]
        self.key = hashlib.md5(
            f"{self.user}:{realm.decode()}:{self.password}".encode()).digest()
        self.identity = [(USERNAME, self.user.encode()), (REALM, realm), (NONCE, nonce)]

    def _expect_signed(self, datagram: bytes) -> None:
        """The signature is the last attribute: we never send a fingerprint."""
        signed, signature = datagram[:-24], datagram[-20:]
        assert datagram[-24:-20] == struct.pack("!HH", MESSAGE_INTEGRITY, 20), datagram
        assert signature == hmac.digest(self.key, signed, "sha1"), datagram
