# SPDX-License-Identifier: MIT
"""Goal: TCP is relayed (RFC 6062) as TCP is: every byte, in order, to the end of it, as fast as it is
taken and no faster than the owner gives, to whom it may go and nobody else. Method: a client of the
test's own over TCP and TLS, and peers that are plain sockets."""

import contextlib
import os
import socket
import ssl
import struct
import threading
import time

import pytest

import turn_streams
import turn_wire
from small_internet import NODE_V4, NODE_V6
from turn_streams import CONNECTION_ID, TCP, StreamClient, has_ended, read_all
from turn_wire import TurnClient

NODE = (NODE_V4[0], 3478)
OPEN, OPEN_V6 = "11.0.2.10", "2a00:11:2::10"
IPV6 = (turn_wire.REQUESTED_ADDRESS_FAMILY, b"\x02\0\0\0")
RELAY = {"users": {"alice": "secret", "bob": "hidden"}, "allocation_bandwidth": "0"}
CHUNK = 8192  # What every buffer on the way holds.
MEGABYTE = os.urandom(1 << 20)


@pytest.fixture
def node(roost, internet):
    def make(relay={}, **sections):
        return roost({"relay": {**RELAY, **relay},
                      "admission": {"connections_per_prefix": 64}, **sections},
                     namespace=internet.node).start()

    return make


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def client(internet, opened):
    """Makes clients of the open host, each with its control connection."""
    def make(user="alice", password="secret", *, tls=False, server=NODE[0], at=internet.open):
        def connect():
            stream = opened(at.inside(
                lambda: socket.create_connection((server, NODE[1]), timeout=10)))
            if tls:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                stream = opened(context.wrap_socket(stream))
            return stream

        return StreamClient(connect, user, password)

    return make


@pytest.fixture
def listener(internet, opened):
    """A peer that listens."""
    def make(address=OPEN):
        def listen():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            stream = socket.create_server((address, 0), family=family)
            stream.settimeout(10)
            return stream

        return opened(internet.open.inside(listen))

    return make


@pytest.fixture
def dial(internet, opened):
    """A peer that connects."""
    return lambda to: opened(internet.open.inside(
        lambda: socket.create_connection(to, timeout=10)))


def _accept(listener):
    stream, source = listener.accept()
    stream.settimeout(10)
    return stream, source[:2]


def _in_background(action):
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def _echo(listener):
    def run():
        stream, _ = _accept(listener)
        with stream:
            while data := stream.recv(65536):
                stream.sendall(data)

    return _in_background(run)


# --- Data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("server, peer, family", [
    (NODE_V4[0], OPEN, ()), (NODE_V6[0], OPEN_V6, (TCP, IPV6)), (NODE_V4[0], OPEN_V6, (TCP, IPV6)),
], ids=["ipv4", "ipv6", "ipv4 to ipv6"])
def test_a_megabyte_comes_back_whole(node, client, listener, tls, server, peer, family):
    made = node()
    alice = client(tls=tls, server=server)
    assert alice.allocate(*family).error is None
    echo = listener(peer)
    _echo(echo)
    data = alice.open(echo.getsockname()[:2])
    if tls:  # Two threads must not use one session at a time.
        for at in range(0, len(MEGABYTE), CHUNK):
            data.sendall(MEGABYTE[at:at + CHUNK])
            assert read_all(data, CHUNK) == MEGABYTE[at:at + CHUNK]
    else:
        sending = _in_background(lambda: data.sendall(MEGABYTE))
        assert read_all(data, len(MEGABYTE)) == MEGABYTE
        sending.join(5)
    for way in ("to_peer", "to_client"):
        carried = made.metric(f"roost_relay_stream_{way}_bytes_total", **{"class": "friend"})
        assert len(MEGABYTE) < carried < 1.1 * len(MEGABYTE)
    # Each byte is paid for once in each direction.
    donated = made.metric("roost_donated_bytes_total")
    assert 2 * len(MEGABYTE) < donated < 2.1 * len(MEGABYTE)


