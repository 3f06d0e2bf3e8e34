# SPDX-License-Identifier: MIT
"""Goal: an owner lets a friend use the relay with one command, and takes it back with another;
strangers get little, and nothing that others could be harmed with. Method: `roost grant` beside a
daemon that runs, curl as the friend's program, and a TURN client of the test's own."""

import contextlib
import hashlib
import json

import pytest

import programs
import stun_wire
import turn_wire
from roost_process import binary
from small_internet import NODE_V4
from turn_wire import TurnClient

NODE = (NODE_V4[0], 3478)
OPEN = "11.0.2.10"
USERNAME = 0x0006


@pytest.fixture
def node(roost, internet):
    def make(relay={}, **sections):
        return roost({"relay": relay, **sections}, namespace=internet.node).start()

    return make


@pytest.fixture
def udp(internet):
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(internet.open.udp_socket(OPEN))


@pytest.fixture
def ask(internet):
    """GET /v1/turn: the status and what it says."""
    def get(*arguments, query=""):
        said = programs.output(internet.open.command(
            "curl", "--silent", "--show-error", "--max-time", "5", "--write-out", "\n%{http_code}",
            *arguments, f"http://{NODE[0]}:{NODE[1]}/v1/turn{query}"))
        body, status = said.rsplit("\n", 1)
        return int(status), json.loads(body)

    return get


def _grant(node, *arguments):
    return programs.output([str(binary()), "grant", *arguments, "--config", node.config_path])


def _bearer(token):
    return "--header", f"Authorization: Bearer {token}"


def _count(node, name):
    return node.admin.metric("roost_relay_allocations", **{"class": name})


def test_a_friend_with_a_grant_relays_until_it_is_revoked(node, ask, udp):
    roost = node()
    token = _grant(roost, "add", "Anna", "--bytes", "5 GB", "--expires", "90 d").split()[0]
    roost.wait_for_log("grants in force: 1")
    status, given = ask(*_bearer(token))
    assert status == 200 and given["ttl"] == 86400
    assert given["uris"] == [f"turn:{NODE[0]}:3478?transport=udp",
                             f"turn:{NODE[0]}:3478?transport=tcp"]

    anna, peer = TurnClient(udp(), NODE, given["username"], given["password"]), udp()
    assert not anna.allocate().error
    assert _count(roost, "friend") == 1
    assert not anna.permit(OPEN).error
    anna.send((OPEN, peer.getsockname()[1]), b"hello")
    assert peer.recv(100) == b"hello"
    assert "Anna" in _grant(roost, "list")

    assert "revoked" in _grant(roost, "revoke", "Anna")
    roost.wait(lambda: _count(roost, "friend") == 0, within=3, what="the allocation has ended")
    assert anna.refresh().error in (401, 437)
    assert ask(*_bearer(token))[0] == 401
    assert TurnClient(udp(), NODE, given["username"], given["password"]).allocate().error == 401


def test_a_friend_of_a_friend_is_of_another_class(node, ask, udp):
    roost = node()
    token = _grant(roost, "add", "Bob", "--class", "friend-of-friend").split()[0]
    roost.wait_for_log("grants in force: 1")
    given = ask(*_bearer(token))[1]
    assert not TurnClient(udp(), NODE, given["username"], given["password"]).allocate().error
    assert _count(roost, "friend_of_friend") == 1


def test_credentials_and_what_was_relayed_outlive_a_restart(node, ask, udp):
    roost = node()
    token = _grant(roost, "add", "Anna", "--bytes", "1 GB").split()[0]
    roost.wait_for_log("grants in force: 1")
    given = ask(*_bearer(token))[1]
    anna, peer = TurnClient(udp(), NODE, given["username"], given["password"]), udp()
    assert not anna.allocate().error
    assert not anna.permit(OPEN).error
    for _ in range(10):
        anna.send((OPEN, peer.getsockname()[1]), bytes(972))
        peer.recv(2000)
    roost.stop()
    assert json.loads(_grant(roost, "list", "--json"))[0]["relayed_bytes"] == 10_000
    roost.process = None
    roost.start()
    again = TurnClient(udp(), NODE, given["username"], given["password"])
    assert not again.allocate().error


