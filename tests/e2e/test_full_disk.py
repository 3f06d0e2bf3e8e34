# SPDX-License-Identifier: MIT
"""Goal: a disk that is full or read-only takes nothing away that was granted, counted or known
before, stops no service, and is told once, in words that help. Method: a state directory on a disk of
a few hundred kilobytes, filled to the last page; and one that turns read-only under a daemon."""

import json
import os
import re
import socket
import urllib.request

import pytest

import stun_wire
from read_only_disk import ReadOnlyDisk
from roost_process import run_command
from small_disk import SmallDisk
from turn_wire import TurnClient

FULL = "No space left on device; nothing has changed; make room"
NOT_KEPT = "count of this month's traffic is not saved"
READ_ONLY = "Read-only file system"
# Enough that what is kept of the month has to be renewed.
MANY_REQUESTS = 1500

SECTIONS = {"admission": {"packets_per_second_per_prefix": 0},
            "relay": {"addresses": ["127.0.0.1"], "allow_peers": ["127.0.0.0/8"]}}


@pytest.fixture
def disk(folder):
    made = SmallDisk(folder / "disk")
    yield made
    made.delete()


@pytest.fixture
def node(roost, disk):
    """A daemon that is not started yet."""
    return roost({"node": {"state_dir": str(disk.path / "state")}, **SECTIONS}, prefix=disk.prefix)


@pytest.fixture
def grant(node, disk):
    def run(*arguments, exit_code=0):
        return run_command("grant", *arguments, "--config", node.config_path, prefix=disk.prefix,
                           exit_code=exit_code).stdout

    return run


def _files(disk):
    """All that is kept, by name."""
    return {file.name: file.read_bytes() for file in (disk.seen / "state").iterdir()}


def _names(grant):
    return [one["name"] for one in json.loads(grant("list", "--json"))]


def _spend(node, requests=200):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        for _ in range(requests):
            stun_wire.ask(udp, ("127.0.0.1", node.port))


def _relay(node, token, datagrams):
    """So many kilobytes, headers included, for the holder of the token."""
    asked = urllib.request.Request(f"http://127.0.0.1:{node.port}/v1/turn",
                                   headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=2) as reply:
        given = json.load(reply)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        peer.bind(("127.0.0.1", 0))
        for one in (peer, udp):
            one.settimeout(2)
        client = TurnClient(udp, ("127.0.0.1", node.port), given["username"], given["password"])
        assert client.allocate().error is None
        assert client.bind(0x4000, peer.getsockname()).error is None
        for _ in range(datagrams):
            client.send_on(0x4000, bytes(972))
            peer.recv(2000)


# A page for the beginning of a file that is longer; or none at all.
@pytest.mark.parametrize("pages", [0, 1])
def test_grants_are_not_changed_on_a_full_disk_and_none_is_lost(node, grant, disk, pages):
    node.start()
    for number in range(20):
        grant("add", f"Anna {number}")
    node.wait_for_log("grants in force: 20")
    assert len(_files(disk)["grants.json"]) > 4096
    disk.fill(but_pages=pages)
    before = _files(disk)
    said = node.log()
    for what in ("add", "Bob"), ("revoke", "Anna 3"):
        assert FULL in grant(*what, exit_code=1)
        assert _files(disk) == before
    assert len(_names(grant)) == 20
    node.admin.get("/healthz")
    assert node.log() == said, "the daemon has seen a change"

    disk.make_room()
    token = grant("add", "Bob").split()[0]
    grant("revoke", "Anna 3")
    node.wait_for_log("grants in force: 20", after=len(said))
    assert "Bob" in _names(grant) and "Anna 3" not in _names(grant)
    _relay(node, token, 1)


def test_a_read_only_disk_is_named(node, grant, disk):
    node.start()
    grant("add", "Anna")
    node.stop()
    before = _files(disk)
    disk.remount("ro")
    for what in ("add", "Bob"), ("revoke", "Anna"):
        assert "Read-only file system; nothing has changed" in grant(*what, exit_code=1)
    assert _names(grant) == ["Anna"]
    exit_code, said = node.start_in_vain()
    assert exit_code == 1
    assert f"{disk.path}/state: Read-only file system" in said
    assert _files(disk) == before
    disk.remount("rw")
    node.start()
    node.wait_for_log("grants in force: 1")


# Room for nothing, and for the first of the two files that there must be.
@pytest.mark.parametrize("pages, missing", [(0, "node.key"), (1, "tls-self-signed.pem")])
def test_the_first_start_on_a_full_disk_is_refused_and_leaves_nothing_broken(
        node, disk, pages, missing):
    disk.fill(but_pages=pages)
    for _ in range(2):
        exit_code, said = node.start_in_vain()
        assert exit_code == 1
        assert f"{disk.path}/state/{missing}" in said and FULL in said
        files = _files(disk)
        assert set(files) <= {"lock", "node.key"} and len(files) == 1 + pages
    disk.make_room()
    node.start()
    if pages:
        assert _files(disk)["node.key"] == files["node.key"]