def test_connections_leave_from_the_relayed_address(node, client, listener):
    node()
    alice = client()
    alice.allocate()
    for _ in range(3):
        peer = listener()
        alice.open(peer.getsockname())
        stream, source = _accept(peer)
        assert source == alice.relayed
        stream.close()


def test_what_a_peer_says_before_it_is_bound_is_not_lost(node, client, listener):
    node()
    alice, peer = client(), listener()
    alice.allocate()
    answer = alice.connect(peer.getsockname())
    stream, _ = _accept(peer)
    stream.sendall(MEGABYTE[:60_000])
    stream.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    data = alice.bind_connection(answer.attributes[CONNECTION_ID])
    assert read_all(data) == MEGABYTE[:60_000]
    data.sendall(b"and back")
    assert stream.recv(100) == b"and back"


def test_what_a_client_says_with_its_bind_is_not_lost(node, client, listener):
    node()
    alice, peer = client(), listener()
    alice.allocate()
    number = alice.connect(peer.getsockname()).attributes[CONNECTION_ID]
    stream, _ = _accept(peer)
    data = alice.connect_to_server()
    data.sendall(turn_wire.message(turn_streams.CONNECTION_BIND, (CONNECTION_ID, number),
                                   *alice.identity, key=alice.key) + b"at once")
    assert stream.recv(100) == b"at once"


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_each_end_may_stop_sending_and_go_on_reading(node, client, listener, tls):
    node()
    for first in ("client", "peer"):
        alice, peer = client(tls=tls), listener()
        alice.allocate()
        data = alice.open(peer.getsockname())
        stream, _ = _accept(peer)
        if first == "client":
            data.sendall(b"all that I have to say")
            # Python's TLS has no half of an end: there the peer stops first.
            if tls:
                data.unwrap = None
                stream.settimeout(10)
                assert stream.recv(100) == b"all that I have to say"
                stream.shutdown(socket.SHUT_WR)
                assert read_all(data) == b""
                continue
            data.shutdown(socket.SHUT_WR)
            assert read_all(stream) == b"all that I have to say"
            stream.sendall(MEGABYTE)
            stream.close()
            assert read_all(data) == MEGABYTE
        else:
            sending = _in_background(lambda s=stream: (s.sendall(MEGABYTE),
                                                       s.shutdown(socket.SHUT_WR)))
            assert read_all(data) == MEGABYTE
            sending.join(5)
            data.sendall(b"thank you")
            assert stream.recv(100) == b"thank you"


def test_a_slow_reader_holds_back_who_sends_and_loses_nothing(node, client, listener):
    made = node()
    alice, peer = client(), listener()
    alice.allocate()
    data = alice.open(peer.getsockname())
    stream, _ = _accept(peer)
    total = 16 * len(MEGABYTE)
    sent = []

    def send():
        for _ in range(16):
            stream.sendall(MEGABYTE)
            sent.append(time.monotonic())
        stream.shutdown(socket.SHUT_WR)

    _in_background(send)
    time.sleep(1)
    held_back = len(sent)
    assert held_back < 12, "somebody has taken it all"
    # The other direction goes on meanwhile.
    data.sendall(b"wait for me")
    assert stream.recv(100) == b"wait for me"
    received = 0
    while some := data.recv(65536):
        received += len(some)
    assert received == total
    assert made.metric("roost_relay_connections") <= 1


# --- Who may be reached, and by whom -------------------------------------------------------------


def test_a_permitted_peer_may_connect_and_is_announced(node, client, dial):
    made = node()
    alice = client()
    alice.allocate()
    assert alice.permit(OPEN).error is None
    stream = dial(alice.relayed)
    stream.sendall(b"here I am")
    peer, number = alice.next_attempt()
    assert peer == stream.getsockname()
    data = alice.bind_connection(number)
    assert data.recv(100) == b"here I am"
    data.sendall(b"welcome")
    assert stream.recv(100) == b"welcome"
    assert made.metric("roost_relay_connections_made_total", direction="incoming") == 1
    assert alice.connect(peer).error == 446


