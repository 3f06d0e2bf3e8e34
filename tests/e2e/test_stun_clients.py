# SPDX-License-Identifier: MIT
"""Goal: STUN clients that others wrote learn their address. Method: run them where they see a node
through a router, or through a NAT, and compare with the address that the topology gives them."""

import ipaddress
import re

import pytest

from roost_process import run_command
from small_internet import NAT_KINDS, NODE_V4, NODE_V6

# turnutils_stunclient goes on to ask for an answer from elsewhere. Behind a NAT none comes, and it
# waits for ever.
ENOUGH_SECONDS = "0.7"


@pytest.fixture
def node(roost, internet):
    return roost(namespace=internet.node).start()


def _address_seen(text: str) -> str:
    found = re.search(r"UDP reflexive addr: (\S+):\d+", text)
    assert found, text
    return found[1]


@pytest.mark.parametrize("server, expected",
                         [(NODE_V4[0], "11.0.2.10"), (NODE_V6[0], "2a00:11:2::10")])
def test_turnutils_stunclient_sees_its_own_address(internet, node, server, expected):
    text = internet.open.output(
        ["timeout", ENOUGH_SECONDS, "turnutils_stunclient", server], exit_code=None)
    assert ipaddress.ip_address(_address_seen(text)) == ipaddress.ip_address(expected)


@pytest.mark.parametrize("kind", NAT_KINDS)
def test_turnutils_stunclient_sees_the_outside_of_its_nat(internet, node, kind):
    text = internet.behind[kind].output(
        ["timeout", ENOUGH_SECONDS, "turnutils_stunclient", NODE_V4[0]], exit_code=None)
    assert _address_seen(text) == internet.outer_address(kind)


@pytest.mark.parametrize("uri, expected", [
    (f"stun:{NODE_V4[0]}", "11.0.2.10"),
    (f"stun:{NODE_V4[1]}", "11.0.2.10"),
    (f"stun:{NODE_V4[0]}?transport=tcp", "11.0.2.10"),
    (f"stuns:{NODE_V4[0]}:3478", "11.0.2.10"),
    (f"stun:[{NODE_V6[0]}]", "2a00:11:2::10"),
    (f"stuns:[{NODE_V6[0]}]:3478", "2a00:11:2::10"),
])
def test_our_own_probe_sees_it_over_every_transport(internet, node, uri, expected):
    text = run_command("probe", uri, "--count", "2", prefix=internet.open.command()).stdout
    assert len(re.findall(rf"sees us as \[?{re.escape(expected)}\]?:\d+", text)) == 2, text
