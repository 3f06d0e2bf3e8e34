# SPDX-License-Identifier: MIT
"""Goal: TURN clients that others wrote are relayed by a node, wherever they stand. Method: coturn's,
over each transport, in each mode and behind each kind of NAT; then ICE and WebRTC agents that may
take no other way."""

import concurrent.futures
import pathlib
import re
import subprocess
import time
from typing import NamedTuple

import pytest

import programs
import turn_wire
from namespaces import Namespace
from roost_process import Roost
from small_internet import NAT_KINDS, NODE_V4, NODE_V6

SECRET = "north"
ADMISSION = {"connections_per_prefix": 200}  # All clients stand in one.
RELAY = {"users": {"alice": "secret"}, "shared_secret": SECRET,
         # Failed tries leave theirs behind; all clients are of one user and one prefix.
         "allocations": 2000, "allocations_per_user": 2000, "allocations_per_prefix": 2000}
MESSAGES = 3
# turnutils_uclient draws channel numbers from 0x4000 to 0x7fff, as RFC 5766 had it, two in a run. RFC
# 8656 left a quarter of them, so what it draws a number with is told to keep two bits clear.
ALLOWED_CHANNELS = """
  #define _GNU_SOURCE
  #include <dlfcn.h>
  int RAND_bytes(unsigned char* bytes, int size) {
    int (*original)(unsigned char*, int) = dlsym(RTLD_NEXT, "RAND_bytes");
    int result = original(bytes, size);
    if (size == sizeof(long)) bytes[1] &= 0xcf;
    return result;
  }
"""
SENDING, CHANNELS = ["-s"], []
UDP, TCP = [], ["-t"]
TLS, DTLS = ["-t", "-S", "-p", "3478"], ["-S", "-p", "3478"]
PEER_V4, PEER_V6 = ["-e", "11.0.2.10"], ["-x", "-e", "2a00:11:2::10"]


class Run(NamedTuple):
    options: list[str]
    server: str = NODE_V4[0]
    place: str = "open"
    sent: int = MESSAGES
    size: int = 100  # Bytes of each; what turnutils_uclient takes by itself.
    clients: int = 1


ALICE = ["-u", "alice", "-w", "secret"]
SINGLE = [*ALICE, "-c"]  # Without a second allocation for RTCP.
RUNS = {
    f"{mode_name} over {transport_name}, {families}": Run(
        [*SINGLE, *transport, *mode, *peer], server)
    for mode_name, mode in (("indications", SENDING), ("channels", CHANNELS))
    for transport_name, transport in (
        ("udp", UDP), ("tcp", TCP), ("tls", TLS), ("dtls", DTLS))
    for families, peer, server in (("ipv4", PEER_V4, NODE_V4[0]), ("ipv6", PEER_V6, NODE_V6[0]))
} | {
    f"behind a {kind} nat over {transport_name}": Run(
        [*SINGLE, *transport, *SENDING, *PEER_V4], place=kind)
    for kind in NAT_KINDS
    for transport_name, transport in (("udp", UDP), ("tcp", TCP), ("dtls", DTLS))
} | {
    "from ipv4 to ipv6": Run([*SINGLE, *SENDING, *PEER_V6]),
    "from ipv6 to ipv4": Run([*SINGLE, *SENDING, "-X", *PEER_V4], NODE_V6[0]),
    "with don't fragment": Run([*SINGLE, *SENDING, "-g", *PEER_V4]),
    "with padding over udp": Run([*SINGLE, "-D", "-l", "101", *PEER_V4], size=101),
    "with large messages": Run([*SINGLE, *SENDING, "-l", "1200", *PEER_V4], size=1200),
    "with a pair of ports for rtp": Run([*ALICE, *SENDING, *PEER_V4], sent=2 * MESSAGES),
    "with an expiring password": Run(
        ["-u", "carol", "-W", SECRET, "-c", *SENDING, *PEER_V4]),
    "client to client over udp": Run([*SINGLE, *SENDING, "-y"], sent=2 * MESSAGES),
    "client to client over tcp": Run([*SINGLE, *TCP, *SENDING, "-y"], sent=2 * MESSAGES),
    "client to client over tls": Run([*SINGLE, *TLS, *SENDING, "-y"], sent=2 * MESSAGES),
    "client to client over dtls": Run([*SINGLE, *DTLS, *SENDING, "-y"], sent=2 * MESSAGES),
    "with odd messages in channels over dtls": Run(
        [*SINGLE, *DTLS, "-l", "101", *PEER_V4], size=101),
    "with large messages over dtls": Run(
        [*SINGLE, *DTLS, *SENDING, "-l", "1200", *PEER_V4], size=1200),
    # RFC 6062, whose clients are each other's peers: half of them connect, half are connected to.
    "connections over tcp": Run([*ALICE, "-T"], sent=2 * MESSAGES),
    "connections over tls": Run([*ALICE, "-T", "-S", "-p", "3478"], sent=2 * MESSAGES),
    "connections over ipv6": Run([*ALICE, "-T", "-x"], NODE_V6[0], sent=2 * MESSAGES),
    "connections to ipv6 from ipv4": Run([*ALICE, "-T", "-x"], sent=2 * MESSAGES),
} | {
    # Eight of them, each with 50 messages of 500 bytes, one every 20 ms.
    f"in a crowd over {name}": Run(
        [*SINGLE, *options, *SENDING, "-m", "8", "-n", "50", "-z", "20", "-l", "500"],
        sent=400, size=500, clients=8)
    for name, options in (("udp", [*UDP, *PEER_V4]), ("tcp", [*TCP, *PEER_V4]),
                          ("tls", [*TLS, *PEER_V4]), ("udp, client to client", [*UDP, "-y"]))
}
REFUSED = {
    "a wrong password": ["-u", "alice", "-w", "wrong"],
    "an unknown user": ["-u", "mallory", "-w", "secret"],
    "another site's secret": ["-u", "carol", "-W", "south"],
    "an expired password": None,  # Made at the time.
}


