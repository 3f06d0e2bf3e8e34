# SPDX-License-Identifier: MIT
"""Goal: the DHT of IPv6 is served like that of IPv4, on the same port, and each address is answered
from itself. Method: a host with addresses of both families that look like the Internet's, where
libtorrents know only one address of the node."""

import pytest

import libtorrent_node
from libtorrent_node import Place
from namespaces import Namespace
from roost_process import Roost

PORT = 3478
NODE = "2a00:100::1"
SECOND = "2a00:100::2"  # The node listens everywhere.
NODE_V4 = "11.0.0.1"
FEW = 4
# One of each /32.
LIBTORRENTS = [f"2a00:{number}::1" for number in range(201, 211)]
STRANGER = "2a00:300::1"
STRANGER_V4 = "11.3.0.1"
# Of a newcomer who wants both families (BEP 32).
FIND_NODE = (b"d1:ad2:id20:" + 20 * b"i" + b"6:target20:" + 20 * b"t" +
             b"4:wantl2:n42:n6ee1:q9:find_node1:t2:aa1:y1:qe")


@pytest.fixture(scope="module")
def place():
    made = Namespace("dht6")
    for address in (NODE, SECOND, STRANGER, *LIBTORRENTS):
        made.ip("-6", "addr", "add", f"{address}/128", "dev", "lo", "nodad")
    for address in (NODE_V4, STRANGER_V4):
        made.ip("addr", "add", f"{address}/32", "dev", "lo")
    yield made
    made.delete()


@pytest.fixture(scope="module")
def node(tmp_path_factory, place):
    made = Roost(tmp_path_factory.mktemp("node"), {
        "node": {"role": "supernode", "listen": ["0.0.0.0", "::"],
                 "external_addresses": [NODE_V4, NODE]},
        "dht": {"admit_private_addresses": True},  # And those without an ID of BEP 42.
    }, namespace=place)
    with made.running():
        yield made


@pytest.fixture(scope="module")
def swarm(node, place, heavy):
    places = [Place(f"[{address}]:6881", f"[{NODE}]:{PORT}") for address in LIBTORRENTS]
    with libtorrent_node.nodes(places, prefix=place.command()) as made:
        node.wait(lambda: libtorrent_node.know(made, FEW), within=45, what="each knows others")
        yield made


def test_who_knows_one_address_of_ipv6_finds_what_others_have_put(swarm):
    [target, taken] = swarm[0].ask("put", "by IPv6 alone")
    assert taken > 0
    for one in swarm[1:]:
        assert one.ask("get", target) == "by IPv6 alone"


def test_the_families_are_dhts_of_their_own(node, swarm):
    families = node.admin.status()["dht"]["families"]
    assert families["ipv6"]["routing_table_nodes"] >= len(LIBTORRENTS) // 2
    assert families["ipv4"]["routing_table_nodes"] == 0


def test_each_address_answers_for_itself(place, swarm):
    for address in (NODE, SECOND):
        source, _ = _ask(place, STRANGER, address)
        assert source == address


def test_who_asks_by_ipv4_is_told_of_ipv6_if_he_wants(place, swarm):
    source, answer = _ask(place, STRANGER_V4, NODE_V4)
    assert source == NODE_V4
    assert b"6:nodes6" in answer and b"5:nodes" not in answer, answer


def _ask(place, here, there) -> "tuple[str, bytes]":
    with place.udp_socket(here) as udp:
        udp.sendto(FIND_NODE, (there, PORT))
        while True:
            message, source = udp.recvfrom(2048)
            if b"1:t2:aa" in message:  # And no question whether we receive.
                return source[0], message
