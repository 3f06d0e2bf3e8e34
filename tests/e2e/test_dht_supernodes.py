# SPDX-License-Identifier: MIT
"""Goal: supernodes that know one node of the DHT find each other in it, tell their owners, and tell
programs; and know each other after a restart. Method: three daemons at loopback addresses of networks
of their own; the third is told of the first only, and keeps what it learns."""

import json
import urllib.request

from roost_process import run_command

# The first look under the network's infohash is 20 seconds after the start, and the next a minute
# later; then each is tested.
FOUND_WITHIN_SECONDS = 150


def _sections(number: int, bootstrap: list[str]) -> dict:
    address = f"127.3.{number}.1"
    return {"node": {"listen": [address], "external_addresses": [address], "role": "supernode"},
            "relay": {"enabled": False},
            "dht": {"bootstrap": bootstrap, "admit_private_addresses": True}}


def _peers(node) -> dict[str, dict]:
    listed = run_command("peers", "--config", node.config_path, "--json")
    assert listed.returncode == 0, listed.stderr
    return {peer["address"]: peer for peer in json.loads(listed.stdout)["peers"]}


def test_supernodes_find_each_other_and_tell_of_it(roost):
    nodes = [roost(_sections(1, [])).start()]
    first = f"127.3.1.1:{nodes[0].port}"
    nodes.append(roost(_sections(2, [first])).start())
    third = roost({**_sections(3, [first]), "store": {"engine": "rocksdb"}}).start()

    def has_found_all() -> bool:
        return third.metric("roost_peers", table="tried") == 2

    third.wait(has_found_all, within=FOUND_WITHIN_SECONDS, what="two others have answered")
    peers = _peers(third)
    assert set(peers) == {first, f"127.3.2.1:{nodes[1].port}"}
    for address, peer in peers.items():
        assert peer["has_answered"] and peer["role"] == "supernode", peer
        assert address in peer["udp"], peer
    assert {peer["node_id"] for peer in peers.values()} == \
        {node.admin.status()["node_id"] for node in nodes}

    table = run_command("peers", "--config", third.config_path).stdout
    assert table.count(" answers ") == 2, table

    with urllib.request.urlopen(f"http://127.3.3.1:{third.port}/v1/peers", timeout=5) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        body = answer.read()
    # One of each /16, and both are of one.
    assert body.startswith(b"d5:peersl") and body.count(b"1:sl4:stun3:dhte") == 1, body

    third.write_config({"dht": {"bootstrap": []}})
    assert third.stop() < 1
    third.start()
    third.wait(has_found_all, within=5, what="it knows them again")
    assert third.metric("roost_peers_restored_total") == 2
