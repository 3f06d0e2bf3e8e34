# SPDX-License-Identifier: MIT
"""Goal: the owner learns everything that is wrong with the configuration at once, and where. Method:
files with several mistakes, and the lines that check-config prints about them."""

import re

from roost_process import run_command

FULL_OF_MISTAKES = """\
[node]
port = 99999
listen = ["127.0.0.1", "localhost"]
[donate]
bandwith = "20 Mbit/s"
monthly = "lots"
[stum]
enabled = true
[log]
level = "loud"
"""


def test_all_problems_are_told_at_once_with_their_place(folder):
    path = folder / "roost.toml"
    path.write_text(FULL_OF_MISTAKES)
    said = run_command("check-config", path, exit_code=2).stdout
    places = re.findall(rf"(?m)^{re.escape(str(path))}:(\d+):\d+: (.*)$", said)
    assert len(places) == len(said.splitlines()), said
    told = {int(line): text for line, text in places}
    assert sorted(told) == [2, 3, 5, 6, 7, 10], said
    for line, word in ((2, "node.port"), (3, "localhost"), (5, "donate.bandwidth"),
                       (6, "donate.monthly"), (7, "[stun]"), (10, "log.level")):
        assert word in told[line], told[line]


def test_a_syntax_error_has_its_place(folder):
    path = folder / "roost.toml"
    path.write_text("[node]\nport = = 1\n")
    said = run_command("check-config", path, exit_code=2).stdout
    assert said.startswith(f"{path}:2:"), said


def test_a_file_that_is_not_there_is_named(folder):
    said = run_command("check-config", folder / "nowhere.toml", exit_code=2).stdout
    assert "nowhere.toml" in said


def test_what_is_printed_reads_back_as_the_same(folder):
    given = folder / "given.toml"
    given.write_text('[donate]\nbandwidth = "5 Mbit/s"\n[node]\nlisten = ["::1"]\n')
    printed = folder / "printed.toml"
    printed.write_text(run_command("print-config", given).stdout)
    assert 'bandwidth = "5 Mbit/s"' in printed.read_text()
    assert run_command("print-config", printed).stdout == printed.read_text()
    assert "ok" in run_command("check-config", printed).stdout


def test_the_sample_is_fine_as_it_is(folder):
    sample = folder / "sample.toml"
    sample.write_text(run_command("print-config", "--sample").stdout)
    assert "ok (0 options set)" in run_command("check-config", sample).stdout


def test_mistakes_on_the_command_line_end_with_2_and_a_hint():
    for arguments, hint in ((["sevre"], "serve"), (["probe"], "URI"), ([], "Usage"),
                            (["status", "--jsno"], "--json"), (["probe", "http://a"], "stun:")):
        said = run_command(*arguments, exit_code=2).stdout
        assert hint in said, said
