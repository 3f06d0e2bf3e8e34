# SPDX-License-Identifier: MIT
"""Goal: clients of every make enter the DHT through this node, with nothing changed in it or in them.
Method: a host whose addresses look like the Internet's, where libtorrents, bittorrent-dht and
Transmission know only the node, and tshark reads along."""

import contextlib
import hashlib
import json
import pathlib
import re

import pytest

import libtorrent_node
import programs
from libtorrent_node import Place
from namespaces import Namespace
from roost_process import Roost
from wire_capture import PORT, capturing

NODE = "11.0.0.1"
LIBTORRENTS = [f"11.1.{number}.1" for number in range(1, 13)]
TRANSMISSION = "11.2.1.1"
BITTORRENT_DHT = ("11.3.1.1", "11.3.2.1")
# A file of one byte that nobody has.
_INFO = b"d6:lengthi1e4:name3:one12:piece lengthi16384e6:pieces20:" + 20 * b"." + b"e"
TORRENT = b"d4:info" + _INFO + b"e"
INFOHASH = hashlib.sha1(_INFO).hexdigest()
# Whoever knows so many is in the DHT.
BUCKET = 8
OTHER_INFOHASH = "d2" * 20
SCRIPT = pathlib.Path(__file__).with_name("bittorrent_dht_peers.mjs")
NODE_MODULES = pathlib.Path(__file__).parents[2] / "build/node/node_modules"
DECODE = ["-d", f"udp.port=={PORT},bt-dht"]


@pytest.fixture(scope="module")
def place():
    made = Namespace("dht")
    for address in (NODE, *LIBTORRENTS, TRANSMISSION, *BITTORRENT_DHT):
        made.ip("addr", "add", f"{address}/32", "dev", "lo")
    yield made
    made.delete()


@pytest.fixture(scope="module")
def seen(tmp_path_factory, place, heavy):
    """All that they did, and what of it went to the node and from it."""
    folder = tmp_path_factory.mktemp("dht")
    node = Roost(folder / "node", {
        "node": {"role": "supernode", "listen": [NODE], "external_addresses": [NODE]},
        "dht": {"admit_private_addresses": True},  # And those without an ID of BEP 42, as all here.
    }, namespace=place)
    places = [Place(f"{address}:6881", f"{NODE}:{PORT}") for address in LIBTORRENTS]
    done = {}
    with node.running(), capturing(place, folder, f"udp port {PORT}", interface="lo",
                                   decode=DECODE) as captured, \
            libtorrent_node.nodes(places, prefix=place.command()) as swarm:
        node.wait(lambda: libtorrent_node.know(swarm), within=45, what="they know each other")
        _ask_all(swarm, "announce", INFOHASH)
        node.wait(lambda: libtorrent_node.know(swarm, BUCKET), within=45, what="and many")
        with _transmission(place, folder) as log:
            node.wait(lambda: _nodes_of_transmission(log) >= BUCKET, within=60,
                      what="Transmission is in the DHT")
        # By now the node knows under which IDs the libtorrents go on: they have taken others once
        # they knew their addresses, and bittorrent-dht takes an answer from no other ID.
        done["bittorrent-dht"] = json.loads(place.output(
            ["node", SCRIPT, NODE_MODULES, f"{NODE}:{PORT}", OTHER_INFOHASH, *BITTORRENT_DHT],
            timeout=60))
        done["node"] = node.admin.status()["dht"]["families"]["ipv4"]
        captured.wait_for(lambda: captured.count(f"ip.src == {BITTORRENT_DHT[1]}") > 0)
    return {**done, "capture": captured}


def _nodes_of_transmission(log):
    """What it says when it has something to announce and thinks that it is too early."""
    text = log.read_text() if log.exists() else ""
    told = re.findall(r"IPv4 DHT \w.*?(\d+) nodes\)", text)
    return int(told[-1]) if told else 0


def _ask_all(swarm, *order):
    answers = [one.begin(*order) for one in swarm]
    return [answer() for answer in answers]


@contextlib.contextmanager
def _transmission(place, folder):
    """It looks for INFOHASH. Yields the file that it tells what it does in."""
    config = folder / "transmission"
    watched = folder / "watched"
    config.mkdir()
    watched.mkdir()
    (config / "dht.bootstrap").write_text(f"{NODE} {PORT}\n")
    (watched / "one.torrent").write_bytes(TORRENT)
    log = config / "log"
    with programs.running(place.command(
            programs.find("transmission-daemon"), "--foreground", "--log-debug", "--dht", "--no-lpd",
            "--no-portmap", "--no-utp", "--bind-address-ipv4", TRANSMISSION,
            "--config-dir", str(config), "--logfile", str(log), "--watch-dir", str(watched),
            "--download-dir", str(folder))):
        yield log


def test_bittorrent_dht_finds_the_peer_that_another_of_its_make_has_announced(seen):
    assert seen["bittorrent-dht"]["peers"] == [f"{BITTORRENT_DHT[0]}:4000"]


def test_bittorrent_dht_gets_to_know_the_others(seen):
    nodes = set(seen["bittorrent-dht"]["nodes"])
    assert f"{NODE}:{PORT}" in nodes
    # Those that lookups have asked; a lookup ends with the eight nearest.
    assert len(nodes & {f"{address}:6881" for address in LIBTORRENTS}) >= BUCKET // 2


def test_they_all_are_nodes_of_ours(seen):
    assert seen["node"]["routing_table_nodes"] >= BUCKET
    assert seen["node"]["peers"] >= 1
    assert not seen["node"]["is_ignored"]


def test_tshark_takes_all_of_it_for_the_dht_and_nothing_amiss(seen):
    capture = seen["capture"]
    assert capture.count("!bt-dht") == 0
    assert capture.count("_ws.malformed || _ws.expert.severity >= 0x600000") == 0
    assert capture.count("bt-dht.truncated_data || bt-dht.invalid_string "
                         "|| bt-dht.invalid_length") == 0
    for ours in ("udp.srcport", "udp.dstport"):  # What the node says, and what is said to it.
        for kind in ("q", "r"):
            assert capture.count(f'{ours} == {PORT} && bt-dht.bencoded.string == "{kind}"') > 0
    assert capture.count(f"udp.srcport == {PORT} && bt-dht.node") > 0
