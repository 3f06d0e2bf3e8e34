# SPDX-License-Identifier: MIT
"""Runs the commands that a page tells its readers to run, as they would.

Usage: readme_commands.py PAGE

Each fenced block with the info string `sh` is one script, run from the top of the tree, in order;
blocks marked `sh no-run` are not run. A block that does not end but brings a node up is left
running for those after it, as in a second terminal, and stopped with Ctrl-C at the end. All of it
happens in a network namespace of its own, where the node's port is free and nobody else hears of
it; the node's state goes to a folder that is thrown away.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple, Optional

import namespaces
from namespaces import Namespace

BLOCK_WITHIN_SECONDS = 900  # The first one builds everything.
STOPPED_WITHIN_SECONDS = 3
_BLOCK = re.compile(r"(?ms)^```sh *\n(.*?)^```$")


class Block(NamedTuple):
    line: int
    script: str


class Running(NamedTuple):
    block: Block
    process: "subprocess.Popen"


def blocks(page: str) -> list[Block]:
    return [Block(page.count("\n", 0, found.start()) + 1, found[1])
            for found in _BLOCK.finditer(page)]


def main(arguments: list[str]) -> int:
    page = pathlib.Path(arguments[0]).resolve()
    found = blocks(page.read_text())
    passed = failed = 0
    left_running: list[Running] = []
    with tempfile.TemporaryDirectory(prefix="roost-e2e-") as state:
        host = Namespace("reader")
        try:
            for block in found:
                print(f"{page.name}:{block.line}: {block.script.strip()}", flush=True)
                is_good = run(block, host, page.parent, state, left_running)
                passed, failed = passed + is_good, failed + (not is_good)
            for running in left_running:
                if not stops_cleanly(running):
                    passed, failed = passed - 1, failed + 1
        finally:
            namespaces.delete_all()
    print(f"readme: {passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


def run(block: Block, host: Namespace, folder: pathlib.Path, state: str,
        left_running: list[Running]) -> bool:
    is_up_already = is_up(host)
    process = subprocess.Popen(
        host.command("bash", "-euo", "pipefail", "-c", block.script), cwd=folder,
        stdin=subprocess.DEVNULL, env={**os.environ, "STATE_DIRECTORY": state},
        start_new_session=True)
    deadline = time.monotonic() + BLOCK_WITHIN_SECONDS
    while process.poll() is None:
        if not is_up_already and is_up(host):
            left_running.append(Running(block, process))
            return True
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            return complain(block, f"still running after {BLOCK_WITHIN_SECONDS} s")
        time.sleep(0.1)
    return process.returncode == 0 or complain(block, f"ended with {process.returncode}")


def is_up(host: Namespace) -> bool:
    """Whether a node on its defaults says that it is ready."""
    url = "http://127.0.0.1:9478/readyz"
    done = subprocess.run(host.command("curl", "-sf", "-o", "/dev/null", "-m", "2", url))
    return done.returncode == 0


def stops_cleanly(running: Running) -> bool:
    os.killpg(running.process.pid, signal.SIGINT)
    exit_code: Optional[int] = None
    try:
        exit_code = running.process.wait(STOPPED_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(running.process.pid, signal.SIGKILL)
    return exit_code == 0 or complain(running.block, f"Ctrl-C ended it with {exit_code}")


def complain(block: Block, what: str) -> bool:
    print(f"line {block.line}: {what}", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
