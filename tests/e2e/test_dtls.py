# SPDX-License-Identifier: MIT
"""Goal: DTLS on the one port serves clients that others wrote, and costs nothing for those who only
pretend to be there. Method: OpenSSL's client, and ClientHellos made byte by byte. (TURN over DTLS is
in test_turn_clients.)"""

import contextlib
import os
import select
import socket
import struct
import subprocess
from typing import Iterator

import pytest

import programs
from roost_process import Roost

BINDING = bytes.fromhex("000100002112a442") + b"transactioni"
HANDSHAKE, CLIENT_HELLO, HELLO_VERIFY_REQUEST = 22, 1, 3
STATES = ("opening", "handshake", "open", "ended")


def client_hello(cookie: bytes = b"", number: int = 0) -> bytes:
    body = (b"\xfe\xfd" + bytes(range(32)) + b"\0" + bytes([len(cookie)]) + cookie +
            b"\0\x04\xc0\x2b\xc0\x2f" + b"\x01\0" +
            b"\0\x10" + b"\0\x0a\0\x04\0\x02\0\x17" + b"\0\x0d\0\x04\0\x02\4\3")
    message = (bytes([CLIENT_HELLO]) + len(body).to_bytes(3, "big") + struct.pack(">H", number) +
               bytes(3) + len(body).to_bytes(3, "big") + body)
    return (bytes([HANDSHAKE]) + b"\xfe\xff" + struct.pack(">HHIH", 0, 0, number, len(message)) +
            message)


def associations(node: Roost) -> float:
    return sum(node.metric("roost_dtls_associations", state=state) for state in STATES)


@pytest.fixture
def node(tmp_path):
    with Roost(tmp_path, {"admission": {"packets_per_second_per_prefix": 0}}).running() as made:
        yield made


@contextlib.contextmanager
def s_client(node: Roost, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """It sends what is written to it, a datagram a write, and prints what it gets."""
    process = subprocess.Popen(
        [programs.find("openssl"), "s_client", "-quiet", "-connect", f"127.0.0.1:{node.port}",
         *options],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: "subprocess.Popen[bytes]") -> bytes:
    process.stdin.write(BINDING)
    process.stdin.flush()
    readable, _, _ = select.select([process.stdout], [], [], 10)
    assert readable, "no answer"
    return os.read(process.stdout.fileno(), 100)


def test_openssl_s_client_is_answered_inside_an_association(node):
    with s_client(node, "-dtls1_2", "-alpn", "stun.turn") as client:
        for _ in range(3):
            reply = ask(client)
            assert reply[:4] == b"\x01\x01\0\x0c" and reply[8:20] == b"transactioni"
        assert node.metric("roost_dtls_associations", state="open") == 1
        assert node.metric("roost_connections") == 1
    assert node.metric("roost_stun_successes_total", transport="dtls") == 3


def test_it_shows_the_certificate_of_tls(node):
    def fingerprint(option: str) -> str:
        shown = programs.run(
            ["timeout", "10", "openssl", "s_client", option, "-connect", f"127.0.0.1:{node.port}"],
            input="", exit_code=None).stdout
        return programs.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"],
                            input=shown).stdout
    assert fingerprint("-dtls1_2") == fingerprint("-tls1_2")


def test_a_client_is_told_when_the_node_stops(node):
    with s_client(node, "-dtls1_2") as client:
        ask(client)
        node.stop()
        assert client.wait(5) == 0


def test_a_hello_without_a_cookie_draws_a_smaller_question_and_nothing_else(node):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        udp.connect(("127.0.0.1", node.port))
        udp.send(client_hello())
        reply = udp.recv(4096)
        assert (reply[0], reply[13]) == (HANDSHAKE, HELLO_VERIFY_REQUEST)
        assert len(reply) < len(client_hello())
        udp.settimeout(1.5)  # What is remembered would be sent again after a second.
        with pytest.raises(TimeoutError):
            udp.recv(4096)
        assert associations(node) == 0
        udp.settimeout(2)
        udp.send(client_hello(reply[28:], 1))
        assert udp.recv(4096)[13] == 2  # ServerHello.
        assert associations(node) == 1


def test_a_thousand_hellos_from_as_many_ports_leave_nothing_behind(node):
    wrong = client_hello(b"8 bytes!", 1)
    for i in range(1000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(2)
            udp.connect(("127.0.0.1", node.port))
            sent = wrong if i % 2 else client_hello()
            udp.send(sent)
            assert len(udp.recv(4096)) < len(sent)
    assert associations(node) == 0
    assert node.metric("roost_connections") == 0
    assert node.metric("roost_dtls_associations_opened_total") == 0
    assert node.metric("roost_dtls_hellos_total", outcome="asked") == 500
    assert node.metric("roost_dtls_hellos_total", outcome="wrong_cookie") == 500
