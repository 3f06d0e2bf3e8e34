# SPDX-License-Identifier: MIT
"""Goal: `roost probe turn:` tells the truth about a relay, ours and coturn's. Method: from outside over
every transport, from behind a NAT, from the node's own machine, with what makes it fail, and with a
firewall before the relay's ports."""

import json
import subprocess
import time

import pytest

import programs
from roost_process import Roost, binary
from small_internet import NODE_V4, NODE_V6

PASSWORD, SECRET, COTURN_PORT = "open sesame", "north", 3490
RELAY = {"users": {"alice": PASSWORD, "bob": "other"}, "shared_secret": SECRET,
         "allocations_per_user": 2}
TRANSPORTS = {
    "udp": (f"turn:{NODE_V4[0]}", NODE_V4[0]),
    "tcp": (f"turn:{NODE_V4[0]}?transport=tcp", NODE_V4[0]),
    "tls": (f"turns:{NODE_V4[0]}:3478", NODE_V4[0]),
    "udp over ipv6": (f"turn:[{NODE_V6[0]}]", NODE_V6[0]),
    "tls over ipv6": (f"turns:[{NODE_V6[0]}]:3478", NODE_V6[0]),
    "with two slashes": (f"turn://{NODE_V4[0]}:3478", NODE_V4[0]),
}
DIRECT = ["binding", "allocate", "peer_binding", "permission", "knock", "channel", "echo", "release",
          "gone"]


@pytest.fixture(scope="module")
def node(tmp_path_factory, internet):
    with Roost(tmp_path_factory.mktemp("node"), {"relay": RELAY},
               namespace=internet.node).running() as made:
        yield made


@pytest.fixture(scope="module")
def coturn(tmp_path_factory, internet):
    folder = tmp_path_factory.mktemp("coturn")
    command = internet.node.command(
        programs.find("turnserver"), "-n", "--listening-port", str(COTURN_PORT), "--listening-ip",
        NODE_V4[1], "--relay-ip", NODE_V4[1], "--lt-cred-mech", "--user", f"alice:{PASSWORD}",
        "--realm", "elsewhere", "--no-tls", "--no-dtls", "--no-cli", "--user-quota", "2",
        "--log-file", str(folder / "log"), "--simple-log", "--pidfile", str(folder / "pid"),
        "--userdb", str(folder / "db"), "--min-port", "40000", "--max-port", "40100")
    with programs.running(command, cwd=folder):
        for _ in range(100):
            if _probe(internet.open, f"stun:{NODE_V4[1]}:{COTURN_PORT}", "--timeout", "100")[0] == 0:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("turnserver does not answer")
        yield f"{NODE_V4[1]}:{COTURN_PORT}"


def _probe(place, *arguments, password=None):
    """Exit code, standard output, standard error."""
    command = [str(binary()), "probe", *arguments]
    if password is not None:
        command += ["--user", "alice", "--password-file", "-"]
    done = subprocess.run(place.command(*command), input=password or "", capture_output=True,
                          text=True, timeout=20, check=False)
    return done.returncode, done.stdout, done.stderr


def _findings(place, *arguments, password=PASSWORD, exit_code=0):
    code, out, error = _probe(place, *arguments, "--json", password=password)
    assert code == exit_code, out + error
    assert error == "" and out.count("\n") == 1, out + error
    return json.loads(out)


def _steps(findings):
    return [step["step"] for step in findings["steps"]]


def _expect_direct(findings, echoes=10):
    assert findings["is_ok"] and findings["way"] == "direct", findings
    assert _steps(findings) == DIRECT
    assert all(step["is_ok"] and step["took_ms"] >= 0 for step in findings["steps"])
    assert findings["echo"]["sent"] == findings["echo"]["returned"] == echoes
    assert 0 < findings["echo"]["round_trip_min_ms"] <= findings["echo"]["round_trip_median_ms"]
    assert findings["is_reached_from_outside"] and findings["is_gone"]


