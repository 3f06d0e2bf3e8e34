# SPDX-License-Identifier: MIT
"""Goal: strangers who ask for allocations from thousands of networks cost the node no memory, and
those whom it serves no packet.
Method: on loopback, where every address of 127.0.0.0/8 is ours to send from. The flood and the flow
beside it take turns, so that the test's own speed decides nothing. How much slower a flow becomes is
measured by `./dev bench flood`."""

import collections
import contextlib
import ipaddress
import pathlib
import re
import socket
import struct
import time

import stun_wire
import turn_wire
from turn_wire import TurnClient

IP_PKTINFO = 8  # The socket module knows it from Python 3.12 on.
PEER = "127.0.0.2"
ROUNDS = 1000
# The few ask much more often than they are answered, the many once.
FEW = [f"127.64.{number}.1" for number in range(20)]
MANY = [str(ipaddress.ip_address("127.80.0.1") + 256 * number) for number in range(5 * ROUNDS)]
CHALLENGES_PER_SECOND, AT_ONCE = 10, 20
GROWN_KIB_MAX = 1024
REQUEST = turn_wire.message(turn_wire.ALLOCATE, turn_wire.UDP)
CHALLENGE = 0x0113


class Flood:
    """One socket that sends from whatever address it likes and counts what comes back to each."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.udp.bind(("0.0.0.0", 0))
        self.udp.setblocking(False)
        self.answers: collections.Counter[str] = collections.Counter()

    def send(self, source: str) -> None:
        pktinfo = struct.pack("=i4s4s", 0, socket.inet_aton(source), bytes(4))
        self.udp.sendmsg([REQUEST], [(socket.IPPROTO_IP, IP_PKTINFO, pktinfo)], 0, self.server)

    def count_answers(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                answer, ancillary, _, _ = self.udp.recvmsg(2048, 64)
                assert stun_wire.parse(answer).type == CHALLENGE, answer
                assert len(answer) <= 3 * len(REQUEST)
                [(_, _, pktinfo)] = ancillary
                self.answers[socket.inet_ntoa(pktinfo[8:12])] += 1


def _resident_kib(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])


def test_a_flood_from_thousands_of_networks_costs_a_flow_nothing_and_no_memory(roost):
    made = roost({"relay": {"users": {"alice": "secret"}, "allow_peers": ["127.0.0.0/8"]}}).start()
    server = ("127.0.0.1", made.port)
    with contextlib.ExitStack() as stack:
        def udp(address: str) -> socket.socket:
            made_socket = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            made_socket.bind((address, 0))
            made_socket.settimeout(5)
            return made_socket

        peer, alice = udp(PEER), TurnClient(udp("127.0.0.1"), server)
        assert alice.allocate().error is None
        assert alice.bind(0x4000, peer.getsockname()).error is None
        flood = Flood(server)
        stack.callback(flood.udp.close)

        def exchange(text: bytes) -> None:
            """One packet each way; what does not come ends the test."""
            alice.send_on(0x4000, text)
            assert peer.recv(2048) == text
            peer.sendto(text, alice.relayed)
            assert alice.receive() == (0x4000, None, text)

        for number in range(100):
            exchange(b"before %d" % number)
        before = _resident_kib(made.pid)
        started = time.monotonic()
        for number in range(ROUNDS):
            for i in range(5):
                flood.send(FEW[(5 * number + i) % len(FEW)])
                flood.send(MANY[5 * number + i])
            exchange(b"%d" % number)
            flood.count_answers()
        exchange(b"after")
        flood.count_answers()
        took = time.monotonic() - started
        grown = _resident_kib(made.pid) - before

    assert grown < GROWN_KIB_MAX, f"{grown} KiB"
    assert made.metric("roost_relay_allocations") == made.metric("roost_relay_sockets") == 1
    for source in FEW:
        assert AT_ONCE <= flood.answers[source] <= AT_ONCE + CHALLENGES_PER_SECOND * took + 1, source
    assert all(flood.answers[source] == 1 for source in MANY)
    unanswered = made.metric("roost_turn_dropped_total", reason="challenge_limit") + \
        made.metric("roost_dropped_messages_total", reason="admission")
    assert unanswered + flood.answers.total() == 10 * ROUNDS
