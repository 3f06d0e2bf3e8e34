# SPDX-License-Identifier: MIT
"""Programs that others wrote: found, or the test fails; never left out."""

import contextlib
import shutil
import subprocess
from typing import Iterator, Optional, Sequence


def find(program: str) -> str:
    path = shutil.which(program)
    assert path, f"{program} is not installed; `./dev e2e` installs what the tests need"
    return path


def run(command: Sequence[str], *, timeout: float = 10, exit_code: Optional[int] = 0,
        **options) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end and expects the exit code; None expects any. Output is text, both
    streams in `stdout` unless told otherwise."""
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.STDOUT)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    command = [find(command[0]), *map(str, command[1:])]
    try:
        done = subprocess.run(command, text=True, errors="replace", timeout=timeout, **options)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"still running after {timeout} s: {' '.join(command)}\n"
                             f"{_text(error.stdout)}") from error
    assert exit_code is None or done.returncode == exit_code, (
        f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr or ''}")
    return done


def output(command: Sequence[str], **options) -> str:
    return run(command, **options).stdout


@contextlib.contextmanager
def running(command: Sequence[str], *, ended_within: float = 10,
            **options) -> "Iterator[subprocess.Popen]":
    """While the block runs. However that ends, so does the program."""
    for stream in ("stdin", "stdout", "stderr"):
        options.setdefault(stream, subprocess.DEVNULL)
    process = subprocess.Popen([find(command[0]), *map(str, command[1:])], **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ended_within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _text(captured: Optional[bytes]) -> str:
    return captured.decode(errors="replace") if isinstance(captured, bytes) else captured or ""