def test_a_grant_that_is_used_up_relays_no_more(node, ask, udp):
    roost = node()
    token = _grant(roost, "add", "Anna", "--bytes", "5 kB").split()[0]
    roost.wait_for_log("grants in force: 1")
    given = ask(*_bearer(token))[1]
    anna, peer = TurnClient(udp(), NODE, given["username"], given["password"]), udp()
    assert not anna.allocate().error
    assert not anna.permit(OPEN).error
    for _ in range(7):
        anna.send((OPEN, peer.getsockname()[1]), bytes(972))
    roost.wait(lambda: _count(roost, "friend") == 0, within=3, what="the allocation has ended")
    assert roost.admin.metric("roost_relay_to_peer_packets_total", **{"class": "friend"}) == 5
    assert TurnClient(udp(), NODE, given["username"], given["password"]).allocate().error == 486
    assert ask(*_bearer(token))[0] == 403


def test_a_stranger_reaches_only_a_peer_that_expects_it(node, ask, udp):
    roost = node()
    status, given = ask()
    assert status == 200 and given["ttl"] == 1800
    stranger, peer = TurnClient(udp(), NODE, given["username"], given["password"]), udp()
    assert not stranger.allocate().error
    assert _count(roost, "stranger") == 1
    there = (OPEN, peer.getsockname()[1])
    assert not stranger.permit(OPEN).error
    stranger.send(there, b"unasked")
    peer.sendto(b"unasked", tuple(stranger.relayed))

    def check(name):
        """A connectivity check; that its integrity is right only the agents could tell."""
        return turn_wire.message(stun_wire.BINDING_REQUEST, (USERNAME, name), key=b"k")

    stranger.send(there, check(b"them:me"))
    assert stun_wire.parse(peer.recv(2000)).attributes[USERNAME] == b"them:me"
    peer.sendto(check(b"me:them"), tuple(stranger.relayed))
    assert stun_wire.parse(stranger.receive()[2]).attributes[USERNAME] == b"me:them"
    stranger.send(there, b"expected")
    assert peer.recv(2000) == b"expected"
    peer.sendto(b"expected too", tuple(stranger.relayed))
    assert stranger.receive()[2] == b"expected too"
    assert roost.admin.metric("roost_relay_dropped_packets_total", reason="no_consent") == 2


def test_strangers_are_few_and_have_to_work_where_the_owner_says_so(node, ask, udp):
    roost = node({"stranger_allocations_per_user": 1, "stranger_work": 8})
    status, asked = ask()
    assert status == 401 and asked["effort"] == 8
    number = next(n for n in range(100_000)
                  if hashlib.sha256(f"{asked['challenge']}.{n}".encode()).digest()[0] == 0)
    status, given = ask(query=f"?work={asked['challenge']}.{number}")
    assert status == 200
    assert ask(query=f"?work={asked['challenge']}.{number + 1}x")[0] == 403
    credentials = given["username"], given["password"]
    assert not TurnClient(udp(), NODE, *credentials).allocate().error
    assert TurnClient(udp(), NODE, *credentials).allocate().error == 486

    roost.reload({"relay": {"stranger_allocations": 0}})
    roost.wait(lambda: _count(roost, "stranger") == 0, within=3, what="strangers have gone")
    assert ask()[0] == 401


def test_a_damaged_file_of_grants_changes_nothing_and_is_told(node, ask):
    roost = node()
    token = _grant(roost, "add", "Anna").split()[0]
    roost.wait_for_log("grants in force: 1")
    (roost.folder / "state" / "grants.json").write_text("{")
    roost.wait_for_log("grants stay as they were: .*grants.json is damaged")
    assert ask(*_bearer(token))[0] == 200
    done = programs.run([str(binary()), "grant", "add", "Bob", "--config", roost.config_path],
                        exit_code=1)
    assert "damaged" in done.stdout


def test_a_name_that_two_grants_have_revokes_neither(roost):
    node = roost().start()
    for name in "Anna", "Bob":
        _grant(node, "add", name)
    file = node.state_dir / "grants.json"
    file.write_text(file.read_text().replace("Bob", "Anna"))  # As only an editor can.
    done = programs.run([str(binary()), "grant", "revoke", "Anna", "--config", node.config_path],
                        exit_code=1)
    assert "more than one grant" in done.stdout
    listed = json.loads(_grant(node, "list", "--json"))
    assert [one["name"] for one in listed] == ["Anna", "Anna"]
    _grant(node, "revoke", listed[1]["id"])
    assert json.loads(_grant(node, "list", "--json")) == listed[:1]
