# SPDX-License-Identifier: MIT
"""Goal: the store is opened where its owner wants one, and what is wrong with it is said. Method: end
the daemon gently and by force, damage the store, and take the module away."""

import shutil
import stat

import programs
from roost_process import run_command

ENGINE = {"store": {"engine": "rocksdb"}}


def test_there_is_none_unless_it_is_asked_for(roost):
    node = roost().start()
    assert not (node.state_dir / "store").exists()
    assert "rocksdb" not in _libraries(node)


def test_it_is_seen_in_status_and_metrics(roost):
    without = roost().start()
    assert without.admin.status()["store"] == {"is_enabled": False}
    assert "roost_store" not in without.admin.get("/metrics").text
    node = roost(ENGINE).start()
    node.wait(lambda: node.metric("roost_store_waiting") == 0, within=5, what="it has been read")
    status = node.admin.status()["store"]
    assert status["is_enabled"]
    assert status["failures"] == {"full": 0, "damaged": 0, "failed": 0, "busy": 0}
    assert status["waiting"] == 0
    assert node.metric("roost_store_failures_total", reason="failed") == 0
    assert node.metric("roost_store_commits_total") == status["commits"]
    page = node.admin.get("/metrics").text
    found = programs.run(["promtool", "check", "metrics"], stdin=None, input=page, exit_code=None)
    assert (found.returncode, found.stdout) == (0, "")
    table = run_command("status", "--config", node.config_path).stdout
    assert " on disk, " in table


def test_it_outlives_every_kind_of_end(roost):
    node = roost(ENGINE).start()
    store = node.state_dir / "store"
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert "rocksdb" in _libraries(node)
    identity = (store / "IDENTITY").read_text()
    node.stop()
    node.start()
    node.kill()
    node.start()
    assert (store / "IDENTITY").read_text() == identity
    assert "damaged" not in node.log()


def test_one_that_is_damaged_is_set_aside_and_begun_anew(roost):
    node = roost(ENGINE).start()
    store = node.state_dir / "store"
    aside = node.state_dir / "store.damaged"
    node.stop()
    (store / "CURRENT").write_text("noise")
    node.start()
    assert str(aside) in node.log()
    assert (aside / "CURRENT").read_text() == "noise"
    node.stop()

    # But the last one that was set aside is not overwritten.
    (store / "CURRENT").write_text("more noise")
    exit_code, said = node.start_in_vain()
    assert exit_code == 1
    assert str(aside) in said
    assert (aside / "CURRENT").read_text() == "noise"
    assert (store / "CURRENT").read_text() == "more noise"


def test_where_there_is_no_module_the_daemon_says_so(roost):
    node = roost(ENGINE)
    program = node.folder / "roost"
    shutil.copy(node.program, program)
    node.program = program
    exit_code, said = node.start_in_vain()
    assert exit_code == 1
    assert "roost-rocksdb.so" in said
    assert "store.engine" in said


def _libraries(node) -> str:
    with open(f"/proc/{node.pid}/maps") as maps:
        return maps.read()
