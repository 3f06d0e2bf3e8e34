# SPDX-License-Identifier: MIT
"""Goal: the relay does for nobody more than its owner lets it, and says so in the RFC's numbers.
Method: a TURN client of the test's own asks for what well-behaved programs do not ask for."""

import contextlib
import socket
import time

import pytest

import stun_wire
import turn_wire
from small_internet import NODE_V4, NODE_V6
from turn_wire import TurnClient

NODE = (NODE_V4[0], 3478)
OPEN = "11.0.2.10"
IPV6 = (turn_wire.REQUESTED_ADDRESS_FAMILY, b"\x02\0\0\0")
ALICE = {"users": {"alice": "secret"}}


@pytest.fixture
def node(roost, internet):
    """Makes a node whose relay alice may use, and starts it."""
    def make(relay={}, **sections):
        return roost({"relay": {**ALICE, **relay}, **sections}, namespace=internet.node).start()

    return make


@pytest.fixture
def udp(internet):
    """Makes sockets of the open host, each another client or peer."""
    with contextlib.ExitStack() as stack:
        yield lambda address=OPEN: stack.enter_context(internet.open.udp_socket(address))


@pytest.fixture
def client(udp):
    def make(user="alice", password="secret"):
        return TurnClient(udp(), NODE, user, password)

    return make


def _drain(peer):
    """All datagrams that are there, and what comes within the socket's timeout after the last."""
    received = []
    with contextlib.suppress(TimeoutError):
        while True:
            received.append(peer.recv(2048))
    return received


# --- Who may be reached ---------------------------------------------------------------------------


def test_data_goes_both_ways_by_indications_and_by_channel(node, client, udp):
    node()
    alice, peer = client(), udp()
    at = peer.getsockname()
    assert alice.allocate().error is None
    assert alice.permit(OPEN).error is None
    alice.send(at, b"to the peer")
    data, source = peer.recvfrom(100)
    assert (data, source) == (b"to the peer", alice.relayed)
    peer.sendto(b"to the client", alice.relayed)
    assert alice.receive() == (None, at, b"to the client")
    assert alice.bind(0x4000, at).error is None
    alice.send_on(0x4000, b"by channel")
    assert peer.recv(100) == b"by channel"
    peer.sendto(b"back", alice.relayed)
    assert alice.receive() == (0x4000, None, b"back")


def test_bursts_of_what_is_larger_than_the_line_takes_arrive_whole(node, client, udp):
    """Such datagrams go out in fragments, and cannot be handed to the kernel as one burst."""
    made = node({"allocation_bandwidth": "0"})
    alice, peer = client(), udp()
    at = peer.getsockname()
    assert alice.allocate().error is None
    assert alice.bind(0x4000, at).error is None
    sent = [bytes([number]) * 1480 for number in range(30)]  # 1,472 fit in an Ethernet frame.
    for data in sent:
        alice.send_on(0x4000, data)
    assert [peer.recv(2048) for _ in sent] == sent
    for data in sent:
        peer.sendto(data, alice.relayed)
    assert [alice.receive()[2] for _ in sent] == sent
    for name in ("roost_udp_send_dropped_total", "roost_relay_send_dropped_total"):
        assert made.metric(name, reason="other") == 0


def test_who_was_not_permitted_gets_nothing_through(node, client, udp):
    made = node()
    alice, peer = client(), udp()
    alice.allocate()
    alice.udp.settimeout(0.3)
    peer.sendto(b"unasked", alice.relayed)
    alice.send(peer.getsockname(), b"unpermitted")
    peer.settimeout(0.3)
    assert _drain(alice.udp) == _drain(peer) == []
    assert made.metric("roost_relay_dropped_packets_total", reason="no_permission") == 2


def test_private_loopback_and_other_special_peers_are_forbidden(node, client):
    node()
    alice = client()
    alice.allocate()
    for peer in ("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.2", "169.254.169.254",
                 "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"):
        assert alice.permit(peer).error == 403, peer
        assert alice.bind(0x4001, (peer, 9)).error == 403, peer


def test_special_peers_of_ipv6_are_forbidden(node, udp):
    node()
    alice = TurnClient(udp("2a00:11:2::10"), (NODE_V6[0], 3478))
    assert alice.allocate(IPV6).error is None
    assert alice.permit("2a00:11:2::10").error is None
    for peer in ("::", "::1", "fe80::1", "fd00::1", "ff02::1", "64:ff9b::7f00:1",
                 "2002:7f00:1::"):
        assert alice.permit(peer).error == 403, peer
        assert alice.bind(0x4001, (peer, 9)).error == 403, peer
    # It is an address of IPv4, of which this allocation has none.
    assert alice.permit("::ffff:127.0.0.1").error == 443


