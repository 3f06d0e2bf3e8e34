# SPDX-License-Identifier: MIT
"""Goal: the daemon has no more rights than it needs, whoever starts it. Method: start it as root and
as nobody, and read what the kernel says about the process."""

import os
import pathlib
import pwd
import socket

import stun_wire

NOBODY = pwd.getpwnam("nobody")
AS_NOBODY = ("setpriv", "--reuid=nobody", f"--regid={NOBODY.pw_gid}", "--clear-groups",
             "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")


def _kernel_status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {name: value.split() for name, value in
            (line.split(":", 1) for line in text.splitlines())}


def _expect_no_rights(pid):
    """Of any thread."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        status = _kernel_status(f"{pid}/task/{thread}")
        assert "0" not in status["Uid"] and "0" not in status["Gid"], status
        assert status["Groups"] == [], status
        for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            assert int(status[name][0], 16) == 0, name
        assert status["NoNewPrivs"] == ["1"]


def _expect_service(node):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        stun_wire.ask(udp, ("127.0.0.1", node.port))


def test_started_as_root_it_becomes_somebody_else(roost):
    node = roost().start()
    _expect_no_rights(node.pid)
    assert "started as root" in node.log()
    assert node.state_dir.stat().st_uid == int(_kernel_status(node.pid)["Uid"][0])
    _expect_service(node)


def test_a_port_below_1024_is_bound_before_root_is_given_up(roost, namespace):
    node = roost({"node": {"port": 443}}, namespace=namespace()).start()
    _expect_no_rights(node.pid)
    with node.namespace.udp_socket("0.0.0.0") as udp:
        stun_wire.ask(udp, ("127.0.0.1", 443))


def test_it_starts_without_root(roost, folder, program_for_all):
    node = roost(program=program_for_all, prefix=AS_NOBODY)
    os.chown(node.folder, NOBODY.pw_uid, NOBODY.pw_gid)
    node.start()
    _expect_no_rights(node.pid)
    _expect_service(node)
    assert node.state_dir.stat().st_uid == NOBODY.pw_uid


def test_state_that_belongs_to_another_user_is_refused_with_a_reason(roost, program_for_all):
    node = roost(program=program_for_all, prefix=AS_NOBODY)
    node.state_dir.mkdir(mode=0o700)
    exit_code, said = node.start_in_vain()
    assert exit_code == 1
    assert str(node.state_dir) in said


def test_a_low_port_without_root_is_told_with_what_to_do(roost, namespace, program_for_all):
    host = namespace()
    host.sysctl("net.ipv4.ip_unprivileged_port_start=1024")
    node = roost({"node": {"port": 443}}, namespace=host, program=program_for_all,
                 prefix=AS_NOBODY)
    os.chown(node.folder, NOBODY.pw_uid, NOBODY.pw_gid)
    exit_code, said = node.start_in_vain()
    assert exit_code == 1
    assert "443" in said and "1024" in said