def test_the_month_is_counted_on_a_full_disk_too(node, disk):
    """Its file is there already, and is overwritten in place."""
    node.start()
    disk.fill()
    _spend(node)
    counted = node.metric("roost_donated_month_bytes")
    node.kill()
    node.start()
    assert node.metric("roost_donated_month_bytes") >= counted
    _spend(node)
    counted = node.metric("roost_donated_month_bytes")
    node.stop()
    node.start()
    assert node.metric("roost_donated_month_bytes") == pytest.approx(counted, abs=100)
    assert "not saved" not in node.log()


def test_what_grants_have_relayed_is_kept_as_it_was_where_the_disk_is_full(node, grant, disk):
    node.start()
    token = grant("add", "Anna").split()[0]
    node.wait_for_log("grants in force: 1")
    _relay(node, token, 5)
    node.stop()
    assert json.loads(grant("list", "--json"))[0]["relayed_bytes"] == 5000
    node.start()
    disk.fill()
    _relay(node, token, 5)
    node.stop()
    assert node.log().count("what grants have relayed is not saved") == 1
    assert FULL in node.log()
    assert json.loads(grant("list", "--json"))[0]["relayed_bytes"] == 5000
    disk.make_room()
    node.start()
    _relay(node, token, 5)
    node.stop()
    assert json.loads(grant("list", "--json"))[0]["relayed_bytes"] == 10_000


def test_who_can_keep_nothing_serves_on_says_so_once_and_recovers_by_itself(node, grant, disk):
    node.start()
    token = grant("add", "Anna").split()[0]
    node.stop()
    (disk.seen / "state/month").unlink()
    disk.fill()
    node.start()  # And is ready.
    node.wait_for_log(NOT_KEPT)
    _spend(node)
    _relay(node, token, 100)
    counted = node.metric("roost_donated_month_bytes")
    assert counted >= 100_000
    assert node.admin.status()["is_ready"]
    assert "given this month" in run_command("status", "--config", node.config_path).stdout
    assert "month" not in _files(disk)

    disk.make_room()
    # When it keeps house the next time.
    node.wait_for_log("count of this month's traffic is saved again", within=65)
    assert node.log().count(NOT_KEPT) == 1
    node.kill()
    node.start()
    assert node.metric("roost_donated_month_bytes") >= counted


def _unsaved(node):
    """What status, metrics and the table say, which is the same."""
    told = node.admin.status()["unsaved"]
    assert told == [file for file in ("month", "grants.used")
                    if node.metric("roost_state_unsaved", file=file)]
    table = run_command("status", "--config", node.config_path).stdout
    assert ("not saved" in table) == bool(told)
    return told


def _add_grant(node, disk, name, exit_code=0):
    return run_command("grant", "add", name, "--config", node.config_path, exit_code=exit_code,
                       env={**os.environ, **disk.environment}).stdout


def _contents(node):
    return {file.name: file.read_bytes() for file in node.state_dir.iterdir()}


def test_a_disk_that_turns_read_only_stops_nothing_and_is_saved_to_when_it_can_be(roost, folder):
    disk = ReadOnlyDisk(folder)
    node = roost(SECTIONS, environment=disk.environment).start()
    token = _add_grant(node, disk, "Anna").split()[0]
    node.wait_for_log("grants in force: 1")
    assert _unsaved(node) == []
    before = _contents(node)
    disk.turn_read_only()
    _spend(node, MANY_REQUESTS)
    node.wait_for_log(f"{NOT_KEPT}: .*/month: {READ_ONLY}")
    assert _unsaved(node) == ["month"]
    assert READ_ONLY in _add_grant(node, disk, "Bob", exit_code=1)
    _relay(node, token, 100)
    assert "nothing changed" in node.reload({})
    assert node.admin.get("/readyz").status == 200
    _spend(node, MANY_REQUESTS)
    counted = node.metric("roost_donated_month_bytes")
    assert _contents(node) == before

    disk.turn_writable()
    # When it keeps house the next time.
    node.wait_for_log("count of this month's traffic is saved again", within=65)
    assert node.log().count(NOT_KEPT) == 1
    assert _unsaved(node) == []
    _add_grant(node, disk, "Bob")
    node.wait_for_log("grants in force: 2")
    node.kill()
    node.start()
    assert node.metric("roost_donated_month_bytes") >= counted


def test_a_stop_on_a_disk_that_turned_read_only_is_clean_and_damages_nothing(roost, folder):
    disk = ReadOnlyDisk(folder)
    node = roost(SECTIONS, environment=disk.environment).start()
    token = _add_grant(node, disk, "Anna").split()[0]
    node.wait_for_log("grants in force: 1")
    before = _contents(node)
    disk.turn_read_only()
    _relay(node, token, 10)
    node.stop()
    for what in "count of this month's traffic", "what grants have relayed":
        assert re.search(f"{what} is not saved: .*{READ_ONLY}", node.log())
    exit_code, said = node.start_in_vain()
    assert exit_code == 1 and READ_ONLY in said
    assert _contents(node) == before
    disk.turn_writable()
    node.start()
    node.wait_for_log("grants in force: 1")
    _relay(node, token, 1)
