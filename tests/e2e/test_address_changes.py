# SPDX-License-Identifier: MIT
"""Goal: a node whose machine gets another address goes on with that one, and relays nothing to it.
Method: a host in a namespace whose addresses change under the daemon."""

import re
import signal
import socket
import time

import pytest

from namespaces import add_bridge
from sandbox import without_netlink
from turn_wire import TurnClient

FIRST, SECOND, NEIGHBOUR = "11.0.7.10", "11.0.7.11", "11.0.7.99"
CALM_SECONDS = 0.2  # What the daemon waits for more of a burst.


@pytest.fixture
def host(namespace):
    host = namespace("host")
    add_bridge(host, "wan", f"{FIRST}/24")  # It has no other end, and needs none.
    host.ip("route", "add", "default", "dev", "wan")
    return host


@pytest.fixture
def node(roost, host):
    # Clients are on the host too, and come to loopback: the address is the node's to choose.
    return roost({"relay": {"users": {"alice": "secret"}}}, namespace=host).start()


def _client(host):
    """Over IPv6, so that the IPv4 address is not the one at which the node is reached."""
    udp = host.udp_socket("::1")
    return TurnClient(udp, ("::1", 3478))


def _replace_address(host):
    # By one program, so that a busy machine does not make two bursts of it.
    host.run(["ip", "-batch", "-"], input=f"""\
addr add {SECOND}/24 dev wan
addr del {FIRST}/24 dev wan
addr replace {SECOND}/24 dev wan
""")


def test_the_next_allocation_is_at_the_new_address_and_the_old_one_ends(host, node):
    old = _client(host)
    assert old.allocate().error is None
    assert old.relayed[0] == FIRST
    assert old.permit(SECOND).error == 403  # A neighbour on the link, so far.
    assert old.permit("8.8.8.8").error is None

    before = len(node.log())
    _replace_address(host)
    node.wait_for_log(f"addresses have changed.*gone: {FIRST}.*relayed addresses at {SECOND}",
                      after=before)
    assert old.refresh().error == 437
    new = _client(host)
    assert new.allocate().error is None
    assert new.relayed[0] == SECOND
    assert old.allocate().error is None and old.relayed[0] == SECOND
    # It carries relayed addresses, so it may be permitted; but nothing of the host's own is there.
    with host.udp_socket(SECOND) as own:
        assert new.bind(0x4000, own.getsockname()).error == 403
        assert new.permit(SECOND).error is None
        new.send(own.getsockname(), b"x")
        own.settimeout(0.3)
        with pytest.raises(TimeoutError):
            own.recv(100)
    assert node.metric("roost_relay_dropped_packets_total", reason="forbidden_peer") == 1


def test_another_address_of_the_machine_is_refused_at_once(host, node):
    client = _client(host)
    assert client.allocate().error is None
    assert client.permit("12.0.0.1").error is None
    before = len(node.log())
    host.ip("addr", "add", "12.0.0.1/32", "dev", "wan")
    node.wait_for_log("addresses have changed; new: 12.0.0.1;", after=before)
    assert client.bind(0x4000, ("12.0.0.1", 9)).error == 403
    with host.udp_socket("12.0.0.1") as own:  # Nor by the permission that is there already.
        client.send(own.getsockname(), b"x")
        own.settimeout(0.3)
        with pytest.raises(TimeoutError):
            own.recv(100)
    # What is in use stays in use, and who has it is left alone.
    again = _client(host)
    assert again.allocate().error is None and again.relayed[0] == FIRST
    assert client.refresh().error is None


def test_a_burst_is_one_change_even_if_the_kernel_could_not_tell_of_all(host, node, folder):
    count = 4000  # Messages that a socket's buffer does not hold.
    commands = folder / "commands"
    commands.write_text("".join(f"addr add 11.1.{i >> 8}.{i & 255}/32 dev wan\n"
                                for i in range(count)))
    client = _client(host)
    assert client.allocate().error is None
    before = len(node.log())
    node.signal(signal.SIGSTOP)
    try:
        host.run(["ip", "-batch", str(commands)])
    finally:
        node.signal(signal.SIGCONT)
    node.wait_for_log(rf"addresses have changed; new: .* and {count - 4} more", after=before)
    last = f"11.1.{(count - 1) >> 8}.{(count - 1) & 255}"
    assert client.bind(0x4000, (last, 9)).error == 403
    assert len(re.findall("addresses have changed", node.log()[before:])) == 1


def test_nothing_wakes_up_while_nothing_changes(host, node):
    def waits():
        status = open(f"/proc/{node.pid}/status").read()
        return int(re.search(r"(?m)^voluntary_ctxt_switches:\s*(\d+)", status)[1])

    time.sleep(2 * CALM_SECONDS)
    before = waits()
    time.sleep(2)
    assert waits() - before <= 2


def test_a_reload_looks_too_and_says_nothing_new_without_a_change(host, node):
    said = node.reload({})
    assert "nothing changed" in said and "addresses have changed" not in said
    _replace_address(host)
    time.sleep(3 * CALM_SECONDS)
    said = node.reload({"relay": {"lifetime_max": "20 min"}})
    assert "relay.addresses" not in said and "need a restart" not in said
    client = _client(host)
    assert client.allocate().error is None and client.relayed[0] == SECOND
    said = node.reload({"relay": {"addresses": [NEIGHBOUR]}})  # The owner's word, true or not.
    assert "relay.addresses" in said
    assert _client(host).allocate().error == 508


def test_without_a_way_to_know_its_addresses_it_does_not_relay(roost):
    node = roost(preexec_fn=without_netlink())
    exit_code, said = node.start_in_vain()
    assert exit_code == 1 and "AF_NETLINK" in said and "relay.enabled = false" in said
    node.write_config({"relay": {"enabled": False}})
    node.start()


def test_where_it_may_not_watch_it_says_so_and_looks_at_a_reload(host, roost):
    node = roost({"relay": {"users": {"alice": "secret"}}}, namespace=host,
                 preexec_fn=without_netlink(only_nonblocking=True)).start()
    assert "noticed a minute late" in node.log()
    _replace_address(host)
    time.sleep(3 * CALM_SECONDS)
    assert "addresses have changed" not in node.log()
    assert f"relayed addresses at {SECOND}" in node.reload({})
