# SPDX-License-Identifier: MIT
"""Goal: a wall clock that is set while the daemon runs gives nothing away twice, and takes nothing
away for good. Method: libfaketime sets it forwards and backwards, over the ends of months and of the
periods in which strangers get their bytes."""

import calendar
import json
import socket
import time
import urllib.error
import urllib.request

import pytest

import stun_wire
from machine_clock import MachineClock
from turn_wire import TurnClient

# Strangers relay 20 datagrams of a kilobyte, headers included, in an hour.
RELAY = {"addresses": ["127.0.0.1"], "allow_peers": ["127.0.0.0/8"], "consent": False,
         "stranger_bytes": "20 kB", "stranger_renewal": "1 h", "stranger_time": "10 min",
         "stranger_bandwidth": "10 Mbit/s"}
PAYLOAD = bytes(972)
DATAGRAMS = 20
HOUR = 3600


def _utc(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M"))


@pytest.fixture
def clock(folder):
    made = MachineClock(folder)
    made.set(_utc("2031-03-15 12:00"))
    return made


@pytest.fixture
def node(roost, clock):
    """A daemon that is not started yet."""
    def make(**donate):
        return roost({"donate": donate, "relay": RELAY,
                      "admission": {"packets_per_second_per_prefix": 0}},
                     environment=clock.environment)

    return make


@pytest.fixture
def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(2)
        yield made


def _spend(node, udp, requests=100):
    """Returns what was sent this month."""
    for _ in range(requests):
        stun_wire.ask(udp, ("127.0.0.1", node.port))
    return _given(node)


def _given(node):
    return node.metric("roost_donated_month_bytes")


def _credentials(node):
    with urllib.request.urlopen(f"http://127.0.0.1:{node.port}/v1/turn", timeout=2) as reply:
        given = json.load(reply)
    return given["username"], given["password"]


def _relayed(node, credentials):
    """How many of more datagrams than there may be are relayed; 0 if nothing is allocated."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        peer.bind(("127.0.0.1", 0))
        udp.settimeout(2)
        client = TurnClient(udp, ("127.0.0.1", node.port), *credentials)
        answer = client.allocate()
        if answer.error == 486:  # Used up.
            return 0
        assert answer.error is None
        assert client.bind(0x4000, peer.getsockname()).error is None
        for _ in range(DATAGRAMS + 5):
            client.send_on(0x4000, PAYLOAD)
        # Those came on the way that this one takes, and before it.
        stun_wire.ask(udp, ("127.0.0.1", node.port))
        client.refresh(0)
        return _waiting(peer)


def _waiting(udp):
    udp.setblocking(False)
    count = 0
    try:
        while udp.recv(2000):
            count += 1
    except BlockingIOError:
        return count


def test_a_used_up_month_ends_when_the_clock_enters_the_next_one(node, clock, udp):
    roost = node(monthly="20 kB").start()
    udp.settimeout(0.2)
    while stun_wire.is_answered(udp, ("127.0.0.1", roost.port)):
        pass
    assert roost.admin.get("/readyz").status == 503
    clock.set(_utc("2031-03-31 23:59") + 30)
    assert not stun_wire.is_answered(udp, ("127.0.0.1", roost.port))
    clock.set(_utc("2031-04-01 00:00"))
    assert stun_wire.is_answered(udp, ("127.0.0.1", roost.port))
    assert roost.admin.get("/readyz").status == 200
    assert _given(roost) < 200
    left = roost.admin.status()["donation"]["month"]["left_seconds"]
    assert 30 * 24 * HOUR - 60 < left <= 30 * 24 * HOUR


def test_a_month_to_which_the_clock_goes_back_is_not_given_twice(node, clock, udp):
    roost = node(monthly="1 GB").start()
    _spend(roost, udp)
    clock.set(_utc("2031-04-15 12:00"))
    in_april = _spend(roost, udp, 50)
    clock.set(_utc("2031-03-15 12:10"))  # What is sent now counts for April, which was begun.
    counted = _spend(roost, udp, 50)
    assert counted == pytest.approx(2 * in_april, rel=0.1)
    roost.stop()
    roost.start()  # A restart forgets none of it, whatever month it is.
    assert _given(roost) == counted
    clock.set(_utc("2031-04-01 00:01"))
    assert _spend(roost, udp, 50) == pytest.approx(3 * in_april, rel=0.1)
    clock.set(_utc("2031-05-01 00:01"))
    assert _spend(roost, udp, 50) == pytest.approx(in_april, rel=0.1)


def test_a_clock_from_before_the_build_is_none_until_it_is_set(node, clock, udp):
    clock.set(_utc("1971-01-01 00:00"))  # A board without a battery.
    roost = node(monthly="1 GB").start()
    counted = _spend(roost, udp)
    assert not roost.admin.status()["wall_clock_is_known"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        _credentials(roost)
    assert refused.value.code == 503
    clock.set(_utc("2031-03-15 12:00"))
    assert _relayed(roost, _credentials(roost)) == DATAGRAMS
    # It was sent in this month, as far as anybody knows.
    assert _given(roost) > counted


def test_strangers_get_their_bytes_anew_when_the_clock_enters_the_next_period(node, clock):
    roost = node().start()
    for _ in range(3):
        assert _relayed(roost, _credentials(roost)) == DATAGRAMS
        assert _relayed(roost, _credentials(roost)) == 0
        clock.jump(HOUR)


def test_strangers_get_nothing_twice_when_the_clock_is_set_back(node, clock):
    roost = node().start()
    before = _credentials(roost)
    assert _relayed(roost, before) == DATAGRAMS
    for _ in range(4):
        clock.jump(-2 * HOUR)
        # The old ones have become valid for hours.
        assert _relayed(roost, _credentials(roost)) == 0
        assert _relayed(roost, before) == 0
    clock.jump(8 * HOUR)
    assert _relayed(roost, before) == 0
    clock.jump(2 * HOUR)
    assert _relayed(roost, _credentials(roost)) == DATAGRAMS


def test_what_is_relayed_goes_on_whatever_the_clock_says(node, clock, udp):
    roost = node().start()
    client = TurnClient(udp, ("127.0.0.1", roost.port), *_credentials(roost))
    assert client.allocate().error is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(2)
        assert client.bind(0x4000, peer.getsockname()).error is None
        for jump in (400 * 24 * HOUR, -800 * 24 * HOUR, 400 * 24 * HOUR):
            clock.jump(jump)
            client.send_on(0x4000, b"still here")
            assert peer.recv(100) == b"still here"
            roost.admin.get("/healthz")
    assert client.refresh().error is None
