# SPDX-License-Identifier: MIT
"""Goal: programs find out what NAT they are behind (RFC 5780, RFC 3489) by asking one node with two
addresses. Method: two programs that others wrote, each behind four kinds of NAT and behind none."""

import concurrent.futures
import re
from typing import NamedTuple

import pytest

from small_internet import NAT_KINDS, NODE_V4, NODE_V6


class Verdict(NamedTuple):
    mapping: str
    filtering: str
    classic: str  # As `stun` words it, but for its remarks on ports and hairpins.


EXPECTED = {
    "open": Verdict("Endpoint Independent", "Endpoint Independent", "Open"),
    "full_cone": Verdict(
        "Endpoint Independent", "Endpoint Independent", "Independent Mapping, Independent Filter"),
    "address_restricted": Verdict(
        "Endpoint Independent", "Address Dependent",
        "Independent Mapping, Address Dependent Filter"),
    "port_restricted": Verdict(
        "Endpoint Independent", "Address and Port Dependent",
        "Independent Mapping, Port Dependent Filter"),
    "symmetric": Verdict(
        "Address and Port Dependent", "Address and Port Dependent", "Dependent Mapping"),
}


@pytest.fixture(scope="module")
def transcripts(tmp_path_factory, internet):
    """What each program printed, by the place it ran at: all at the same time, since they spend it
    waiting for answers that a NAT keeps away."""
    from roost_process import Roost  # A daemon for the whole module.

    folder = tmp_path_factory.mktemp("node")
    with Roost(folder, {"stun": {"discovery_addresses": [*NODE_V4, *NODE_V6]}},
               namespace=internet.node).running() as node:
        with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
            yield {place: text.result() for place, text in _ask_everywhere(internet, pool).items()}
        for name, least in (("roost_stun_requests_total", 20),
                            ("roost_stun_classic_requests_total", 20)):
            assert node.metric(name) >= least


def _ask_everywhere(internet, pool):
    places = {"open": internet.open, **internet.behind}
    new = ["turnutils_natdiscovery", "-m", "-f"]
    asked = {}
    for name, place in places.items():
        asked[name, "new"] = pool.submit(place.output, [*new, NODE_V4[0]], timeout=30)
        # Its exit code is its verdict.
        asked[name, "classic"] = pool.submit(
            place.output, ["stun", NODE_V4[0]], timeout=30, exit_code=None)
    asked["open", "ipv6"] = pool.submit(internet.open.output, [*new, NODE_V6[0]], timeout=30)
    return asked


@pytest.mark.parametrize("place", ["open", *NAT_KINDS])
def test_turnutils_natdiscovery_tells_the_kind(transcripts, place):
    text = transcripts[place, "new"]
    assert re.findall(r"NAT with (.*) Mapping!", text) == [EXPECTED[place].mapping], text
    assert re.findall(r"NAT with (.*) Filtering!", text) == [EXPECTED[place].filtering], text


@pytest.mark.parametrize("place", ["open", *NAT_KINDS])
def test_the_classic_stun_client_tells_the_kind(transcripts, place):
    text = transcripts[place, "classic"]
    verdict = re.search(r"Primary: ([^\t\n]*)", text)
    assert verdict and verdict[1].startswith(EXPECTED[place].classic), text


def test_over_ipv6_a_bare_request_gets_its_address_and_no_more(transcripts):
    """OTHER-ADDRESS would make the reply 3.4 times the request, so it is left out."""
    text = transcripts["open", "ipv6"]
    assert "IPv6. UDP reflexive addr" in text, text
    assert "Other addr" not in text, text


def test_every_reply_names_the_corner_it_comes_from_and_the_one_across(transcripts):
    """RESPONSE-ORIGIN and, with the other address and the other port, OTHER-ADDRESS."""
    first, second = NODE_V4
    across = {f"{first}:3478": f"{second}:3479", f"{second}:3478": f"{first}:3479"}
    text = transcripts["open", "new"]
    replies = re.split(r"RFC 5780 response \d", text)[1:]
    assert len(replies) == 4, text
    for reply in replies[:3]:  # The last one was asked at one corner and answered from another.
        [origin] = set(re.findall(r"Response origin: : (\S+)", reply))
        assert re.findall(r"Other addr: : (\S+)", reply) == [across[origin]], text
    assert f"Response origin: : {second}:3479" in replies[3], text
