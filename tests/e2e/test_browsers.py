# SPDX-License-Identifier: MIT
"""Goal: browsers that cannot reach each other find the relay and use it. Method: pages in two
Chromiums, each behind a NAT, exchange data; the test carries their offers and answers."""

import contextlib
import pathlib
import re
import tempfile
from typing import NamedTuple

import pytest

import turn_wire
from certificate import make_authority, make_certificate
from chromium import Browser, Page
from roost_process import Roost
from small_internet import NODE_V4, NODE_V6

PAGE = pathlib.Path(__file__).with_name("webrtc_page.html").as_uri()
SECRET = "north"
SIZE = 1 << 20  # Each way.
ALICE = ("alice", "secret")
APART = ("symmetric", "port_restricted")


class Call(NamedTuple):
    url: str
    protocol: str
    homes: tuple[str, str] = APART
    expires_in: float = 0  # Not 0: with what a site hands out.


CALLS = {
    "udp": Call(f"turn:{NODE_V4[0]}:3478?transport=udp", "udp"),
    "tcp": Call(f"turn:{NODE_V4[0]}:3478?transport=tcp", "tcp"),
    "tls": Call(f"turns:{NODE_V4[0]}:3478?transport=tcp", "tls"),
    "udp and ipv6": Call(f"turn:[{NODE_V6[0]}]:3478?transport=udp", "udp", ("open", "open")),
    "udp with an expiring password": Call(f"turn:{NODE_V4[0]}:3478?transport=udp", "udp",
                                          expires_in=60),
}


class Refusal(NamedTuple):
    url: str
    credentials: tuple[str, str]
    failure: str  # As Chromium tells the page.


NOBODY = turn_wire.rest_credentials(SECRET, "carol", expires_in=-60)
REFUSALS = {
    "a wrong password": Refusal(f"turn:{NODE_V4[0]}:3478", ("alice", "wrong"), "401 Unauthorized"),
    "an expired password": Refusal(f"turn:{NODE_V4[0]}:3478", NOBODY, "401 Unauthorized"),
    "a certificate for another address": Refusal(
        f"turns:{NODE_V4[1]}:3478?transport=tcp", ALICE, "701 Failed to establish connection"),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"), "authority.example")


@pytest.fixture(scope="module")
def node(tmp_path_factory, internet, authority):
    folder = tmp_path_factory.mktemp("node")
    certificate, key = make_certificate(folder, "relay.example", address=NODE_V4[0],
                                        issuer=authority)
    with Roost(folder / "roost", {
        "relay": {"users": dict([ALICE]), "shared_secret": SECRET,
                  "allocation_bandwidth": "20 Mbit/s"},  # Saves the tests some seconds.
        "tls": {"certificate": str(certificate), "key": str(key)},
    }, namespace=internet.node).running() as made:
        yield made


@pytest.fixture(scope="module")
def browsers(internet, authority, heavy):
    """One in each home, started when the first page of it is opened."""
    started: dict[str, Browser] = {}
    with contextlib.ExitStack() as stack:
        # Not below tmp_path: Chromium makes a socket in its home, whose path has to be short.
        folder = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="roost-e2e-", ignore_cleanup_errors=True)))

        def browser(home: str) -> Browser:
            if home not in started:
                place = internet.open if home == "open" else internet.behind[home]
                started[home] = Browser(folder / home, place, authority)
                stack.callback(started[home].close)
            return started[home]

        yield browser


@pytest.fixture
def page(browsers):
    with contextlib.ExitStack() as stack:
        def make(home: str):
            made = browsers(home).open(PAGE)
            stack.callback(made.close)
            return made

        yield make


def _candidates(description: str) -> list[str]:
    return [line for line in description.splitlines() if line.startswith("a=candidate:")]


def _grown(node: Roost, before: "dict[str, float]", name: str) -> float:
    """By how much the sum of a metric's samples has grown."""
    return node.metric(name) - sum(value for sample, value in before.items()
                                   if sample.partition("{")[0] == name)


def _call(caller: Page, callee: Page) -> tuple[str, str]:
    """Returns what they say to each other."""
    offer = caller.call("describe", None)
    answer = callee.call("describe", offer)
    caller.call("accept", answer)
    return offer, answer


def _exchange(caller: Page, callee: Page) -> None:
    """Random bytes, each way at the same time, and all of them must come."""
    exchanges = [page.start_call("exchange", SIZE) for page in (caller, callee)]
    there, back = (exchange() for exchange in exchanges)
    assert there["sent"] == back["received"] and back["sent"] == there["received"]
    assert there["sent"] != back["sent"]


def _hang_up(node: Roost, before: "dict[str, float]", *pages: Page) -> None:
    """The relayed addresses must be given back at once, and not when they expire."""
    for page in pages:
        page.evaluate("connection.close()")
    node.wait(lambda: node.metric("roost_relay_allocations") == 0, within=5,
              what="no allocation is left")
    assert _grown(node, before, "roost_relay_allocations_expired_total") == 0


@pytest.mark.parametrize("transport", CALLS)
def test_two_pages_exchange_a_mebibyte_each_way_through_the_relay_over(node, page, transport):
    call = CALLS[transport]
    credentials = ALICE if not call.expires_in else turn_wire.rest_credentials(
        SECRET, "carol", expires_in=call.expires_in)
    before = node.admin.metrics()
    pages = [page(home) for home in call.homes]
    for each in pages:
        each.call("begin", "relay", call.url, *credentials)
    for description in _call(*pages):
        candidates = _candidates(description)
        assert candidates and all(" typ relay " in line for line in candidates), description
    _exchange(*pages)

    for each in pages:
        local, remote = each.call("route")
        assert local["candidateType"] == remote["candidateType"] == "relay"
        assert local["relayProtocol"] == call.protocol and local["url"] == call.url
        assert {local["address"], remote["address"]} <= {*NODE_V4, *NODE_V6}
    assert _grown(node, before, "roost_relay_allocations_made_total") == 2
    for direction in ("to_peer", "to_client"):
        assert _grown(node, before, f"roost_relay_{direction}_bytes_total") >= 2 * SIZE
    assert node.metric("roost_relay_allocations") == 2
    _hang_up(node, before, *pages)


def test_pages_that_may_take_any_way_find_the_relay_where_there_is_no_other(node, page):
    """The NATs of both let nothing through between them; each tells its page's address by STUN."""
    before = node.admin.metrics()
    pages = [page(home) for home in APART]
    for each in pages:
        each.call("begin", "all", [f"stun:{NODE_V4[0]}", f"turn:{NODE_V4[0]}"], *ALICE)
    for description in _call(*pages):
        assert {" typ srflx ", " typ relay "} <= set(re.findall(" typ [a-z]+ ", description))
    _exchange(*pages)
    for each in pages:
        assert "relay" in {candidate["candidateType"] for candidate in each.call("route")}
    for direction in ("to_peer", "to_client"):
        assert _grown(node, before, f"roost_relay_{direction}_bytes_total") >= SIZE
    _hang_up(node, before, *pages)


@pytest.mark.parametrize("what", REFUSALS)
def test_a_page_gets_no_relayed_address_with(node, page, what):
    refusal = REFUSALS[what]
    before = node.admin.metrics()
    alone = page(APART[0])
    alone.call("begin", "relay", refusal.url, *refusal.credentials)
    description = alone.call("describe", None)
    assert not _candidates(description), description
    failures = alone.evaluate("failures")
    assert failures and all(refusal.failure in failure for failure in failures), failures
    assert _grown(node, before, "roost_relay_allocations_made_total") == 0
