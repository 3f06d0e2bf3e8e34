# SPDX-License-Identifier: MIT
"""Goal: who knows only this node finds the whole DHT, and those whom it has brought together need it
no more. Method: thirty libtorrents, each at an address in a network of its own on loopback."""

import pytest

import libtorrent_node
from libtorrent_node import Place
from roost_process import Roost, run_command

COUNT = 30
INFOHASH = "d1" * 20
# Whoever knows so many is in the DHT: a bucket's worth.
BUCKET = 8

# A DHT of its own: nobody is asked, loopback is let in, and who hands out others is a full member.
APART = {
    "node": {"role": "supernode", "external_addresses": ["127.0.0.1"], "listen": ["127.0.0.1"]},
    "dht": {"bootstrap": [], "admit_private_addresses": True},
}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with Roost(tmp_path_factory.mktemp("node"), APART).running() as made:
        yield made


@pytest.fixture(scope="module")
def swarm(node, heavy):
    """All of them know somebody besides the node."""
    places = [Place(f"127.1.{number}.1:6881", f"127.0.0.1:{node.port}")
              for number in range(1, COUNT + 1)]
    with libtorrent_node.nodes(places) as made:
        node.wait(lambda: libtorrent_node.know(made), within=45, what="each knows another")
        yield made


def _ask_all(swarm, order, *arguments_of_each):
    """At once: each list has one argument for each of them."""
    answers = [one.begin(order, *arguments)
               for one, *arguments in zip(swarm, *arguments_of_each)]
    return [answer() for answer in answers]


def test_each_finds_an_item_that_another_has_put(swarm):
    values = [f"item {number}" for number in range(COUNT)]
    put = _ask_all(swarm, "put", values)
    assert all(taken > 0 for _, taken in put), put
    targets = [target for target, _ in put]
    half = COUNT // 2
    assert _ask_all(swarm, "get", targets[half:] + targets[:half]) == values[half:] + values[:half]


def test_a_mutable_item_changes_for_whoever_gets_it(swarm):
    first, last = swarm[0], swarm[-1]
    for value in ("here", "somewhere else"):
        assert first.ask("put_mutable", value, "roost") > 0
        assert last.ask("get_mutable", "roost") == value


def test_each_finds_peers_that_others_have_announced(node, swarm):
    _ask_all(swarm, "announce", [INFOHASH] * COUNT)
    announced = {one.place.address for one in swarm}
    for one in swarm:
        found = set()
        node.wait(lambda: found.update(one.ask("peers", INFOHASH)) or found - {one.place.address},
                  within=10, what=f"{one.place.address} finds another")
        assert found <= announced


def test_each_has_come_to_know_many(node, swarm):
    node.wait(lambda: libtorrent_node.know(swarm, BUCKET), within=30,
              what=f"each knows {BUCKET} others")


def test_its_owner_sees_who_came(node, swarm):
    """Contacts are those that have let 15 minutes pass in silence; these are all in the table."""
    families = node.admin.status()["dht"]["families"]
    assert families["ipv4"]["routing_table_nodes"] >= BUCKET
    # libtorrent asks nothing else of those that it began with, and leaves nothing with them.
    assert node.metric("roost_dht_queries_total", method="get_peers") >= COUNT
    assert node.metric("roost_dht_answers_total", answer="full") > 0
    assert node.metric("roost_dht_malformed_total") == 0
    status = run_command("status", "--config", node.config_path).stdout
    assert f"{families['ipv4']['routing_table_nodes']} in the routing table" in status


def test_they_go_on_without_the_node(node, swarm):
    [target, taken] = swarm[0].ask("put", "without")
    assert taken > 0
    node.kill()
    try:
        assert swarm[-1].ask("get", target) == "without"
    finally:
        node.start()