def _expect_relay_to_relay(findings, diverted_by):
    assert findings["is_ok"] and findings["way"] == "relay_to_relay", findings
    assert findings["why_not_direct"]["step"] == diverted_by
    assert findings["echo"]["returned"] == 10 and findings["is_gone"]
    assert not findings["is_reached_from_outside"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_it_goes_through_our_relay_and_back(internet, node, transport):
    uri, relayed = TRANSPORTS[transport]
    findings = _findings(internet.open, uri, "--count", "5")
    _expect_direct(findings, echoes=5)
    assert findings["password_algorithm"] == "SHA-256"
    assert relayed in findings["relayed_address"]
    assert node.metric("roost_relay_allocations") == 0


def test_people_read_what_that_proves(internet, node):
    code, out, error = _probe(internet.open, f"turn:{NODE_V4[0]}", password=PASSWORD)
    assert (code, error) == (0, "")
    assert "10 sent, 10 came back" in out and "open to the outside" in out, out
    assert PASSWORD not in out


@pytest.mark.parametrize("kind", ["port_restricted", "symmetric"])
def test_it_finds_its_way_from_behind_a_nat(internet, node, kind):
    findings = _findings(internet.behind[kind], f"turn:{NODE_V4[0]}")
    _expect_direct(findings)
    assert internet.outer_address(kind) in findings["peer"]


def test_passwords_that_expire_are_made_from_the_secret(internet, node, tmp_path):
    (tmp_path / "secret").write_text(SECRET + "\n")
    findings = _findings(internet.open, f"turn:{NODE_V4[0]}", "--secret-file",
                         str(tmp_path / "secret"), password=None)
    _expect_direct(findings)
    assert findings["username"].endswith(":probe")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", NODE_V4[0]])
def test_the_operator_needs_the_configuration_only(internet, node, host):
    """Nothing is relayed to the machine itself, but between two of its relayed addresses."""
    findings = _findings(internet.node, f"turn:{host}", "--config", str(node.config_path),
                         password=None)
    _expect_relay_to_relay(findings, "channel")
    assert findings["username"] == "alice"


def test_a_firewall_before_the_relays_ports_is_found_out(internet, node):
    internet.node.rules(_wall("49152-65535"))
    try:
        findings = _findings(internet.open, f"turn:{NODE_V4[0]}")
    finally:
        internet.node.run(["nft", "delete", "table", "inet", "wall"])
    _expect_relay_to_relay(findings, "knock")
    assert "relay.port_min" in findings["why_not_direct"]["remedy"]


def _wall(ports):
    return f"""table inet wall {{
      chain input {{ type filter hook input priority 0; udp dport {ports} drop; }}
    }}"""


def _failure(findings):
    failed = [step for step in findings["steps"] if step["step"] == findings["failure"]["step"]][-1]
    return failed["step"], failed.get("error_code")


def test_what_fails_is_told_with_its_step_and_code(internet, node, roost):
    wrong = _findings(internet.open, f"turn:{NODE_V4[0]}", password="open barley", exit_code=1)
    assert _failure(wrong) == ("allocate", 401)
    assert "password is wrong" in wrong["failure"]["likely_cause"]

    nobody = _findings(internet.open, f"turn:{NODE_V4[0]}:3999", exit_code=1)
    assert _failure(nobody) == ("binding", None)
    assert "nobody listens" in nobody["failure"]["what"]


def test_a_full_server_is_told(internet, roost):
    thrifty = roost({"node": {"port": 3578}, "relay": {**RELAY, "allocations_per_user": 1}},
                    namespace=internet.node).start()
    # From its own machine the probe needs two.
    used_up = _findings(internet.node, f"turn:{NODE_V4[0]}:3578", exit_code=1)
    assert _failure(used_up) == ("second_allocate", 486)
    assert "needs two" in used_up["failure"]["likely_cause"]
    assert thrifty.metric("roost_relay_allocations") == 0


def test_silence_ends_in_time(internet, node):
    internet.node.rules(_wall("3478"))
    try:
        began = time.monotonic()
        silent = _findings(internet.open, f"turn:{NODE_V4[0]}", exit_code=1)
        assert time.monotonic() - began < 15
    finally:
        internet.node.run(["nft", "delete", "table", "inet", "wall"])
    assert _failure(silent) == ("allocate", None)
    assert "firewall" in silent["failure"]["likely_cause"]


@pytest.mark.parametrize("arguments, expect", [
    (["turn:localhost"], "there is no /etc/roost/roost.toml"),
    ([f"turn:{NODE_V4[0]}", "--user", "alice"], "ROOST_PASSWORD"),
    ([f"turns:{NODE_V4[0]}?transport=udp"], "DTLS"),
    ([f"stun:{NODE_V4[0]}", "--user", "alice"], "wants no credentials"),
])
def test_what_is_missing_is_told_before_anything_is_asked(internet, node, arguments, expect):
    code, out, error = _probe(internet.node, *arguments)
    assert (code, out) == (2, ""), out + error
    assert expect in error and error.startswith("roost: "), error


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_goes_through_coturn_and_back(internet, coturn, transport):
    findings = _findings(internet.open, f"turn:{coturn}?transport={transport}")
    _expect_direct(findings)
    assert findings["realm"] == "elsewhere"


def test_coturn_refuses_too(internet, coturn):
    wrong = _findings(internet.open, f"turn:{coturn}", password="open barley", exit_code=1)
    assert _failure(wrong) == ("allocate", 401)