class Finished(NamedTuple):
    transcripts: dict[str, str]
    handed_over_packets: float
    bytes_to_clients: float


def _uclient(place: Namespace, *arguments: str,
             preloaded: str = "") -> "subprocess.CompletedProcess[str]":
    programs.find("turnutils_uclient")
    return place.run(["env", f"LD_PRELOAD={preloaded}", "turnutils_uclient", "-n", str(MESSAGES),
                      *arguments], timeout=20, exit_code=None)


@pytest.fixture(scope="module")
def node(tmp_path_factory, internet):
    folder = tmp_path_factory.mktemp("node")
    with Roost(folder, {"relay": RELAY, "admission": ADMISSION},
               namespace=internet.node).running() as made:
        yield made


@pytest.fixture(scope="module")
def peer(internet):
    """Sends back what it gets, at 11.0.2.10 and 2a00:11:2::10."""
    command = internet.open.command(programs.find("turnutils_peer"), "-p", "3480")
    with programs.running(command), internet.open.udp_socket("0.0.0.0") as udp:
        udp.settimeout(0.1)
        for _ in range(50):
            try:
                udp.sendto(b"ready?", ("11.0.2.10", 3480))
                udp.recv(100)
                break
            except (TimeoutError, ConnectionRefusedError):
                time.sleep(0.02)
        else:
            raise AssertionError("turnutils_peer does not answer")
        yield


@pytest.fixture(scope="module")
def allowed_channels(tmp_path_factory):
    library = tmp_path_factory.mktemp("channels") / "allowed_channels.so"
    programs.run(["cc", "-shared", "-fPIC", "-o", library, "-x", "c", "-"],
                 input=ALLOWED_CHANNELS)
    return str(library)


@pytest.fixture(scope="module")
def finished(internet, node, peer, allowed_channels):
    """What each run printed: all at the same time, since they spend it waiting."""
    def run(wanted: Run) -> str:
        place = internet.open if wanted.place == "open" else internet.behind[wanted.place]
        try:
            done = _uclient(place, *wanted.options, wanted.server, preloaded=allowed_channels)
        except AssertionError as error:
            return str(error)  # It went on for too long: one failure, not that of all.
        return f"{done.stdout}\nended with {done.returncode}"

    with concurrent.futures.ThreadPoolExecutor(max_workers=len(RUNS)) as pool:
        asked = {}
        for name, wanted in RUNS.items():
            asked[name] = pool.submit(run, wanted)
            time.sleep(0.1 * wanted.clients)  # A prefix is challenged ten times a second.
        transcripts = {name: text.result() for name, text in asked.items()}
    return Finished(transcripts, node.metric("roost_relay_handed_over_packets_total"),
                    node.metric("roost_relay_to_client_bytes_total"))


