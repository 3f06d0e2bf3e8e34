# SPDX-License-Identifier: MIT
"""Goal: Prometheus reads the metrics as they are, and they name nobody. Method: promtool's linter, a
Prometheus that scrapes and answers a query, and a look for the addresses of those who asked."""

import json
import socket
import time
import urllib.parse
import urllib.request

import programs
import stun_wire
from free_port import free_port


def test_promtool_finds_nothing_wrong(roost):
    node = roost().start()
    page = node.admin.get("/metrics")
    assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = programs.run(["promtool", "check", "metrics"], stdin=None, input=page.text,
                         exit_code=None)
    assert (found.returncode, found.stdout) == (0, "")


def test_prometheus_scrapes_and_answers_a_query(roost, folder):
    node = roost().start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        for _ in range(5):
            stun_wire.ask(udp, ("127.0.0.1", node.port))

    port = free_port()
    (folder / "prometheus.yml").write_text(json.dumps({  # JSON is YAML.
        "global": {"scrape_interval": "200ms"},
        "scrape_configs": [{"job_name": "roost",
                            "static_configs": [{"targets": [node.admin.address]}]}]}))
    programs.run(["promtool", "check", "config", folder / "prometheus.yml"])
    with programs.running(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}"]):
        query = 'sum by (job) (roost_stun_successes_total{transport="udp"})'
        assert _first_result(port, query, within=15) == "5"
        assert _first_result(port, 'up{job="roost"}', within=5) == "1"
        assert _first_result(port, "roost_ready", within=5) == "1"


def _first_result(port: int, query: str, within: float) -> str:
    url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}"
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                result = json.load(reply)["data"]["result"]
            if result:
                return result[0]["value"][1]
        except OSError:
            pass  # It does not listen yet, or is not ready.
        time.sleep(0.05)
    raise AssertionError(f"no result for {query} within {within} s")


def test_nothing_that_can_be_read_names_a_peer(roost):
    node = roost({"log": {"level": "info"}}).start()
    peers = ["127.77.66.55", "127.88.99.11"]
    for peer in peers:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(2)
            udp.bind((peer, 0))
            stun_wire.ask(udp, ("127.0.0.1", node.port))
            udp.sendto(b"\xff" * 40, ("127.0.0.1", node.port))
            udp.sendto(b"\x00\x01\x00\x08" + b"\x21\x12\xa4\x42" + bytes(12), ("127.0.0.1", node.port))
        for first_bytes in (b"GET /v1/node HTTP/1.1\r\nHost: a\r\n\r\n", b"\xff" * 40,
                            b"\x16\x03\x01\x00\x05hello"):
            with socket.create_connection(("127.0.0.1", node.port), 2, (peer, 0)) as tcp:
                tcp.sendall(first_bytes)
                tcp.settimeout(1)
                try:
                    tcp.recv(1)
                except OSError:
                    pass
    assert node.metric("roost_connections_accepted_total") >= 6
    pages = [node.admin.get(path).text for path in ("/metrics", "/status.json", "/", "/readyz")]
    node.stop()
    for text in [*pages, node.log()]:
        for peer in peers:
            # Not even its network.
            assert peer.rsplit(".", 1)[0] not in text, text
