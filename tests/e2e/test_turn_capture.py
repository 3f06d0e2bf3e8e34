# SPDX-License-Identifier: MIT
"""Goal: TURN on the wire is what others understand by it. Method: capture both sides of an allocation
from its first request to its end, and let tshark decode them."""

import pytest

import turn_wire
from roost_process import Roost
from small_internet import NODE_V4
from turn_wire import TurnClient
from wire_capture import PORT, capturing

OPEN = "11.0.2.10"


@pytest.fixture(scope="module")
def talk(tmp_path_factory, internet):
    """An allocation, data both ways in both forms, an error and the end; and who took part."""
    folder = tmp_path_factory.mktemp("capture")
    node = Roost(folder / "node", {"relay": {"users": {"alice": "secret"}}},
                 namespace=internet.node)
    with node.running(), internet.open.udp_socket(OPEN) as udp, internet.open.udp_socket(OPEN) as peer, \
            capturing(internet.node, folder, "udp") as captured:
        alice = TurnClient(udp, (NODE_V4[0], PORT))
        assert alice.allocate().error is None
        assert alice.permit(OPEN).error is None
        alice.send(peer.getsockname(), b"may be cut")
        assert peer.recv(100) == b"may be cut"
        alice.send(peer.getsockname(), b"in one piece", (turn_wire.DONT_FRAGMENT, b""))
        assert peer.recv(100) == b"in one piece"
        peer.sendto(b"indicated", alice.relayed)
        assert alice.receive()[2] == b"indicated"
        assert alice.bind(0x4ABC, peer.getsockname()).error is None
        for size in range(1, 9):
            alice.send_on(0x4ABC, bytes(size))
            assert len(peer.recv(100)) == size
            peer.sendto(bytes(size), alice.relayed)
            assert alice.receive() == (0x4ABC, None, bytes(size))
        assert alice.permit("10.0.0.1").error == 403
        assert alice.refresh(0).error is None
        captured.wait_for(lambda: captured.count("stun.type == 0x0104") >= 1)
        relayed, at = alice.relayed, peer.getsockname()
    return captured, relayed, at


def test_nothing_is_malformed_or_worth_a_warning(talk):
    capture = talk[0]
    assert capture.count(f"udp.port == {PORT} && !stun") == 0
    assert capture.count(f"udp.port == {PORT} && _ws.malformed") == 0
    # Severity 0x600000 is a warning, 0x800000 an error.
    found = capture.fields(f"udp.srcport == {PORT} && _ws.expert.severity >= 0x600000",
                           "frame.number", "_ws.expert.message")
    assert found == []


def test_each_request_and_its_reply_are_known(talk):
    kinds = [kind for [kind] in talk[0].fields("stun.type", "stun.type")]
    allocate = ["0x0003", "0x0113", "0x0003", "0x0103"]
    permit, bind, refused, end = (["0x0008", "0x0108"], ["0x0009", "0x0109"],
                                  ["0x0008", "0x0118"], ["0x0004", "0x0104"])
    assert kinds == [*allocate, *permit, "0x0016", "0x0016", "0x0017", *bind, *refused, *end]


def test_channel_data_carries_its_channel_and_length_both_ways(talk):
    for side in ("src", "dst"):
        found = talk[0].fields(f"stun.channel && udp.{side}port == {PORT}", "stun.channel",
                               "stun.length", "udp.length")
        # Over UDP nothing is padded: 8 bytes of header of UDP, 4 of ours.
        assert [(int(channel, 0), int(length), int(udp)) for channel, length, udp in found] == \
            [(0x4ABC, size, 8 + 4 + size) for size in range(1, 9)]


def test_the_relayed_address_and_the_peers_are_unmasked(talk):
    capture, relayed, peer = talk
    [[addresses, ports]] = capture.fields(
        "stun.type == 0x0103", "stun.att.ipv4", "stun.att.port")
    # XOR-RELAYED-ADDRESS comes before XOR-MAPPED-ADDRESS.
    assert addresses.split(",") == [relayed[0], OPEN]
    assert ports.split(",")[0] == str(relayed[1])
    [[address, port]] = capture.fields("stun.type == 0x0017", "stun.att.ipv4", "stun.att.port")
    assert (address, port) == (peer[0], str(peer[1]))


def test_the_relay_forbids_to_fragment_what_its_client_does(talk):
    capture, relayed, peer = talk
    may_not = [flag in ("1", "True") for [flag] in capture.fields(
        f"udp.srcport == {relayed[1]} && udp.dstport == {peer[1]}", "ip.flags.df")]
    assert may_not[:2] == [False, True]
