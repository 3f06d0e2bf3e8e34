# SPDX-License-Identifier: MIT
"""Goal: a service manager knows what the daemon is doing and can hand it its sockets. Method: a
stand-in that speaks sd_notify(3) and sd_listen_fds(3) and writes down what it is told."""

import os
import signal
import socket
import time

import pytest

import stun_wire
from supervisor import Supervisor, handing_over


@pytest.fixture
def supervisor(folder):
    made = Supervisor(folder)
    yield made
    made.close()


def test_it_is_told_of_readiness_reloads_and_the_end(roost, supervisor):
    node = roost(environment=supervisor.environment())
    node.launch()
    ready = supervisor.wait_for("READY=1", within=10)
    assert "stun" in ready["STATUS"]
    # Ready means that strangers are served, now.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        stun_wire.ask(udp, ("127.0.0.1", node.port))

    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    node.signal(signal.SIGHUP)
    reloading = supervisor.wait_for("RELOADING=1")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= before + 5_000_000
    supervisor.wait_for("READY=1")

    node.signal(signal.SIGTERM)
    supervisor.wait_for("STOPPING=1")
    assert node.wait_for_exit() == 0
    assert not any("WATCHDOG" in message for message in supervisor.messages)


def test_a_reload_that_fails_ends_too(roost, supervisor):
    """Or systemd would wait for it for ever."""
    node = roost(environment=supervisor.environment())
    node.launch()
    supervisor.wait_for("READY=1", within=10)
    node.write_config({"donate": {"bandwidth": "much"}})
    node.signal(signal.SIGHUP)
    supervisor.wait_for("RELOADING=1")
    supervisor.wait_for("READY=1")


def test_the_watchdog_is_fed_in_time_and_not_by_a_loop_that_hangs(roost, supervisor):
    timeout = 0.6
    node = roost(environment=supervisor.environment(watchdog_seconds=timeout), **handing_over([]))
    node.launch()
    supervisor.wait_for("READY=1", within=10)
    fed = [message.at for message in supervisor.receive(within=4 * timeout) if "WATCHDOG" in message]
    assert len(fed) >= 5, "half the time is what sd_watchdog_enabled(3) recommends"
    assert max(later - earlier for earlier, later in zip(fed, fed[1:])) < timeout

    node.signal(signal.SIGSTOP)
    list(supervisor.receive(within=0.05))  # What was on its way.
    assert list(supervisor.receive(within=2 * timeout)) == []
    node.signal(signal.SIGCONT)
    supervisor.wait_for("WATCHDOG=1")


def test_it_serves_the_sockets_that_it_is_given(roost, supervisor, folder):
    """Two of each kind, at ports that the configuration does not know."""
    given = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            made = socket.socket(family, kind)
            made.bind((address, 0))
            if kind == socket.SOCK_STREAM:
                made.listen()
            given.append(made)
    node = roost(environment=supervisor.environment(), **handing_over(given))
    node.launch()
    supervisor.wait_for("READY=1", within=10)
    for made in given:
        address = made.getsockname()[:2]
        with socket.socket(made.family, made.type) as client:
            client.settimeout(2)
            if made.type == socket.SOCK_DGRAM:
                reply = stun_wire.ask(client, address)
            else:
                client.connect(address)
                reply = stun_wire.ask_stream(client)
            assert reply.mapped[0] == address[0]
        made.close()
    # Nothing else is listened on: not the port of the configuration.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client, \
            pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", node.port))
    # And no program that it might start would inherit them.
    for number in os.listdir(f"/proc/{node.pid}/fdinfo"):
        if int(number) > 2:
            with open(f"/proc/{node.pid}/fdinfo/{number}") as info:
                flags = int(dict(line.split(":", 1) for line in info)["flags"], 8)
            assert flags & os.O_CLOEXEC, number


def test_what_arrives_before_it_is_ready_waits_in_the_sockets(roost, supervisor):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as given, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        given.bind(("127.0.0.1", 0))
        client.settimeout(10)
        request = stun_wire.binding_request()
        client.sendto(request, given.getsockname())
        node = roost(environment=supervisor.environment(), **handing_over([given]))
        node.launch()
        assert stun_wire.parse(client.recv(2048)).transaction_id == request[8:20]


def test_an_unfit_socket_is_refused_with_what_to_look_at(roost, folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as given:
        given.bind(str(folder / "unfit"))
        given.listen()
        exit_code, said = roost(**handing_over([given])).start_in_vain()
    assert exit_code == 1
    assert "socket unit" in said
