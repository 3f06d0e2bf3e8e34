# SPDX-License-Identifier: MIT
"""Goal: the one TCP port speaks STUN, HTTP and TLS, and each again inside TLS. Method: curl and
openssl, and STUN by hand, on the same port."""

import re
import signal
import socket
import ssl

import pytest

import programs
import stun_wire
from certificate import make_certificate

SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, before the 32 bytes of key.


def _tls(port, alpn=()):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    tcp = socket.create_connection(("127.0.0.1", port), 3)
    return context.wrap_socket(tcp, server_hostname="localhost")


def _curl(*arguments, **options):
    return programs.output(["curl", "--silent", "--show-error", "--insecure", "--max-time", "5",
                            *arguments], **options)


@pytest.fixture
def node(roost):
    return roost().start()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_curl_gets_the_node_record(node, scheme, host):
    reply = _curl("--include", f"{scheme}://{host}:{node.port}/v1/node")
    head, body = reply.split("\n\n", 1)  # Read as text, so without the carriage returns.
    assert head.startswith("HTTP/1.1 200")
    assert re.search(r"(?im)^content-length: \d+", head)
    assert body.startswith("d")


def test_the_node_record_is_signed_by_the_nodes_key(node, folder):
    """As BEP 44 signs: openssl checks it from the bytes on the wire."""
    record = folder / "record"
    _curl("--output", record, f"http://127.0.0.1:{node.port}/v1/node")
    item = _bdecode(record.read_bytes())
    assert len(item[b"k"]) == 32 and len(item[b"sig"]) == 64
    (folder / "key.der").write_bytes(SPKI_ED25519 + item[b"k"])
    (folder / "signature").write_bytes(item[b"sig"])
    value = _bencode(item[b"v"])
    assert len(value) <= 1000
    (folder / "signed").write_bytes(b"4:salt5:roost3:seqi%de1:v" % item[b"seq"] + value)
    said = programs.output(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey",
                            folder / "key.der", "-rawin", "-in", folder / "signed", "-sigfile",
                            folder / "signature"])
    assert "Verified Successfully" in said


def test_everything_else_is_404(node):
    for path in ("/", "/metrics", "/status.json", "/v1/node/", "/../etc/passwd"):
        said = _curl("--path-as-is", "--output", "/dev/null", "--write-out", "%{http_code}",
                     f"http://127.0.0.1:{node.port}{path}")
        assert said == "404", path
    assert node.metric("roost_http_replies_total", **{"class": "4xx"}) == 5


def test_requests_follow_each_other_on_one_connection(node):
    url = f"https://127.0.0.1:{node.port}/v1/node"
    said = _curl("--write-out", "%{num_connects}\n", *["--output", "/dev/null", url] * 5)
    assert said.split() == ["1", "0", "0", "0", "0"]


def test_curl_gives_up_neither_head_nor_unknown_methods(node):
    url = f"http://127.0.0.1:{node.port}/v1/node"
    assert _curl("--head", url).startswith("HTTP/1.1 200")
    said = _curl("--request", "BREW", "--output", "/dev/null", "--write-out", "%{http_code}", url)
    assert said in ("404", "405", "501")


