# SPDX-License-Identifier: MIT
"""Goal: the owner sees how the month stands and what the relay does, in the table, in JSON and in the
metrics alike. Method: a node with a small donation, spent step by step."""

import math
import re
import socket

import pytest

import stun_wire
from roost_process import run_command
from turn_wire import TurnClient

RELAY = {"users": {"alice": "secret"}, "addresses": ["127.0.0.1"],
         "allow_peers": ["127.0.0.0/8"]}


def _table(node):
    text = run_command("status", "--config", node.config_path).stdout
    return {line[:19].rstrip(): line[19:] for line in text.splitlines()}


def _spend(node, until_bytes):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        while node.metric("roost_donated_month_bytes") < until_bytes:
            for _ in range(10):
                stun_wire.ask(udp, ("127.0.0.1", node.port))


@pytest.fixture
def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(2)
        yield made


def test_the_month_goes_from_young_to_its_soft_limit(roost, udp):
    bound = 100_000
    node = roost({"admission": {"packets_per_second_per_prefix": 0},
                  "donate": {"monthly": "100 kB"}, "relay": RELAY}).start()
    client = TurnClient(udp, ("127.0.0.1", node.port))
    assert client.allocate().error is None
    _spend(node, 20_000)
    sent = node.metric("roost_donated_month_bytes")
    assert node.metric("roost_donation_month_left_bytes") == bound - sent
    assert node.metric("roost_donation_month_left_ratio") == pytest.approx(1 - sent / bound)
    assert 0 < node.metric("roost_donation_month_left_seconds") <= 31 * 86400
    assert node.metric("roost_donation_month_state", state="young") == 1
    # The first run of a node says nothing about the month for an hour.
    assert math.isnan(node.metric("roost_donation_month_forecast_bytes"))
    month = node.admin.status()["donation"]["month"]
    assert month["state"] == "young" and month["forecast_bytes"] is None
    assert month["left_bytes"] == bound - sent
    table = _table(node)
    assert table["given this month"].endswith("of 100 kB")
    assert re.match(r"7\d\.\d kB \(7\d %\), ", table["left"])
    assert "first hour" in table["forecast"]

    _spend(node, 95_000)
    assert node.metric("roost_donation_month_state", state="soft_limit") == 1
    assert node.metric("roost_donation_month_state", state="young") == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
        second.settimeout(2)
        assert TurnClient(second, ("127.0.0.1", node.port)).allocate().error == 508
    assert client.refresh().error is None  # What goes on has the rest.
    assert node.metric("roost_relay_allocations_refused_total", bound="monthly") == 1
    table = _table(node)
    assert "nothing new is begun" in table["forecast"]
    assert "takes on no more" in table["relay"]
    assert "monthly 1" in table["  refused"]


def test_a_later_run_forecasts_by_the_average_of_the_month(roost):
    node = roost({"admission": {"packets_per_second_per_prefix": 0}}).start()
    _spend(node, 20_000)
    node.stop()
    node.start()
    sent = node.metric("roost_donated_month_bytes")
    left = node.metric("roost_donation_month_left_seconds")
    forecast = node.metric("roost_donation_month_forecast_bytes")
    # In the first hour of a month nothing can be said; on its last day little is to come.
    assert math.isnan(forecast) or sent <= forecast <= sent * 31 * 24 or left > 27 * 86400
    assert node.admin.status()["donation"]["month"]["forecast_bytes"] == \
        (None if math.isnan(forecast) else pytest.approx(forecast, abs=sent))


def test_the_relay_is_shown_by_class_with_its_limits(roost, udp):
    node = roost({"relay": {**RELAY, "allocations_per_user": 1, "allocation_bytes": "3 GB"}}).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        client = TurnClient(udp, ("127.0.0.1", node.port))
        assert client.allocate().error is None
        assert client.bind(0x4000, peer.getsockname()).error is None
        client.send_on(0x4000, b"x" * 1000)
        peer.settimeout(2)
        assert peer.recv(2000) == b"x" * 1000
        client.send_on(0x4001, b"no such channel")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
        second.settimeout(2)
        assert TurnClient(second, ("127.0.0.1", node.port)).allocate().error == 486
    relay = node.admin.status()["relay"]
    assert relay["allocations"] == {"friend": 1, "friend_of_friend": 0, "stranger": 0}
    assert relay["relayed_packets"]["friend"] == 1
    assert relay["relayed_bytes"]["friend"] == 1028
    assert relay["refused"]["allocations_per_user"] == 1 and relay["dropped_packets"]["no_channel"] == 1
    table = _table(node)
    assert table["relay"].startswith("1 of 512 allocations (friend 1, ")
    assert table["  limits"] == "1 a user, 32 a prefix; each 4 Mbit/s, 3 GB"
    assert table["  relayed"].startswith("friend 1.0 kB, ")
    assert table["  refused"] == "allocations_per_user 1" and table["  dropped"] == "no_channel 1"
