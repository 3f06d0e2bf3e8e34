# SPDX-License-Identifier: MIT
"""Goal: a reply leaves from the address that was asked, or NATs drop it and clients distrust it.
Method: hosts with several addresses, a daemon bound to all of them, and clients that look."""

import signal
import socket

import pytest

import stun_wire
from namespaces import add_bridge, plug

LISTENS = [["0.0.0.0", "::"], ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"]]


@pytest.mark.parametrize("listen", LISTENS)
def test_each_loopback_address_answers_for_itself(roost, namespace, listen):
    node = roost({"node": {"listen": listen}}, namespace=namespace()).start()
    with node.namespace.udp_socket("0.0.0.0") as udp:
        for server in ("127.0.0.2", "127.0.0.1", "127.0.0.3", "127.0.0.2"):
            stun_wire.ask(udp, (server, 3478))  # Which compares the source.
    with node.namespace.udp_socket("::") as udp:
        stun_wire.ask(udp, ("::1", 3478))


def test_replies_of_one_batch_leave_from_different_addresses(roost, namespace):
    """They are sent together."""
    node = roost(namespace=namespace()).start()
    servers = [f"127.0.0.{last}" for last in range(1, 41)]
    with node.namespace.udp_socket("0.0.0.0") as udp:
        asked = {}
        node.signal(signal.SIGSTOP)  # So that all wait in one socket.
        for server in servers:
            request = stun_wire.binding_request()
            asked[request[8:20]] = server
            udp.sendto(request, (server, 3478))
        node.signal(signal.SIGCONT)
        for _ in servers:
            message, source = udp.recvfrom(2048)
            assert source == (asked.pop(stun_wire.parse(message).transaction_id), 3478)


def test_link_local_addresses_answer_through_the_interface_they_were_asked_on(roost, namespace):
    """fe80::1 exists on both cables, so only the interface tells them apart."""
    switch, node_host, left, right = map(namespace, ("switch", "node", "left", "right"))
    for cable, client in (("one", left), ("two", right)):
        add_bridge(switch, cable)
        plug(switch, cable, node_host, cable)
        node_host.ip("addr", "add", "fe80::1/64", "dev", cable, "nodad")
        plug(switch, cable, client, "eth0")
        client.ip("addr", "add", "fe80::2/64", "dev", "eth0", "nodad")
    roost(namespace=node_host).start()
    for client in (left, right):
        scope = client.inside(lambda: socket.if_nametoindex("eth0"))
        with client.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as udp:
            udp.bind(("fe80::2", 0, 0, scope))
            udp.settimeout(2)
            request = stun_wire.binding_request()
            udp.sendto(request, ("fe80::1", 3478, 0, scope))
            message, source = udp.recvfrom(2048)
            assert source[0].split("%")[0] == "fe80::1" and source[1] == 3478
            assert stun_wire.parse(message).mapped[0] == "fe80::2"
