# SPDX-License-Identifier: MIT
"""Goal: SIGHUP takes over what can change, says what waits for a restart, and breaks nothing. Method:
change the file, send the signal, read the log and the metrics, and ask again."""

import socket

import stun_wire


def test_what_changed_is_taken_over_and_told(roost):
    node = roost().start()
    said = node.reload({"donate": {"monthly": "7 GB"}, "stun": {"enabled": False}})
    assert "donate.monthly" in said and "stun.enabled" in said
    assert "need a restart" not in said
    assert node.metric("roost_donation_month_bytes") == 7_000_000_000
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.3)
        assert not stun_wire.is_answered(udp, ("127.0.0.1", node.port))
        node.reload({"stun": {"enabled": True}})
        assert stun_wire.is_answered(udp, ("127.0.0.1", node.port))


def test_what_waits_for_a_restart_is_told_each_time(roost):
    node = roost().start()
    port = node.port
    for _ in range(2):
        said = node.reload({"node": {"port": port + 1}, "admission": {"prefixes": 64}})
        [line] = [line for line in said.splitlines() if "need a restart" in line]
        assert "node.port" in line and "admission.prefixes" in line
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        stun_wire.ask(udp, ("127.0.0.1", port))


def test_a_file_with_problems_changes_nothing(roost):
    node = roost({"donate": {"monthly": "7 GB"}}).start()
    said = node.reload({"donate": {"monthly": "8 GB", "bandwidth": "much"}})
    assert "donate.bandwidth" in said and "old one stays in force" in said
    assert node.metric("roost_donation_month_bytes") == 7_000_000_000
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        stun_wire.ask(udp, ("127.0.0.1", node.port))


def test_reloading_over_and_over_keeps_connections_open(roost):
    node = roost().start()
    with socket.create_connection(("127.0.0.1", node.port), 2) as tcp:
        stun_wire.ask_stream(tcp)
        for gigabytes in range(5):
            node.reload({"donate": {"monthly": f"{gigabytes + 1} GB"}})
        stun_wire.ask_stream(tcp)
