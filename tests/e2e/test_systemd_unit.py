# SPDX-License-Identifier: MIT
"""Goal: the units say what systemd understands, and leave the daemon little of the system, but what it
needs. Method: systemd's own judgement, of copies that name the program under test; and the daemon with
its store in a sandbox that is made from the unit."""

import os
import pathlib
import re
import shutil

import pytest

import programs
import unit_sandbox
from roost_process import binary

INIT = pathlib.Path(__file__).parents[2] / "init"
# 0 is a service that can do nothing, 10 one that can do everything. What is left here is that it
# uses the network.
EXPOSURE_MAX = 1.5


@pytest.fixture
def units(folder):
    for name in ("roost.service", "roost.socket"):
        text = (INIT / name).read_text()
        (folder / name).write_text(text.replace("/usr/bin/roost", str(binary())))
    return folder


@pytest.mark.parametrize("name", ["roost.service", "roost.socket"])
def test_systemd_finds_nothing_wrong_with_the_unit(units, name):
    found = programs.output(["systemd-analyze", "verify", "--man=no", units / name])
    assert found == ""


def test_the_service_is_exposed_as_little_as_a_network_service_can_be(units, capsys):
    text = programs.output(["systemd-analyze", "security", "--offline=true", "--no-pager",
                            units / "roost.service"])
    found = re.search(r"Overall exposure level for roost\.service: ([\d.]+)", text)
    assert found, text
    with capsys.disabled():
        print(f"\nsystemd-analyze security: {found[1]} of 10, at most {EXPOSURE_MAX}")
    assert float(found[1]) <= EXPOSURE_MAX, text


@pytest.mark.parametrize("is_beside", [True, False],
                         ids=["beside_the_program", "where_a_build_installs_it"])
def test_the_store_is_at_home_in_the_sandbox(roost, folder, is_beside):
    """Wherever its module is: loaded, written, and read again."""
    program = folder / "bin/roost"
    program.parent.mkdir()
    shutil.copy(binary(), program)
    module = program.with_name("roost-rocksdb.so")
    if not is_beside:
        found = re.search(rb"/[\w./-]+/roost/roost-rocksdb\.so", program.read_bytes())
        module = pathlib.Path(found[0].decode())
    unit = folder / "roost.service"
    unit.write_text((INIT / "roost.service").read_text().replace("/usr/bin/roost", str(program)))
    files = {module: binary().with_name("roost-rocksdb.so")}
    node = roost({"store": {"engine": "rocksdb"}}, program=program,
                 preexec_fn=unit_sandbox.of_unit(unit, files=files))
    node.state_dir.mkdir()
    os.chown(node.state_dir, unit_sandbox.NOBODY, unit_sandbox.NOBODY)
    for _ in range(2):
        node.start()
        assert str(module) in pathlib.Path(f"/proc/{node.pid}/maps").read_text()
        assert node.admin.status()["store"]["is_enabled"]
        assert node.stop() < 1
    assert "damaged" not in node.log()


def test_every_hardening_line_has_its_reason():
    """A comment stands at most a few lines above each directive of the [Service] section."""
    section = (INIT / "roost.service").read_text().split("[Service]")[1].split("[Install]")[0]
    for paragraph in section.strip().split("\n\n"):
        assert paragraph.startswith("#"), f"no word on why:\n{paragraph}"
