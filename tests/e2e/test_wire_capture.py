# SPDX-License-Identifier: MIT
"""Goal: what is on the wire is STUN as others understand it. Method: capture requests and replies of
every transport that is not encrypted, and let tshark decode them."""

import re
import socket

import pytest

import stun_wire
from roost_process import Roost
from wire_capture import PORT, capturing


@pytest.fixture(scope="module")
def capture(tmp_path_factory, internet):
    """Binding requests over UDP and TCP, IPv4 and IPv6, and one with an unknown attribute."""
    folder = tmp_path_factory.mktemp("capture")
    node = Roost(folder / "node", {"stun": {"software": "roost"}}, namespace=internet.node)
    with node.running(), capturing(internet.open, folder, f"port {PORT}") as captured:
        _talk(internet)
        captured.wait_for(lambda: captured.count("stun.type == 0x0111") >= 1
                          and captured.count("stun.type == 0x0101 && tcp") >= 2)
    return captured


def _talk(internet):
    for server in ("11.0.1.10", "2a00:11:1::10"):
        with internet.open.udp_socket("0.0.0.0" if "." in server else "::") as udp:
            stun_wire.ask(udp, (server, PORT))
        family = socket.AF_INET if "." in server else socket.AF_INET6
        with internet.open.inside(lambda: socket.socket(family, socket.SOCK_STREAM)) as tcp:
            tcp.settimeout(2)
            tcp.connect((server, PORT))
            stun_wire.ask_stream(tcp)
    with internet.open.udp_socket("0.0.0.0") as udp:
        udp.sendto(stun_wire.binding_request(attributes=b"\x00\x7f\x00\x04what"),
                   ("11.0.1.10", PORT))
        assert stun_wire.parse(udp.recv(2048)).type == 0x0111


def test_every_transport_and_family_is_there(capture):
    for transport in ("udp && ip", "udp && ipv6", "tcp && ip", "tcp && ipv6"):
        assert capture.count(f"stun.type == 0x0001 && {transport}") >= 1, transport
        assert capture.count(f"stun.type == 0x0101 && {transport}") == 1, transport


def test_nothing_is_malformed_or_worth_a_warning(capture):
    assert capture.count("_ws.malformed") == 0
    # Severity 0x600000 is a warning, 0x800000 an error. One of our own requests deserves one.
    found = capture.fields("stun && (udp.srcport == 3478 || tcp.srcport == 3478) && "
                    "_ws.expert.severity >= 0x600000", "frame.number", "_ws.expert.message")
    assert found == []


@pytest.mark.parametrize("family, field, expected", [
    ("ip", "stun.att.ipv4", "11.0.2.10"), ("ipv6", "stun.att.ipv6", "2a00:11:2::10")])
def test_tshark_undoes_the_xor_to_the_clients_address(capture, family, field, expected):
    decoded = capture.fields(f"stun.type == 0x0101 && {family}", f"{field}-xord", field,
                      "stun.att.port", "udp.dstport", "tcp.dstport")
    assert len(decoded) == 2
    for as_sent, addresses, ports, udp_port, tcp_port in decoded:
        assert as_sent
        # Further ones would be of other attributes.
        assert addresses.split(",")[0] == expected
        assert ports.split(",")[0] == (udp_port or tcp_port)


def test_the_error_names_the_attribute_that_was_not_understood(capture):
    [[error_class, number, unknown]] = capture.fields(
        "stun.type == 0x0111", "stun.att.error.class", "stun.att.error",
        "stun.att.unknown")
    assert (error_class, number) == ("4", "20")
    assert re.fullmatch(r"0x0*7f|127", unknown), unknown


def test_the_software_is_named_where_the_owner_says_so(capture):
    names = {name for [name] in capture.fields("stun.type == 0x0101", "stun.att.software")}
    assert names == {"roost"}