def test_who_is_not_permitted_is_shown_the_door(node, client, dial):
    made = node()
    alice = client()
    alice.allocate()
    stream = dial(alice.relayed)
    assert has_ended(stream, within=2)
    assert made.metric("roost_relay_connections_refused_total", reason="no_permission") == 1
    assert alice.refresh().error is None
    assert alice.attempts == []


def test_two_clients_of_one_node_reach_each_other(node, client):
    node()
    alice, bob = client(), client("bob", "hidden")
    alice.allocate()
    bob.allocate()
    bob.permit(NODE[0])
    answer = alice.connect(bob.relayed)
    assert answer.error is None
    peer, number = bob.next_attempt()
    assert peer == alice.relayed
    of_alice = alice.bind_connection(answer.attributes[CONNECTION_ID])
    of_bob = bob.bind_connection(number)
    of_alice.sendall(b"hello")
    assert of_bob.recv(100) == b"hello"
    of_bob.close()
    assert has_ended(of_alice, within=2)


def test_a_connection_that_there_is_already_gets_446(node, client, listener):
    node()
    alice, peer = client(), listener()
    alice.allocate()
    assert alice.connect(peer.getsockname()).error is None
    assert alice.connect(peer.getsockname()).error == 446


def test_a_closed_port_gets_447(node, client, listener):
    made = node()
    alice, peer = client(), listener()
    at = peer.getsockname()
    peer.close()
    alice.allocate()
    assert alice.connect(at).error == 447
    assert alice.connect(at).error == 447  # The place is free again.
    assert made.metric("roost_relay_connects_failed_total", reason="refused") == 2
    assert made.metric("roost_relay_connections") == 0


def test_who_does_not_answer_and_what_nobody_binds_ends_after_30_seconds(
        node, client, listener, internet):
    made = node()
    alice, peer = client(), listener()
    alice.allocate()
    alice.control.settimeout(40)
    internet.open.rules("table ip silence {\n chain input {\n"
                        "type filter hook input priority 0;\n tcp dport 9 drop\n }\n}")
    try:
        started = time.monotonic()
        asked = alice.ask_to_connect((OPEN, 9))
        # The client goes on meanwhile.
        assert alice.refresh().error is None
        number = alice.connect(peer.getsockname()).attributes[CONNECTION_ID]
        stream, _ = _accept(peer)
        assert alice.connect((OPEN, 9)).error == 446
        assert alice.answer_to(asked) == 447
        assert 29.9 < time.monotonic() - started < 45
        assert has_ended(stream, within=4)
        assert alice.try_to_bind((CONNECTION_ID, number))[0].error == 400
    finally:
        internet.open.run(["nft", "delete", "table", "ip", "silence"])
    assert made.metric("roost_relay_connects_failed_total", reason="timeout") == 1
    assert made.metric("roost_relay_connections_never_bound_total") == 1
    assert made.metric("roost_relay_connections") == 0


def test_private_loopback_and_other_special_peers_are_forbidden(node, client):
    node()
    alice = client()
    alice.allocate()
    for peer in ("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.2",
                 "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
                 NODE[0], NODE_V4[1]):
        assert alice.connect((peer, 22)).error == 403, peer
    assert alice.connect(alice.relayed).error == 403  # To itself.
    assert alice.connect((OPEN_V6, 9)).error == 443
    bob = client("bob", "hidden")
    bob.allocate(TCP, IPV6)
    for peer in ("::", "::1", "fe80::1", "fd00::1", "ff02::1", "64:ff9b::7f00:1",
                 "2002:7f00:1::", NODE_V6[0]):
        assert bob.connect((peer, 22)).error == 403, peer
    assert bob.connect(("::ffff:127.0.0.1", 22)).error == 443


@pytest.mark.parametrize("allowed", [[], ["11.0.1.0/24", "127.0.0.0/8"]])
def test_nothing_is_relayed_to_the_nodes_own_ports(node, client, allowed):
    node({"allow_peers": allowed})
    alice = client()
    alice.allocate()
    for peer in (NODE, (NODE[0], 3479), ("127.0.0.1", 3478)):
        assert alice.connect(peer).error == 403, peer


