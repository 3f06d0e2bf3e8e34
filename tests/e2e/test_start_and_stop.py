# SPDX-License-Identifier: MIT
"""Goal: the daemon starts with nothing, says what is wrong when it cannot, and ends when it is told.
Method: start it on the defaults, in the way of another one, and end it in each way there is."""

import signal
import socket
import subprocess
import time

import pytest

import stun_wire
from admin_listener import AdminListener
from roost_process import binary, run_command


def test_it_serves_on_its_defaults_without_a_configuration(namespace, folder):
    """In a namespace, since the defaults are all addresses and the well-known port."""
    host = namespace()
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(host.command(str(binary()), "serve"), cwd=folder,
                                   stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    try:
        for server, own in (("127.0.0.1", "0.0.0.0"), ("::1", "::")):
            with host.udp_socket(own) as udp:
                udp.settimeout(0.2)
                reply = stun_wire.ask(udp, (server, 3478), tries=50)
                assert reply.mapped == (server, udp.getsockname()[1])
        with host.inside(lambda: socket.create_connection(("127.0.0.1", 9478), 2)) as admin:
            admin.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            assert admin.recv(100).split()[1] == b"200"
        status = run_command("status", prefix=host.command(), cwd=folder).stdout
        assert "stun" in status and "3478" in status
        assert (folder / "var/node.key").stat().st_size == 32
    finally:
        process.terminate()
        assert process.wait(3) == 0, (folder / "stderr").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second_although_connections_are_open(roost, number):
    node = roost().start()
    connections = [socket.create_connection(("127.0.0.1", node.port), 2) for _ in range(8)]
    stun_wire.ask_stream(connections[0])
    started = time.monotonic()
    node.signal(number)
    assert node.wait_for_exit() == 0
    assert time.monotonic() - started < 1
    assert signal.Signals(number).name in node.log()
    for connection in connections:
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            pass
        connection.close()


@pytest.mark.parametrize("pause", [0, 0.005, 0.02])
def test_two_signals_end_it_as_cleanly_as_one(roost, pause):
    node = roost({"store": {"engine": "rocksdb"}}).start()
    node.signal(signal.SIGTERM)
    time.sleep(pause)
    node.signal(signal.SIGINT)
    assert node.wait_for_exit() == 0
    node.start()
    assert "damaged" not in node.log()


def test_it_starts_again_at_once_on_the_same_port(roost):
    node = roost().start()
    with socket.create_connection(("127.0.0.1", node.port), 2) as connection:
        stun_wire.ask_stream(connection)
        node.stop()  # The daemon closes first, so its end of the connection lingers.
        node.start()


def test_a_second_one_on_the_same_state_is_refused(roost):
    first = roost().start()
    second = roost({"node": {"state_dir": str(first.state_dir)}})
    exit_code, said = second.start_in_vain()
    assert exit_code == 1
    assert str(first.state_dir) in said and "in use by another roost" in said
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        stun_wire.ask(udp, ("127.0.0.1", first.port))


@pytest.mark.parametrize("kind, word", [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")])
def test_a_port_in_use_is_named_with_what_to_do(roost, kind, word):
    node = roost()
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", node.port))
        if kind == socket.SOCK_STREAM:
            other.listen()
        exit_code, said = node.start_in_vain()
    assert exit_code == 1
    assert f"{word} 127.0.0.1:{node.port}" in said and "another program" in said


def test_an_admin_port_in_use_names_the_option(roost):
    first = roost().start()
    exit_code, said = roost({"metrics": {"listen": first.admin.address}}).start_in_vain()
    assert exit_code == 1
    assert first.admin.address in said and "metrics.listen" in said


def test_a_configuration_with_problems_keeps_it_from_starting(roost):
    node = roost({"node": {"prot": 1}, "donate": {"bandwidth": "20 Mbits"}})
    exit_code, said = node.start_in_vain()
    assert exit_code == 2
    assert "node.prot" in said and "donate.bandwidth" in said


def test_the_admin_listener_can_be_a_socket_file_or_nothing(roost, folder):
    node = roost({"metrics": {"listen": f"unix:{folder}/admin"}}).start()
    assert AdminListener(f"unix:{folder}/admin").status()
    assert "stun" in run_command("status", "--config", node.config_path).stdout
    node.stop()

    silent = roost({"metrics": {"listen": ""}})
    silent.launch()
    silent.wait_for_log("serving")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        stun_wire.ask(udp, ("127.0.0.1", silent.port))


def test_a_public_admin_listener_has_to_be_asked_for_twice(roost):
    node = roost({"metrics": {"listen": "0.0.0.0:9478"}})
    exit_code, said = node.start_in_vain()
    assert exit_code == 2 and "metrics.allow_public" in said


def test_status_tells_when_nobody_is_there(roost):
    node = roost()
    done = run_command("status", "--config", node.config_path, exit_code=1)
    assert node.admin.address in done.stdout