def test_the_owner_allows_and_denies_peers(node, client):
    node({"allow_peers": ["192.168.0.0/16"], "deny_peers": ["11.0.2.0/24", "192.168.7.0/24"]})
    alice = client()
    alice.allocate()
    assert alice.permit("192.168.1.2").error is None
    assert alice.permit("192.168.7.1").error == 403
    assert alice.permit(OPEN).error == 403


@pytest.mark.parametrize("allowed", [[], ["11.0.1.0/24"]])
def test_nothing_is_relayed_to_the_nodes_own_ports(node, client, allowed):
    """A relay that talks to itself is a loop."""
    made = node({"allow_peers": allowed})
    alice = client()
    alice.allocate()
    alice.permit(NODE[0])
    alice.udp.settimeout(0.3)
    for port in (3478, 3479):
        assert alice.bind(0x4002, (NODE[0], port)).error == 403, port
        alice.send((NODE[0], port), stun_wire.binding_request())
    assert _drain(alice.udp) == []
    assert made.metric("roost_relay_dropped_packets_total", reason="forbidden_peer") == 2


def test_a_peer_of_the_other_family_is_refused(node, client):
    node()
    alice = client()
    alice.allocate()
    assert alice.permit("2a00:11:2::10").error == 443


@pytest.mark.parametrize("number", [0x3FFF, 0x5000, 0x7FFF])
def test_channel_numbers_are_those_of_rfc_8656(node, client, number):
    node()
    alice = client()
    alice.allocate()
    assert alice.bind(number, (OPEN, 9)).error == 400
    assert alice.bind(0x4FFF, (OPEN, 9)).error is None


# --- How much there is of an allocation -----------------------------------------------------------


def test_a_second_allocation_beyond_the_quota_gets_486(node, client):
    made = node({"allocations_per_user": 1})
    first, second = client(), client()
    assert first.allocate().error is None
    assert second.allocate().error == 486
    first.refresh(0)
    assert second.allocate().error is None
    assert made.metric("roost_relay_allocations_refused_total", bound="allocations_per_user") == 1


def test_the_quota_of_a_prefix_counts_all_its_users(node, client, udp):
    made = node({"users": {"alice": "secret", "bob": "hidden"}, "allocations_per_prefix": 1})
    assert client().allocate().error is None
    assert client("bob", "hidden").allocate().error == 486
    elsewhere = TurnClient(udp("2a00:11:2::10"), (NODE_V6[0], 3478), "bob", "hidden")
    assert elsewhere.allocate(IPV6).error is None
    assert made.metric("roost_relay_allocations") == 2


def test_what_needs_an_allocation_gets_437_without_one(node, client):
    node()
    alice = client()
    assert alice.refresh().error == 437
    assert alice.permit(OPEN).error == 437
    assert alice.bind(0x4000, (OPEN, 9)).error == 437
    assert alice.allocate().error is None
    assert alice.allocate().error == 437  # There is one already.


def test_an_allocation_is_its_users_alone(node, client):
    node({"users": {"alice": "secret", "bob": "hidden"}})
    alice = client()
    alice.allocate()
    bob = TurnClient(alice.udp, NODE, "bob", "hidden")
    assert bob.refresh(0).error == 441
    assert bob.permit(OPEN).error == 441
    assert alice.refresh().error is None


def test_a_refresh_of_0_frees_the_port_for_the_next(node, client):
    made = node({"port_min": 50000, "port_max": 50000})
    first, second = client(), client()
    assert first.allocate().error is None
    assert first.relayed == (NODE[0], 50000)
    assert second.allocate().error == 508
    assert made.metric("roost_relay_allocations") == made.metric("roost_relay_sockets") == 1
    assert first.refresh(0).lifetime == 0
    assert made.metric("roost_relay_allocations") == made.metric("roost_relay_sockets") == 0
    assert second.allocate().error is None
    assert second.relayed == (NODE[0], 50000)


def test_no_allocation_lasts_longer_than_the_owner_says(node, client):
    node({"lifetime_max": "20 min"})
    alice = client()
    assert alice.allocate((turn_wire.LIFETIME, b"\0\0\xff\xff")).lifetime == 1200
    assert alice.refresh(86400).lifetime == 1200
    assert alice.refresh(1).lifetime == 600  # RFC 8656 §3.2 knows no shorter ones.


# --- Who may ask ----------------------------------------------------------------------------------


def test_a_user_who_was_removed_is_refused_at_the_next_refresh(node, client):
    made = node({"users": {"alice": "secret", "bob": "hidden"}})
    alice, bob = client(), client("bob", "hidden")
    assert alice.allocate().error is bob.allocate().error is None
    said = made.reload({"relay": {"users": {"bob": "hidden"}}})
    assert "relay.users" in said and "hidden" not in said and "secret" not in said
    assert alice.refresh().error == 401
    assert bob.refresh().error is None


