#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures roost beside coturn and beside a bare UDP echo, in interleaved rounds.

Absolute figures move with the machine's mood; what holds is the ratio between two servers of one
round. So every ratio is taken per round, and the median of those is compared with its bar:

  valid Binding replies per second of server CPU   roost / batched echo   at least 0.90
                                                   roost / coturn         at least 1.50

It also reports what the servers cost while nobody asks (resident memory, wake-ups) and how long
they take from exec to the first answer. Servers run on core 0, the load generator on core 1, all
on loopback. Exit status: 0 when everything was measured, whatever the figures; 1 when something
could not be; 2 for a mistake on the command line or a missing program.
"""

import argparse
import contextlib
import ctypes
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Callable, Iterator, NoReturn

SERVER_CORE = 0
LOAD_CORE = 1
WARMUP_SECONDS = 0.5
READY_WITHIN_SECONDS = 10
EXIT_WITHIN_SECONDS = 5
IDLE_BEFORE_READING_SECONDS = 3
WAKEUPS_OVER_SECONDS = 10
START_RUNS = 11

# numerator, denominator, bar
RATIOS = (
    ("roost", "echo batch", 0.90),
    ("roost", "coturn", 1.50),
    ("roost", "echo batch pktinfo", None),
    ("echo batch pktinfo", "echo batch", None),
    ("coturn", "echo batch", None),
)

ROOST_CONFIG = """\
[node]
state_dir = "{folder}/state"
listen = ["127.0.0.1"]
port = {port}
[admission]
packets_per_second_per_prefix = 0
[donate]
bandwidth = "0"        # 0 = no limit
[metrics]
listen = "127.0.0.1:{metrics_port}"
[log]
level = "warn"
"""

# The fastest of the settings that a public STUN server could use: one thread for everything, and
# replies without what RFC 8489 does not ask for. The engine with a socket per client (--ne=1) is
# 5 % faster for a few clients, 4 % slower for 64, and loses the first packets of each.
COTURN_OPTIONS = (
    "-n --stun-only --relay-threads 0 --no-tcp --no-tls --no-dtls --no-cli --no-rfc5780 "
    "--no-stun-backward-compatibility --response-origin-only-with-rfc5780 "
    "--no-software-attribute --log-file stdout --listening-ip 127.0.0.1").split()


class BenchError(Exception):
    """Something that was to be measured could not be."""


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    mode: str  # stun or echo, as stun_load names them.
    # Makes the command line for a port, with a folder for whatever files it needs.
    command: Callable[[int, pathlib.Path], list[str]]


def roost(binary: pathlib.Path) -> Server:
    def command(port: int, folder: pathlib.Path) -> list[str]:
        (folder / "state").mkdir(mode=0o700, exist_ok=True)
        config = folder / "roost.toml"
        config.write_text(
            ROOST_CONFIG.format(folder=folder, port=port, metrics_port=free_port()))
        return [str(binary), "serve", "--config", str(config)]

    return Server("roost", "stun", command)


def coturn(binary: str) -> Server:
    def command(port: int, folder: pathlib.Path) -> list[str]:
        return [binary, *COTURN_OPTIONS, "--listening-port", str(port),
                "--pidfile", str(folder / "pid"), "--userdb", str(folder / "turndb")]

    return Server("coturn", "stun", command)


def echo(name: str, binary: pathlib.Path, *options: str) -> Server:
    return Server(name, "echo", lambda port, folder: [str(binary), "--port", str(port), *options])


# --- Processes ------------------------------------------------------------------------------------

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


# --- STUN replies per CPU-second ------------------------------------------------------------------


def measure_load(server: Server, sockets: int, args: argparse.Namespace) -> dict:
    with running(server) as (process, port):
        command = [str(args.build / "stun_load"), "--target", f"127.0.0.1:{port}",
                   "--mode", server.mode, "--sockets", str(sockets),
                   "--seconds", str(args.seconds), "--warmup", str(WARMUP_SECONDS),
                   "--server-pid", str(process.pid), "--cpu", str(LOAD_CORE)]
        if args.fingerprint:
            command.append("--fingerprint")
        result = run_json(command, args.seconds + WARMUP_SECONDS + 30)
    if result["invalid"] > 0:
        raise BenchError(f"{server.name} gave {result['invalid']} invalid replies of "
                         f"{result['sent']}; a figure for wrong answers is no figure")
    if not result["valid_per_cpu_second"]:
        raise BenchError(f"{server.name} gave no valid reply under load")
    return result


def run_rounds(servers: list[Server], args: argparse.Namespace) -> list[dict]:
    """One row per measurement. The order turns by one every round, so that none is always first."""
    rows = []
    for sockets in args.sockets:
        for number in range(args.rounds):
            turn = number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                progress(f"load: {sockets} sockets, round {number + 1} of {args.rounds}, "
                         f"{server.name}")
                result = measure_load(server, sockets, args)
                rows.append({"server": server.name, "round": number, **result})
    return rows


def column(rows: list[dict], server: str, sockets: int, field: str) -> list[float]:
    """One value per round, in the order of the rounds."""
    return [row[field] for row in sorted(rows, key=lambda row: row["round"])
            if row["server"] == server and row["sockets"] == sockets]


def summarize_load(rows: list[dict], servers: list[Server], sockets_list: list[int]) -> list[dict]:
    summary = []
    for sockets in sockets_list:
        entry = {"sockets": sockets, "servers": {}, "ratios": {}}
        for server in servers:
            of = lambda field: column(rows, server.name, sockets, field)
            entry["servers"][server.name] = {
                "valid_per_cpu_second": statistics.median(of("valid_per_cpu_second")),
                "core_share": statistics.median(
                    cpu / wall for cpu, wall in zip(of("server_cpu_seconds"), of("seconds"))),
                "lost_share": sum(of("lost")) / sum(of("sent")),
            }
        for above, below, bar in RATIOS:
            if {above, below} <= {server.name for server in servers}:
                per_round = [a / b for a, b in zip(
                    column(rows, above, sockets, "valid_per_cpu_second"),
                    column(rows, below, sockets, "valid_per_cpu_second"))]
                median = statistics.median(per_round)
                entry["ratios"][f"{above} / {below}"] = {
                    "median": median, "least": min(per_round), "most": max(per_round),
                    "bar": bar, "meets_bar": None if bar is None else median >= bar}
        summary.append(entry)
    return summary


def print_load(summary: list[dict], args: argparse.Namespace) -> None:
    names = list(summary[0]["servers"])
    heading("STUN Binding: valid replies per second of server CPU, in thousands "
            f"(median of {args.rounds} rounds of {args.seconds:g} s)")
    table(["sockets", *names], [
        [str(entry["sockets"])]
        + [f"{entry['servers'][name]['valid_per_cpu_second'] / 1e3:.0f}" for name in names]
        for entry in summary])
    heading("Share of its core that the server used, and of requests that went unanswered")
    table(["sockets", *names], [
        [str(entry["sockets"])]
        + ["{core_share:.2f}  {lost_share:.4%}".format(**entry["servers"][name]) for name in names]
        for entry in summary])
    print("A share well below 1: other work took the core, or the generator did not keep up. Then\n"
          "the figure per CPU-second includes some waking up.")
    heading("Ratios: median of the rounds (least to most)")
    table(["sockets", "ratio", "median", "range", "bar"], [
        [str(entry["sockets"]), name, f"{ratio['median']:.3f}",
         f"{ratio['least']:.3f} to {ratio['most']:.3f}", verdict(ratio)]
        for entry in summary for name, ratio in entry["ratios"].items()])


def verdict(ratio: dict) -> str:
    if ratio["bar"] is None:
        return ""
    return f"{ratio['bar']:.2f} {'met' if ratio['meets_bar'] else 'MISSED'}"


# --- Idle and start -------------------------------------------------------------------------------


def memory_kib(pid: int) -> dict[str, int]:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {name: int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon", "RssFile")}


def context_switches(pid: int) -> int:
    """Over all threads, voluntary or not: each is one time that the process was woken."""
    count = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # A thread that ended.
            for line in status.read_text().splitlines():
                if "ctxt_switches:" in line:
                    count += int(line.split()[1])
    return count


def measure_idle(server: Server) -> dict:
    progress(f"idle: {server.name}")
    with running(server) as (process, _):
        time.sleep(IDLE_BEFORE_READING_SECONDS)
        memory = memory_kib(process.pid)
        before = context_switches(process.pid)
        time.sleep(WAKEUPS_OVER_SECONDS)
        switches = context_switches(process.pid) - before
    return {"server": server.name, "memory_kib": memory,
            "wakeups_per_second": switches / WAKEUPS_OVER_SECONDS}


def measure_start(server: Server, args: argparse.Namespace) -> dict:
    """The folder stays the same over the runs: a restart is what is timed, not a first start."""
    progress(f"start: {server.name}")
    with tempfile.TemporaryDirectory(prefix="roost-bench-") as name:
        port = free_port()
        command = [str(args.build / "first_answer"), "--target", f"127.0.0.1:{port}",
                   "--runs", str(START_RUNS), "--cpu", str(LOAD_CORE),
                   "--child-cpu", str(SERVER_CORE), "--",
                   *server.command(port, pathlib.Path(name))]
        return {"server": server.name, **run_json(command, START_RUNS * 16)}


def print_idle(idle: list[dict]) -> None:
    heading(f"Idle: resident memory after {IDLE_BEFORE_READING_SECONDS} s (KiB), wake-ups over "
            f"{WAKEUPS_OVER_SECONDS} s")
    table(["server", "VmRSS", "RssAnon", "RssFile", "wake-ups/s"], [
        [row["server"], *(str(value) for value in row["memory_kib"].values()),
         f"{row['wakeups_per_second']:.1f}"] for row in idle])


def print_start(start: list[dict]) -> None:
    heading(f"From exec to the first valid answer, milliseconds ({START_RUNS} runs)")
    table(["server", "median", "least", "most"], [
        [row["server"], *(f"{microseconds / 1e3:.2f}" for microseconds in (
            row["median_us"], min(row["microseconds"]), max(row["microseconds"])))]
        for row in start])


# --- The page -------------------------------------------------------------------------------------


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def heading(text: str) -> None:
    progress("")
    print(f"\n{text}")


def table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, cells)) for cells in zip(head, *rows)]
    for row in (head, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row, widths)]
        print("  " + "   ".join(cells).rstrip())


def machine() -> dict:
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    models = [line.split(":")[1].strip() for line in cpuinfo.splitlines() if "model name" in line]
    return {"cpu": models[0] if models else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release()}


def refuse(text: str) -> NoReturn:
    print(f"run.py: {text}", file=sys.stderr)
    sys.exit(2)


def socket_counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",")]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--roost", type=pathlib.Path, help="release binary to measure")
    which.add_argument("--without-roost", action="store_true", help="measure the anchors only")
    parser.add_argument("--build", type=pathlib.Path, required=True,
                        help="folder with stun_load, udp_echo and first_answer")
    parser.add_argument("--parts", default="load,idle,start", help="what to measure [%(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="[%(default)s]")
    parser.add_argument("--seconds", type=float, default=3, help="per measurement [%(default)s]")
    parser.add_argument("--sockets", type=socket_counts, default="1,8,64",
                        help="client sockets, a list [%(default)s]")
    parser.add_argument("--fingerprint", action="store_true",
                        help="add FINGERPRINT to the requests, as ICE does")
    parser.add_argument("--json", type=pathlib.Path, help="write everything measured to this file")
    args = parser.parse_args()
    args.parts = args.parts.split(",")
    if not set(args.parts) <= {"load", "idle", "start"}:
        parser.error("--parts knows load, idle and start")
    if args.rounds < 1 or args.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    return args


def check_programs(args: argparse.Namespace) -> None:
    # Absolute, because servers run in a folder of their own.
    args.build = args.build.resolve()
    for name in ("stun_load", "udp_echo", "first_answer"):
        if not os.access(args.build / name, os.X_OK):
            refuse(f"no {name} in {args.build}; build it with ROOST_BENCH=ON")
    if args.roost:
        args.roost = args.roost.resolve()
        if not os.access(args.roost, os.X_OK):
            refuse(f"--roost {args.roost} is no program; --without-roost measures the anchors only")
    if not shutil.which("turnserver"):
        refuse("no turnserver; install the package coturn")
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        refuse(f"cores {SERVER_CORE} and {LOAD_CORE} must both be available")


def measure(args: argparse.Namespace) -> dict:
    stun_servers = [coturn(shutil.which("turnserver"))]
    if args.roost:
        stun_servers.insert(0, roost(args.roost))
    udp_echo = args.build / "udp_echo"
    servers = stun_servers + [
        echo("echo batch", udp_echo, "--mode", "batch"),
        echo("echo batch pktinfo", udp_echo, "--mode", "batch", "--pktinfo"),
        echo("echo single", udp_echo, "--mode", "single"),
    ]
    report: dict = {"machine": machine()}
    if "load" in args.parts:
        report["rounds"] = run_rounds(servers, args)
        report["load"] = summarize_load(report["rounds"], servers, args.sockets)
        print_load(report["load"], args)
    if "idle" in args.parts:
        report["idle"] = [measure_idle(server) for server in stun_servers]
        print_idle(report["idle"])
    if "start" in args.parts:
        report["start"] = [measure_start(server, args) for server in stun_servers]
        print_start(report["start"])
    return report


def main() -> int:
    # So that an ending from outside also runs the `finally` that stops the servers.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    args = parse_arguments()
    check_programs(args)
    try:
        report = measure(args)
    except BenchError as error:
        print(f"\nrun.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