# --- What is asked for in the wrong place --------------------------------------------------------


def test_allocations_of_tcp_are_for_clients_over_tcp(node, client, internet, opened):
    node()
    over_udp = TurnClient(opened(internet.open.udp_socket(OPEN)), NODE)
    assert over_udp.request(turn_wire.ALLOCATE, TCP).error == 400
    assert over_udp.request(turn_streams.CONNECTION_BIND, (CONNECTION_ID, bytes(4))).error == 400
    for wrong in ((turn_wire.DONT_FRAGMENT, b""), (0x0018, b"\0"), (0x0022, bytes(8)),
                  (0x8000, b"\x02\0\0\0")):
        assert client().allocate(TCP, wrong).error == 400
    assert client().allocate((turn_wire.REQUESTED_TRANSPORT, b"\x21\0\0\0")).error == 442


def test_each_kind_of_allocation_has_its_own_requests(node, client, listener):
    node()
    of_tcp, of_udp = client(), client()
    of_tcp.allocate()
    assert of_udp.allocate(turn_wire.UDP).error is None
    assert of_tcp.bind(0x4000, (OPEN, 9)).error == 403
    assert of_udp.connect((OPEN, 9)).error == 403
    assert client().connect((OPEN, 9)).error == 437
    peer = listener()
    answer = of_tcp.connect(peer.getsockname())
    number = answer.attributes[CONNECTION_ID]
    wrong = bytes([number[0] ^ 1]) + number[1:]
    assert of_tcp.try_to_bind((CONNECTION_ID, wrong))[0].error == 400
    assert of_tcp.try_to_bind()[0].error == 400
    assert of_tcp.request(turn_streams.CONNECTION_BIND, (CONNECTION_ID, number)).error == 400
    bob = client("bob", "hidden")
    bob.allocate()
    assert bob.try_to_bind((CONNECTION_ID, number))[0].error == 441
    of_tcp.bind_connection(number)
    assert of_tcp.try_to_bind((CONNECTION_ID, number))[0].error == 400  # It is bound.


# --- Bounds --------------------------------------------------------------------------------------


def test_connections_have_bounds(node, client, listener, dial):
    made = node({"connections_per_allocation": 2})
    alice, peer = client(), listener()
    alice.allocate()
    alice.permit(OPEN)
    first = alice.open(peer.getsockname())
    stream, _ = _accept(peer)
    dial(alice.relayed)
    alice.next_attempt()
    assert alice.connect(listener().getsockname()).error == 508
    assert has_ended(dial(alice.relayed), within=2)
    assert made.metric("roost_relay_connections_full_total",
                       bound="connections_per_allocation") == 2
    first.close()
    stream.close()
    made.wait(lambda: made.metric("roost_relay_connections") == 1, within=2, what="one is gone")
    assert alice.connect(listener().getsockname()).error is None


def test_without_connections_tcp_is_not_offered(node, client):
    node({"connections": 0})
    assert client().allocate().error == 442
    assert client().allocate(turn_wire.UDP).error is None


def test_a_transfer_takes_the_time_that_the_donation_gives(node, client, listener):
    made = node(donate={"bandwidth": "800 kbit/s"})
    rate = 100_000
    alice, peer = client(), listener()
    alice.allocate()
    data = alice.open(peer.getsockname())
    stream, _ = _accept(peer)
    sent = MEGABYTE[:400_000]
    started = time.monotonic()
    donated = made.metric("roost_donated_bytes_total")
    _in_background(lambda: (stream.sendall(sent), stream.shutdown(socket.SHUT_WR)))
    received = bytearray()
    while some := data.recv(65536):
        received += some
        # A second's worth may go at once.
        assert len(received) <= rate * (time.monotonic() - started + 1.2)
    took = time.monotonic() - started
    assert received == sent
    # The burst is there at the start, and headers cost too.
    assert 2.5 < took < 7, took
    assert made.metric("roost_donated_bytes_total") - donated <= rate * (took + 1.1)
    assert made.metric("roost_relay_stream_waits_total", reason="donation") > 0