@pytest.mark.parametrize("name", RUNS)
def test_turnutils_uclient_loses_nothing(finished, name):
    text = finished.transcripts[name]
    sent, size = RUNS[name].sent, RUNS[name].sent * RUNS[name].size
    assert "Total lost packets 0 (0.000000%), total send dropped 0 (0.000000%)" in text, text
    assert f" tot_send_msgs={sent}, tot_recv_msgs={sent}\n" in text, text
    assert f" tot_send_bytes ~ {size}, tot_recv_bytes ~ {size}\n" in text, text
    assert text.endswith("ended with 0"), text


def test_turnutils_uclient_is_connected_to_by_its_peers(internet, node):
    """Its peers send and hear nothing, so half of what it counts is lost; of coturn's server too."""
    # Without -L it asks for a permission for 0.0.0.0, which nobody can be given.
    done = _uclient(internet.open, *ALICE, "-P", "-L", "11.0.2.10", NODE_V4[0])
    assert done.returncode == 0, done.stdout
    assert f" tot_send_msgs={2 * MESSAGES}, tot_recv_msgs={MESSAGES}\n" in done.stdout, done.stdout


def test_what_goes_from_client_to_client_is_handed_over_inside_the_node(finished):
    between_clients = [run for name, run in RUNS.items() if "client to client" in name]
    assert finished.handed_over_packets >= sum(run.sent for run in between_clients)


def test_all_of_it_goes_through_the_node(finished):
    assert finished.bytes_to_clients >= sum(run.sent * run.size for run in RUNS.values())


@pytest.mark.parametrize("what", REFUSED)
def test_turnutils_uclient_gets_nothing_with(internet, node, what):
    user = REFUSED[what]
    if user is None:
        name, password = turn_wire.rest_credentials(SECRET, "carol", expires_in=-2)
        user = ["-u", name, "-w", password]
    made = node.metric("roost_relay_allocations_made_total")
    done = _uclient(internet.open, *user, "-c", *SENDING, *PEER_V4, NODE_V4[0])
    assert done.returncode != 0 and "Cannot complete Allocation" in done.stdout, done.stdout
    assert node.metric("roost_relay_allocations_made_total") == made


def _python(place: Namespace, script: str, *arguments: str, timeout: float) -> str:
    path = pathlib.Path(__file__).with_name(script)
    return place.output(["/usr/bin/python3", str(path), *arguments], timeout=timeout)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("place", ["open", "symmetric"])
def test_two_ice_agents_of_aioice_reach_each_other_through_the_relay(
        internet, node, place, transport):
    before = node.metric("roost_relay_handed_over_packets_total")
    at = internet.open if place == "open" else internet.behind[place]
    assert "came through both ways" in _python(
        at, "ice_through_relay.py", NODE_V4[0], "3478", transport, timeout=20)
    assert node.metric("roost_relay_handed_over_packets_total") >= before + 6


@pytest.mark.parametrize("url", [f"turn:{NODE_V4[0]}:3478?transport=udp",
                                 f"turn:{NODE_V4[0]}:3478?transport=tcp"])
def test_a_data_channel_of_aiortc_goes_through_the_relay(internet, node, url):
    before = node.metric("roost_relay_to_client_bytes_total")
    assert "100000 bytes there and back" in _python(
        internet.behind["port_restricted"], "webrtc_through_relay.py", url, timeout=30)
    assert node.metric("roost_relay_to_client_bytes_total") >= before + 200_000


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_of_gstreamer_goes_through_the_relay(internet, node, transport):
    sound = 50 * (12 + 160)  # A second of PCMU at least, 20 ms in each packet.
    before = node.metric("roost_relay_to_client_bytes_total")
    held = node.metric("roost_relay_allocations")
    said = _python(internet.behind["port_restricted"], "webrtcbin_through_relay.py",
                   f"turn://alice:secret@{NODE_V4[0]}:3478?transport={transport}", timeout=30)
    assert re.search(r"200000 bytes there, 200000 back, and \d+ packets of sound", said), said
    assert node.metric("roost_relay_to_client_bytes_total") >= before + 400_000 + sound
    if transport == "tcp":  # Over UDP it gives nothing back when it hangs up.
        node.wait(lambda: node.metric("roost_relay_allocations") <= held, within=5,
                  what="its relayed addresses are gone")
