# SPDX-License-Identifier: MIT
"""Goal: a daemon that has run out of file descriptors goes on serving UDP, does not spin, and takes
connections again once it can. Method: give it few, and take them all."""

import os
import pathlib
import socket
import time

import pytest

import stun_wire

DESCRIPTORS = 48
CLIENTS = 100


def _cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def starved(roost):
    """As root it could raise the limit again, so it gets this one for good."""
    node = roost({"donate": {"connections": 512}, "admission": {"connections_per_prefix": 512}},
                 prefix=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"))
    return node.start()


def test_udp_goes_on_and_tcp_comes_back(starved):
    clients = [socket.create_connection(("127.0.0.1", starved.port), 3) for _ in range(CLIENTS)]
    try:
        starved.wait(lambda: len(os.listdir(f"/proc/{starved.pid}/fd")) >= DESCRIPTORS - 2,
                     within=3, what="all descriptors are in use")
        before = _cpu_seconds(starved.pid)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(2)
            for _ in range(50):
                stun_wire.ask(udp, ("127.0.0.1", starved.port))
                time.sleep(0.02)
        spent = _cpu_seconds(starved.pid) - before
        assert spent < 0.5, f"{spent} s of CPU in a second of waiting"
    finally:
        for client in clients:
            client.close()
    # One that waited in the kernel's queue meanwhile, or comes now, is served.
    with socket.create_connection(("127.0.0.1", starved.port), 3) as tcp:
        tcp.settimeout(3)
        stun_wire.ask_stream(tcp)
    assert starved.admin.get("/readyz").status == 200


def test_the_oldest_are_not_thrown_out_for_those_who_push(starved):
    with socket.create_connection(("127.0.0.1", starved.port), 3) as first:
        stun_wire.ask_stream(first)
        clients = [socket.create_connection(("127.0.0.1", starved.port), 3)
                   for _ in range(CLIENTS)]
        first.settimeout(2)
        stun_wire.ask_stream(first)
        for client in clients:
            client.close()