def test_a_password_of_a_shared_secret_works_until_it_expires(node, client):
    node({"shared_secret": "north"})
    carol = client(*turn_wire.rest_credentials("north", "carol", expires_in=2.5))
    assert carol.allocate().error is None
    assert carol.refresh().error is None
    # Its clock is up to 10 ms late: the kernel's coarse one.
    time.sleep(max(0, int(carol.user.split(":")[0]) + 0.05 - time.time()))
    assert carol.refresh().error == 401


def test_a_flood_of_strangers_gets_few_answers_and_no_allocation(node, client, udp):
    made = node()
    flood = udp()
    flood.settimeout(0.5)
    started = time.monotonic()
    for _ in range(150):
        flood.sendto(turn_wire.message(turn_wire.ALLOCATE, turn_wire.UDP), NODE)
        time.sleep(0.004)
    answers = _drain(flood)
    # Ten a second, and two seconds' worth at once.
    assert 20 <= len(answers) <= 20 + 10 * (time.monotonic() - started) + 1
    assert {stun_wire.parse(answer).type for answer in answers} == {0x0113}
    assert max(map(len, answers)) <= 3 * len(turn_wire.message(3, turn_wire.UDP))
    assert made.metric("roost_relay_allocations") == made.metric("roost_relay_sockets") == 0
    assert made.metric("roost_turn_dropped_total", reason="challenge_limit") >= 100


def test_a_client_over_tcp_is_challenged_while_strangers_flood_its_prefix(node, internet, udp):
    """It would wait for ever: over TCP nothing is asked twice."""
    made = node()
    flood = udp()
    for _ in range(60):
        flood.sendto(turn_wire.message(turn_wire.ALLOCATE, turn_wire.UDP), NODE)
    with internet.open.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tcp:
        tcp.settimeout(2)
        tcp.connect(NODE)
        tcp.sendall(turn_wire.message(turn_wire.ALLOCATE, turn_wire.UDP))
        assert stun_wire.parse(stun_wire.read_message(tcp)).type == 0x0113
    assert made.metric("roost_turn_dropped_total", reason="challenge_limit") > 0


# --- The donation ---------------------------------------------------------------------------------


def test_a_heavy_flow_is_held_to_the_donation_and_a_light_one_loses_nothing(node, client, udp):
    made = node(donate={"bandwidth": "64 kbit/s"})
    rate, seconds, header = 8000, 4, 28
    flows = []
    for _ in range(2):
        sender, peer = client(), udp()
        assert sender.allocate().error is None
        assert sender.bind(0x4000, peer.getsockname()).error is None
        flows.append((sender, peer))
    (heavy, heavy_peer), (light, light_peer) = flows
    started = time.monotonic()
    light_sent = 0
    for tick in range(seconds * 40):
        heavy.send_on(0x4000, bytes(1000))  # Five times what there is.
        if tick % 4 == 0:
            light.send_on(0x4000, bytes(100))
            light_sent += 1
        time.sleep(max(0, started + (tick + 1) / 40 - time.monotonic()))
    took = time.monotonic() - started
    for peer in (heavy_peer, light_peer):
        peer.settimeout(0.1)
    light_got, heavy_got = _drain(light_peer), _drain(heavy_peer)
    assert len(light_got) == light_sent
    relayed = sum(len(data) + header for data in light_got + heavy_got)
    # A second's worth may go at once.
    assert 0.75 * rate * took <= relayed <= rate * (took + 1)
    assert made.metric("roost_relay_donation_refused_packets_total") > 0


def test_near_the_end_of_the_month_nobody_new_is_taken_on(node, client, udp):
    """What goes on already has the rest of it."""
    made = node(donate={"monthly": "200 kB"})
    alice, peer = client(), udp()
    alice.allocate()
    alice.bind(0x4000, peer.getsockname())
    newcomer = client()
    assert newcomer.allocate().error is None
    newcomer.refresh(0)
    for _ in range(187):  # 95 percent, which is 190 kB, are over after these.
        alice.send_on(0x4000, bytes(1000))
        assert len(peer.recv(2048)) == 1000
    assert newcomer.allocate().error == 508
    assert alice.refresh().error is None
    for _ in range(2):
        alice.send_on(0x4000, b"goes on")
        assert peer.recv(100) == b"goes on"
    assert made.metric("roost_relay_allocations") == 1
    made.reload({"donate": {"monthly": "300 kB"}})
    assert newcomer.allocate().error is None


def test_an_allocation_that_has_used_up_its_bytes_ends(node, client, udp):
    made = node({"allocation_bytes": "10 kB"})
    alice, peer = client(), udp()
    alice.allocate()
    alice.bind(0x4000, peer.getsockname())
    for _ in range(12):
        alice.send_on(0x4000, bytes(972))
    peer.settimeout(0.3)
    assert len(_drain(peer)) == 10
    assert alice.refresh().error == 437
    assert made.metric("roost_relay_allocations") == 0
