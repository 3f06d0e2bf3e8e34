# SPDX-License-Identifier: MIT
"""Goal: a node that was killed brings newcomers into the DHT as soon as it runs again, with what it
keeps in its store alone; one that was stopped knows all that it knew. Method: libtorrents that it has
found for itself, kill -9 or SIGTERM, a start without names to begin with, and a newcomer that asks
before anybody else does."""

import socket

import libtorrent_node
from libtorrent_node import Place
from machine_clock import MachineClock

COUNT = 12
# Most of them: one that asks us before we have asked it waits for 15 minutes.
CONTACTS_MIN = COUNT // 2
SNAPSHOT_SECONDS = 300
NEWCOMER = "127.2.1.1"


def test_what_was_kept_brings_newcomers_in_after_kill_9(roost, folder):
    clock = MachineClock(folder, takes_monotonic_along=True)
    old = [f"127.1.{number}.1:6881" for number in range(1, COUNT + 1)]
    # They begin with the first of their own, and know nothing of us before we ask them.
    with libtorrent_node.nodes([Place(address, old[0]) for address in old]) as swarm:
        for one in swarm[1:]:
            one.ask("announce", "d1" * 20)
        node = roost(_sections(old[0]), environment=clock.environment).start()
        node.wait(lambda: _contacts(node) >= CONTACTS_MIN, within=40, what="it has contacts")
        clock.jump(SNAPSHOT_SECONDS)
        node.wait(lambda: node.metric("roost_dht_contacts_kept") >= CONTACTS_MIN, within=10,
                  what="they are kept")
        [target, _] = swarm[1].ask("put", "from before")
        node.kill()

        node.write_config({"dht": {"bootstrap": []}})
        node.start()
        node.wait(lambda: node.metric("roost_dht_contacts_restored_total") >= CONTACTS_MIN,
                  within=5, what="they are restored")
        told = _find_node(node)
        assert told and told <= set(old)
        with libtorrent_node.nodes([Place(f"{NEWCOMER}:6881", f"127.0.0.1:{node.port}")]) as [new]:
            node.wait(lambda: new.ask("table") >= 8, within=30, what="the newcomer is in the DHT")
            assert new.ask("get", target) == "from before"


def test_a_clean_stop_keeps_what_is_known_at_that_moment(roost):
    old = [f"127.1.{number}.1:6881" for number in range(1, COUNT + 1)]
    with libtorrent_node.nodes([Place(address, old[0]) for address in old]) as swarm:
        for one in swarm[1:]:
            one.ask("announce", "d1" * 20)
        node = roost(_sections(old[0])).start()
        node.wait(lambda: _contacts(node) >= CONTACTS_MIN, within=40, what="it has contacts")
        assert node.metric("roost_dht_snapshots_total") == 0
        contacts = _contacts(node)
        assert node.stop() < 1

        node.write_config({"dht": {"bootstrap": []}})
        node.start()
        node.wait(lambda: node.admin.status()["dht"]["contacts_are_loaded"], within=5,
                  what="they are restored")
        assert node.metric("roost_dht_contacts_loaded") == 1
        assert node.metric("roost_dht_contacts_restored_total") >= contacts
        told = _find_node(node)
        assert told and told <= set(old)


def _sections(bootstrap: str) -> dict:
    return {
        "node": {"role": "supernode", "external_addresses": ["127.0.0.1"],
                 "listen": ["127.0.0.1"]},
        "dht": {"bootstrap": [bootstrap], "admit_private_addresses": True},
        "store": {"engine": "rocksdb"},
    }


def _contacts(node) -> int:
    return node.admin.status()["dht"]["families"]["ipv4"]["contacts"]


def _find_node(node) -> "set[str]":
    """Whom a client of which the node knows nothing is sent to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.3.1.1", 0))
        udp.settimeout(2)
        udp.sendto(b"d1:ad2:id20:" + 20 * b"i" + b"6:target20:" + 20 * b"t" +
                   b"e1:q9:find_node1:t2:aa1:y1:qe", ("127.0.0.1", node.port))
        while True:
            message = udp.recv(2048)
            if b"1:t2:aa" in message:
                break  # And no question whether we receive.
    _, _, rest = message.partition(b"5:nodes")
    size, _, rest = rest.partition(b":")
    nodes = rest[:int(size or b"0")]
    return {f"{socket.inet_ntoa(node[20:24])}:{int.from_bytes(node[24:26], 'big')}"
            for node in (nodes[at:at + 26] for at in range(0, len(nodes), 26))}