@pytest.mark.parametrize("protocol", ["stun.turn", "http/1.1"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_agrees_on_the_protocol(node, protocol, version):
    said = programs.output(["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", "-alpn",
                            protocol, version])
    assert f"ALPN protocol: {protocol}" in said


def test_openssl_connects_without_alpn_and_not_with_old_versions(node):
    said = programs.output(["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}"])
    assert "No ALPN negotiated" in said
    for old in ("-tls1", "-tls1_1"):
        said = programs.output(["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", old,
                                "-cipher", "DEFAULT@SECLEVEL=0"], exit_code=None)
        assert "Cipher is (NONE)" in said or "no peer certificate available" in said


@pytest.mark.parametrize("alpn", [(), ("stun.turn",)])
def test_stun_is_served_plain_and_inside_tls(node, alpn):
    with socket.create_connection(("127.0.0.1", node.port), 3) as plain:
        for _ in range(3):
            assert stun_wire.ask_stream(plain).mapped == plain.getsockname()
    with _tls(node.port, alpn) as tls:
        for _ in range(3):
            assert stun_wire.ask_stream(tls).mapped == tls.getsockname()
    assert node.metric("roost_stun_successes_total", transport="tcp") == 3
    assert node.metric("roost_stun_successes_total", transport="tls") == 3


def test_stun_that_arrives_in_pieces_and_in_a_heap_is_answered(node):
    with socket.create_connection(("127.0.0.1", node.port), 3) as tcp:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = stun_wire.binding_request()
        for byte in request:
            tcp.sendall(bytes([byte]))
        assert stun_wire.parse(stun_wire.read_message(tcp)).transaction_id == request[8:20]
        requests = [stun_wire.binding_request() for _ in range(50)]
        tcp.sendall(b"".join(requests))
        stream = tcp.makefile("rb")
        for request in requests:
            assert stun_wire.parse(stream.read(32)).transaction_id == request[8:20]


def test_the_self_signed_certificate_outlives_a_restart(node):
    before = ssl.get_server_certificate(("127.0.0.1", node.port))
    node.stop()
    node.start()
    assert ssl.get_server_certificate(("127.0.0.1", node.port)) == before


def test_the_owners_certificate_is_used_and_renewed(roost, folder):
    first, first_key = make_certificate(folder, "first.example")
    node = roost({"tls": {"certificate": str(first), "key": str(first_key)}}).start()
    programs.run(["curl", "--silent", "--show-error", "--cacert", first, "--resolve",
                  f"first.example:{node.port}:127.0.0.1", "--output", "/dev/null",
                  f"https://first.example:{node.port}/v1/node"])

    second, second_key = make_certificate(folder, "second.example")
    second_key.replace(first_key)
    second.replace(first)
    node.signal(signal.SIGHUP)
    node.wait_for_log("reloaded")
    node.wait(lambda: ssl.get_server_certificate(("127.0.0.1", node.port)) == first.read_text(),
              within=3, what="the renewed certificate is used")


def test_a_certificate_that_does_not_fit_leaves_the_old_one_in_use(roost, folder):
    certificate, key = make_certificate(folder, "good.example")
    node = roost({"tls": {"certificate": str(certificate), "key": str(key)}}).start()
    before = ssl.get_server_certificate(("127.0.0.1", node.port))
    _, other_key = make_certificate(folder, "other.example")
    other_key.replace(key)
    node.signal(signal.SIGHUP)
    node.wait_for_log("old certificate stays in use")
    assert ssl.get_server_certificate(("127.0.0.1", node.port)) == before


def test_a_certificate_that_is_not_there_is_an_error_at_start(roost, folder):
    node = roost({"tls": {"certificate": str(folder / "none.pem"), "key": str(folder / "none")}})
    exit_code, said = node.start_in_vain()
    assert exit_code in (1, 2)
    assert "none.pem" in said


def _bdecode(data):
    value, end = _bdecode_at(data, 0)
    assert end == len(data)
    return value


def _bdecode_at(data, at):
    kind = data[at:at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1:end]), end + 1
    if kind in (b"l", b"d"):
        items, at = [], at + 1
        while data[at:at + 1] != b"e":
            item, at = _bdecode_at(data, at)
            items.append(item)
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2]))), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1:end], end


def _bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:" % len(value) + value
    if isinstance(value, list):
        return b"l" + b"".join(map(_bencode, value)) + b"e"
    return b"d" + b"".join(_bencode(key) + _bencode(value[key]) for key in sorted(value)) + b"e"


def test_a_used_up_month_costs_one_refusal_for_an_open_connection_and_no_more(roost):
    """Asking on, on the same connection, must not draw reply after reply from an empty month."""
    month = 20_000
    node = roost({"donate": {"monthly": f"{month} B"},
                  "admission": {"packets_per_second_per_prefix": 0}}).start()
    statuses = []
    with socket.create_connection(("127.0.0.1", node.port), timeout=3) as connection:
        for _ in range(900):
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            reply = connection.recv(4096)
            if not reply:
                break
            statuses.append(int(reply.split()[1]))
            if statuses[-1] == 503:
                assert b"connection: close" in reply.lower()
                break
    assert statuses[-1] == 503 and statuses.count(503) == 1
    assert node.metric("roost_donated_month_bytes") < month + 1000
