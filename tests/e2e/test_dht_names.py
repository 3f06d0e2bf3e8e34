# SPDX-License-Identifier: MIT
"""Goal: a node that knows nobody enters the DHT by name, through whatever resolver the machine has,
and goes on where that is dead. Method: a host with a name server of the test's own and a libtorrent."""

import contextlib
import pathlib
import time

import libtorrent_node
import name_server
import stun_wire
from libtorrent_node import Place

HOST = "11.0.0.1"
LIBTORRENT = "11.1.1.1"
# The node asks only when nobody from before a restart has answered for ten seconds.
ASKS_WITHIN_SECONDS = 20


def _host(namespace):
    made = namespace("names")
    for address in (HOST, LIBTORRENT):
        made.ip("addr", "add", f"{address}/32", "dev", "lo")
    return made


def _node(roost, place, folder: pathlib.Path):
    return roost({
        "node": {"listen": [HOST]},
        "dht": {"bootstrap": ["dht.example.org:6881", "nowhere.example.org:6881"],
                "admit_private_addresses": True},  # libtorrent has no ID of BEP 42 yet.
    }, namespace=place, prefix=name_server.prefix(folder))


def _nodes(node) -> int:
    return node.admin.status()["dht"]["families"]["ipv4"]["routing_table_nodes"]


def test_it_asks_the_resolver_and_enters_by_the_address_that_it_is_told(
        roost, namespace, folder):
    place = _host(namespace)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(name_server.running(place, {"dht.example.org": [LIBTORRENT]}))
        [one] = stack.enter_context(libtorrent_node.nodes(
            [Place(f"{LIBTORRENT}:6881", "")], prefix=place.command()))
        assert one.ask("table") == 0  # It listens.
        node = _node(roost, place, folder).start()
        node.wait(lambda: _nodes(node) == 1, within=ASKS_WITHIN_SECONDS, what="it knows libtorrent")
        assert {"dht.example.org", "nowhere.example.org"} <= set(server.asked)
        assert node.metric("roost_dht_bootstrap_lookups_total") == 1


def test_a_name_of_many_addresses_leaves_the_others_their_part(roost, namespace, folder):
    place = _host(namespace)
    many = [f"11.2.{number}.1" for number in range(20)]
    with name_server.running(place, {"dht.example.org": [LIBTORRENT],
                                     "nowhere.example.org": many}):
        node = _node(roost, place, folder).start()
        # Half of the sixteen, and the one.
        node.wait(lambda: node.metric("roost_dht_own_queries_total", family="ipv4") >= 9,
                  within=ASKS_WITHIN_SECONDS, what="it asks")
        assert node.metric("roost_dht_own_queries_total", family="ipv4") == 9


def test_a_resolver_that_does_not_answer_holds_nothing_up(roost, namespace, folder):
    place = _host(namespace)
    with name_server.running(place, None) as server:
        node = _node(roost, place, folder).start()
        node.wait(lambda: server.asked, within=ASKS_WITHIN_SECONDS, what="it asks")
        with place.udp_socket(LIBTORRENT) as udp:
            started = time.monotonic()
            stun_wire.ask(udp, (HOST, 3478))
            assert time.monotonic() - started < 1
        assert _nodes(node) == 0
        assert node.stop() < 1  # In the middle of the question.


def test_where_there_is_no_resolver_it_waits_for_others(roost, namespace, folder):
    """Whoever asks it something is as good to enter by."""
    place = _host(namespace)
    node = _node(roost, place, folder).start()
    node.wait(lambda: node.metric("roost_dht_bootstrap_lookups_total") == 1,
              within=ASKS_WITHIN_SECONDS, what="it tries")
    with libtorrent_node.nodes([Place(f"{LIBTORRENT}:6881", f"{HOST}:3478")],
                               prefix=place.command()):
        node.wait(lambda: _nodes(node) == 1, within=30, what="it knows libtorrent")
