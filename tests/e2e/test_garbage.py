# SPDX-License-Identifier: MIT
"""Goal: no bytes from strangers bring the daemon down or go uncounted. Method: seeded random bytes,
and real messages with bytes changed, on UDP, TCP, TLS and the admin listener; then it must serve as
before."""

import contextlib
import random
import socket
import ssl

import pytest

import stun_wire

SEED = 20260101
UNBOUNDED = {"admission": {"packets_per_second_per_prefix": 0, "connections_per_prefix": 512}}
# One of each kind that the first byte tells apart (RFC 7983), and what lies between them.
FIRST_BYTES = (0, 1, 2, 3, 4, 19, 20, 22, 63, 64, 79, 80, 100, 127, 128, 191, 192, 255)


@pytest.fixture
def node(roost):
    return roost(UNBOUNDED).start()


@pytest.fixture
def dice():
    return random.Random(SEED)


def _damaged(dice, message):
    """With a few bytes changed, cut or added."""
    message = bytearray(message)
    for _ in range(dice.randint(1, 4)):
        what = dice.randrange(3)
        at = dice.randrange(len(message))
        if what == 0:
            message[at] = dice.randrange(256)
        elif what == 1 and len(message) > 4:
            del message[at:at + dice.randint(1, 4)]
        else:
            message[at:at] = dice.randbytes(dice.randint(1, 4))
    return bytes(message)


def _stun_with_attributes(dice):
    attributes = b""
    for _ in range(dice.randrange(6)):
        value = dice.randbytes(dice.choice((0, 1, 4, 8, 20, 32)))
        attributes += (dice.choice((1, 3, 6, 8, 0x20, 0x24, 0x27, 0x8022, 0x8028,
                                    dice.randrange(65536))).to_bytes(2, "big")
                       + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4))
    return stun_wire.binding_request(dice.randbytes(12), attributes)


def _expect_service(node):
    assert node.is_running()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        stun_wire.ask(udp, ("127.0.0.1", node.port), tries=3)
    with socket.create_connection(("127.0.0.1", node.port), 3) as tcp:
        stun_wire.ask_stream(tcp)
    assert node.admin.get("/readyz").status == 200


def test_udp(node, dice):
    datagrams = [bytes([first]) + dice.randbytes(dice.randint(0, 1400))
                 for first in FIRST_BYTES for _ in range(40)]
    datagrams += [_damaged(dice, _stun_with_attributes(dice)) for _ in range(1000)]
    datagrams += [_stun_with_attributes(dice) for _ in range(500)]
    datagrams += [b"", b"\x00", bytes(20), bytes(65000), b"d1:ad2:id20:" + bytes(20) + b"e1:q4:pinge"]
    for family, server in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.connect((server, node.port))
            udp.settimeout(2)
            for number, datagram in enumerate(datagrams):
                udp.send(datagram)
                if number % 100 == 99:  # Not faster than it reads, so that none is lost.
                    _drain(udp)
    received = node.metric("roost_received_messages_total", transport="udp")
    assert received >= 2 * len(datagrams)
    for name, labels in (("roost_dropped_messages_total", {"reason": "unknown_kind"}),
                         ("roost_dropped_messages_total", {"reason": "not_served"}),
                         ("roost_stun_malformed_total", {}), ("roost_stun_errors_total", {})):
        assert node.metric(name, **labels) > 0, name
    _expect_service(node)


def _drain(udp):
    """Waits for the answer to one more request: then all before it have been read."""
    request = stun_wire.binding_request()
    udp.send(request)
    while request[8:20] not in udp.recv(2048):
        pass


def _send_and_look(connection, data):
    """Sends it and reads what comes, until it is closed or a moment has passed."""
    connection.settimeout(0.05)
    with contextlib.suppress(OSError):
        connection.sendall(data)
        while connection.recv(65536):
            pass


def _streams(dice):
    """Beginnings of connections: random, and nearly right."""
    http = b"GET /v1/node HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    yield from (bytes([first]) + dice.randbytes(dice.randint(0, 3000)) for first in FIRST_BYTES)
    yield from (_damaged(dice, http) for _ in range(30))
    yield from (_damaged(dice, _stun_with_attributes(dice)) for _ in range(30))
    yield b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000
    yield b"GET /" + b"a" * 100_000
    yield b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 5000
    yield b"\x16\x03\x01\xff\xff" + dice.randbytes(70_000)


def test_tcp(node, dice):
    count = 0
    for stream in _streams(dice):
        with socket.create_connection(("127.0.0.1", node.port), 3) as tcp:
            _send_and_look(tcp, stream)
        count += 1
    assert node.metric("roost_connections_accepted_total") == count
    assert node.metric("roost_http_replies_total", **{"class": "4xx"}) > 0
    _expect_service(node)


def test_tls(node, dice):
    """Random bytes instead of records, in the middle of a handshake, and inside of it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for stream in _streams(dice):
        with socket.create_connection(("127.0.0.1", node.port), 3) as tcp, \
                context.wrap_socket(tcp) as tls:
            _send_and_look(tls, stream)
    for _ in range(30):
        greeting = _client_greeting(context)
        with socket.create_connection(("127.0.0.1", node.port), 3) as tcp:
            _send_and_look(tcp, _damaged(dice, greeting))
        with socket.create_connection(("127.0.0.1", node.port), 3) as tcp:
            _send_and_look(tcp, greeting + dice.randbytes(500))
    _expect_service(node)


def _client_greeting(context):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    half = context.wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        half.do_handshake()
    return outgoing.read()


def test_the_admin_listener(node, dice):
    host, port = node.admin.address.split(":")
    for stream in _streams(dice):
        with socket.create_connection((host, int(port)), 3) as tcp:
            _send_and_look(tcp, stream)
    _expect_service(node)
