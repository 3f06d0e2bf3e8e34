# SPDX-License-Identifier: MIT
"""Goal: what must survive does, and nobody else can read it. Method: end the daemon gently and by
force, damage its files, and look at what it does then."""

import os
import socket
import stat
import time

import pytest

import stun_wire
from turn_wire import TurnClient


def _node_id(node):
    return node.admin.status()["node_id"]


def _spend(node, requests=200):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        for _ in range(requests):
            stun_wire.ask(udp, ("127.0.0.1", node.port))


# What the count that is kept runs ahead of what was sent: at first, and at most.
AHEAD_MIN = 64 * 1024
AHEAD_MAX = 20_000_000

UNBOUNDED = {"admission": {"packets_per_second_per_prefix": 0}}


def test_only_its_user_can_read_it(roost):
    node = roost().start()
    folder = node.state_dir.stat()
    assert stat.S_IMODE(folder.st_mode) == 0o700
    for file in node.state_dir.iterdir():
        found = file.stat()
        assert stat.S_IMODE(found.st_mode) == 0o600, file
        assert found.st_uid == folder.st_uid, file
    assert node.state_dir.joinpath("node.key").stat().st_size == 32


def test_the_identity_outlives_every_kind_of_end(roost):
    node = roost().start()
    node_id = _node_id(node)
    key = node.state_dir.joinpath("node.key").read_bytes()
    node.stop()
    assert _node_id(node.start()) == node_id
    node.kill()
    assert _node_id(node.start()) == node_id
    assert node.state_dir.joinpath("node.key").read_bytes() == key


def test_two_nodes_have_two_identities(roost):
    assert _node_id(roost().start()) != _node_id(roost().start())


@pytest.mark.parametrize("content", [b"", b"short", bytes(33), os.urandom(4096)],
                         ids=["empty", "short", "too long", "noise"])
def test_a_damaged_identity_is_refused_and_left_alone(roost, content):
    node = roost().start()
    node.stop()
    file = node.state_dir / "node.key"
    file.write_bytes(content)
    exit_code, said = node.start_in_vain()
    assert exit_code == 1
    assert str(file) in said
    assert file.read_bytes() == content


def test_the_month_is_counted_across_restarts_and_a_kill(roost):
    node = roost(UNBOUNDED).start()
    _spend(node)
    counted = node.metric("roost_donated_month_bytes")
    assert counted >= 200 * 60  # A reply of 32 bytes, with its headers.
    node.stop()

    node.start()
    assert node.metric("roost_donated_month_bytes") >= counted
    assert node.metric("roost_donated_bytes_total") < counted
    _spend(node)
    counted = node.metric("roost_donated_month_bytes")
    node.kill()

    node.start()
    assert counted <= node.metric("roost_donated_month_bytes") <= counted + AHEAD_MIN


def test_a_kill_amid_traffic_costs_twenty_megabytes_of_the_count_at_most(roost):
    """Never in favour of those who are served: the count runs ahead of what is sent."""
    node = roost({**UNBOUNDED, "donate": {"bandwidth": 0},
                  "relay": {"users": {"alice": "secret"}, "addresses": ["127.0.0.1"],
                            "allocation_bandwidth": 0, "allow_peers": ["127.0.0.0/8"]}}).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        peer.bind(("127.0.0.1", 0))
        udp.settimeout(2)
        client = TurnClient(udp, ("127.0.0.1", node.port))
        assert client.allocate().error is None
        assert client.bind(0x4000, peer.getsockname()).error is None
        deadline = time.monotonic() + 50
        counted = 0
        while counted < 60_000_000:
            for _ in range(2000):
                client.send_on(0x4000, bytes(1400))
            counted = node.metric("roost_donated_month_bytes")
            assert time.monotonic() < deadline, f"only {counted} bytes"
        node.kill()

    node.start()
    waiting = 1_000_000  # More than a socket holds of what had come in and was not relayed yet.
    assert counted <= node.metric("roost_donated_month_bytes") <= counted + waiting + AHEAD_MAX


def test_a_month_that_is_used_up_stays_so_after_a_restart(roost):
    node = roost({**UNBOUNDED, "donate": {"monthly": "10 kB"}}).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.3)
        answered = 0
        while stun_wire.is_answered(udp, ("127.0.0.1", node.port)):
            answered += 1
            assert answered * 32 < 10_000, "the donation was exceeded"
        assert answered >= 50
        assert node.metric("roost_donation_refused_total", bound="monthly") >= 1
        ready = node.admin.get("/readyz")
        assert ready.status == 503 and "month" in ready.text
        node.stop()
        node.start(until="/healthz")
        assert not stun_wire.is_answered(udp, ("127.0.0.1", node.port))
        assert node.admin.get("/readyz").status == 503


def test_a_damaged_month_is_set_aside_and_told(roost):
    node = roost().start()
    node.stop()
    (node.state_dir / "month").write_bytes(b"nonsense")
    os.chown(node.state_dir / "month", node.state_dir.stat().st_uid, -1)
    node.start()
    assert "month" in node.log() and "damaged" in node.log()
    assert (node.state_dir / "month.damaged").read_bytes() == b"nonsense"