def test_a_heavy_connection_leaves_a_light_flow_its_part(node, client, listener, internet, opened):
    node(donate={"bandwidth": "800 kbit/s"})
    heavy, peer = client(), listener()
    heavy.allocate()
    data = heavy.open(peer.getsockname())
    stream, _ = _accept(peer)

    def flood():
        with contextlib.suppress(OSError):
            while True:
                data.sendall(MEGABYTE)

    def swallow():
        with contextlib.suppress(OSError):
            while stream.recv(65536):
                pass

    _in_background(flood)
    _in_background(swallow)
    light = TurnClient(opened(internet.open.udp_socket(OPEN)), NODE, "bob", "hidden")
    udp = opened(internet.open.udp_socket(OPEN))
    light.allocate()
    light.bind(0x4000, udp.getsockname())
    time.sleep(1.5)  # Until the burst is over.
    for _ in range(60):
        light.send_on(0x4000, bytes(160))
        time.sleep(0.02)
    udp.settimeout(0.3)
    got = 0
    with contextlib.suppress(TimeoutError):
        while udp.recv(2048):
            got += 1
    assert got == 60


def test_an_allocations_own_rate_is_kept(node, client, listener):
    made = node({"allocation_bandwidth": "800 kbit/s"})
    alice, peer = client(), listener()
    alice.allocate()
    data = alice.open(peer.getsockname())
    stream, _ = _accept(peer)
    started = time.monotonic()
    _in_background(lambda: (data.sendall(MEGABYTE[:300_000]), data.shutdown(socket.SHUT_WR)))
    assert read_all(stream) == MEGABYTE[:300_000]
    assert 1.8 < time.monotonic() - started
    assert made.metric("roost_relay_stream_waits_total", reason="allocation_rate") > 0


def test_an_allocation_that_has_used_up_its_bytes_ends(node, client, listener):
    node({"allocation_bytes": "100 kB"})
    alice, peer = client(), listener()
    alice.allocate()
    data = alice.open(peer.getsockname())
    stream, _ = _accept(peer)
    _in_background(lambda: stream.sendall(MEGABYTE[:300_000]))
    with contextlib.suppress(ConnectionResetError):
        assert 80_000 < len(read_all(data)) <= 100_000
    assert alice.refresh().error == 437


# --- The end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["refresh", "control", "revoked"])
def test_connections_end_with_their_allocation(node, client, listener, dial, how):
    made = node()
    alice, peer = client(), listener()
    alice.allocate()
    alice.permit(OPEN)
    data = alice.open(peer.getsockname())
    bound, _ = _accept(peer)
    unbound = dial(alice.relayed)
    alice.next_attempt()
    if how == "refresh":
        assert alice.refresh(0).error is None
    elif how == "control":
        alice.control.close()
    else:
        made.reload({"relay": {"users": {"bob": "hidden"}}})
    for stream in (data, bound, unbound):
        assert has_ended(stream, within=3)
    assert made.metric("roost_relay_connections") == 0
    assert made.metric("roost_relay_listeners") == 0
    with pytest.raises(OSError):
        dial(alice.relayed)


@pytest.mark.parametrize("end", ["client", "peer"])
@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_the_end_of_one_side_is_that_of_the_other(node, client, listener, end, resets):
    made = node()
    alice, peer = client(), listener()
    alice.allocate()
    data = alice.open(peer.getsockname())
    stream, _ = _accept(peer)
    ending, other = (data, stream) if end == "client" else (stream, data)
    ending.sendall(b"the last words")
    assert other.recv(100) == b"the last words"
    if resets:
        ending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ending.close()
    assert has_ended(other, within=3)
    other.close()
    made.wait(lambda: made.metric("roost_relay_connections") == 0, within=5, what="it is over")
    assert alice.refresh().error is None
