# SPDX-License-Identifier: MIT
"""Goal: the manual page reads well and is complete. Method: mandoc's own judgement, and a look for
every option that the program knows."""

import pathlib
import re

import programs
from roost_process import run_command

PAGE = pathlib.Path(__file__).parents[2] / "docs/man/roost.8"


def test_mandoc_finds_nothing_wrong():
    assert programs.output(["mandoc", "-T", "lint", "-W", "warning", PAGE], exit_code=None) == ""


def test_it_names_every_option():
    text = re.sub(r".\x08", "", programs.output(["mandoc", "-T", "utf8", PAGE]))
    for line in run_command("print-config", "--defaults").stdout.splitlines():
        name = line.split(" = ")[0]
        assert name in text, name
