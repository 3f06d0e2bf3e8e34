# SPDX-License-Identifier: MIT
"""Servers under test: how they are started, found to answer, and stopped.

They run on core 0, the load generators on core 1, all on loopback.
"""

import contextlib
import ctypes
import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Callable, Iterator, Sequence

SERVER_CORE = 0
LOAD_CORE = 1
WARMUP_SECONDS = 0.5
READY_WITHIN_SECONDS = 10
EXIT_WITHIN_SECONDS = 5


class BenchError(Exception):
    """Something that was to be measured could not be."""


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    mode: str  # As the load generator names it: stun or echo, turn, forwarder or direct.
    # Makes the command line for a port, with a folder for whatever files it needs.
    command: Callable[[int, pathlib.Path], list[str]]


def roost(binary: pathlib.Path, mode: str, config: str) -> Server:
    """`config` has places for {folder}, {port} and {metrics_port}."""
    def command(port: int, folder: pathlib.Path) -> list[str]:
        (folder / "state").mkdir(mode=0o700, exist_ok=True)
        file = folder / "roost.toml"
        file.write_text(config.format(folder=folder, port=port, metrics_port=free_port()))
        return [str(binary), "serve", "--config", str(file)]

    return Server("roost", mode, command)


def coturn(binary: str, mode: str, options: Sequence[str]) -> Server:
    def command(port: int, folder: pathlib.Path) -> list[str]:
        return [binary, *options, "--listening-port", str(port),
                "--pidfile", str(folder / "pid"), "--userdb", str(folder / "turndb")]

    return Server("coturn", mode, command)


def in_real_time(server: Server) -> Server:
    """The same before every ordinary process of its core, so that a tail of its latency is its own
    and not that of whatever else the machine does."""
    def command(port: int, folder: pathlib.Path) -> list[str]:
        return ["chrt", "--fifo", "1", *server.command(port, folder)]

    return dataclasses.replace(server, command=command)


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _end_with_parent() -> None:
    """In the child, before exec: no life after this script's, even if that is killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _become_server() -> None:
    os.sched_setaffinity(0, {SERVER_CORE})
    _end_with_parent()


@contextlib.contextmanager
def running(server: Server) -> Iterator[tuple[subprocess.Popen, int]]:
    """The server, answering, and its port. Stopped and reaped however the block ends."""
    with tempfile.TemporaryDirectory(prefix="roost-bench-") as name:
        folder = pathlib.Path(name)
        port = free_port()
        with open(folder / "stderr", "wb") as stderr:
            process = subprocess.Popen(
                server.command(port, folder), preexec_fn=_become_server, cwd=folder,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            wait_until_it_answers(server, process, port, folder / "stderr")
            yield process, port
            if process.poll() is not None:
                raise BenchError(f"{server.name} ended by itself with {process.returncode}:\n"
                                 + tail(folder / "stderr"))
        finally:
            stop(process)


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(EXIT_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"{process.args[0]} ignored SIGTERM and was killed", file=sys.stderr)
        process.kill()
        process.wait()


def wait_until_it_answers(server: Server, process: subprocess.Popen, port: int,
                          stderr: pathlib.Path) -> None:
    request = bytes.fromhex("000100002112a442") + os.urandom(12)
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", port))
        probe.settimeout(0.02)
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):  # Refused until it listens.
                probe.send(request)
                reply = probe.recv(1500)
                if reply == request or reply.startswith(b"\1\1") and request[8:20] == reply[8:20]:
                    return
            time.sleep(0.005)
    ending = "never answered" if process.poll() is None else f"ended with {process.returncode}"
    raise BenchError(f"{server.name} {ending}: {' '.join(process.args)}\n{tail(stderr)}")


def tail(path: pathlib.Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-20:])


def free_port() -> int:
    """A port that is free for UDP and TCP on every address at this moment."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("", 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("", port))
                return port
    raise BenchError("found no free port")


def run_json(command: list[str], timeout_seconds: float) -> dict:
    """Runs one of the bench programs and reads the line it prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds,
                              preexec_fn=_end_with_parent)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"still running after {timeout_seconds} s: {' '.join(command)}") from error
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


def memory_kib(pid: int) -> dict[str, int]:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {name: int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon", "RssFile")}
