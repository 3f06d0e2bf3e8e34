#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures roost beside coturn and beside a bare UDP echo, in interleaved rounds.

Absolute figures move with the machine's mood; what holds is the ratio between two servers of one
round. So every ratio is taken per round, and the median of those is compared with its bar:

  valid Binding replies per second of server CPU   roost / batched echo   at least 0.90
                                                   roost / coturn         at least 1.50

It also reports what the servers cost while nobody asks (resident memory, wake-ups) and how long
they take from exec to the first answer. The sections `relay`, `flood` and `dht` have bars of their
own, in relay.py, flood.py and dht.py. Servers run on core 0, the load generator on core 1, all on loopback. Exit
status: 0 when everything was measured, whatever the figures; 1 when something could not be; 2 for a
mistake on the command line or a missing program.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import sys
import tempfile
import time
from typing import NoReturn

import dht
import flood
import relay
from page import heading, progress, table, verdict
from servers import (
    LOAD_CORE, SERVER_CORE, WARMUP_SECONDS, BenchError, Server, coturn, free_port, memory_kib,
    roost, run_json, running)

SECTIONS = ("load", "idle", "start", "relay", "flood", "dht")
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


def echo(name: str, binary: pathlib.Path, *options: str) -> Server:
    return Server(name, "echo", lambda port, folder: [str(binary), "--port", str(port), *options])


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


# --- Idle and start -------------------------------------------------------------------------------


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
                        help="folder with the load generators and bare servers")
    parser.add_argument("sections", nargs="*", metavar="SECTION",
                        help=f"what to measure, of {', '.join(SECTIONS)} [all of them]")
    parser.add_argument("--rounds", type=int, default=5, help="[%(default)s]")
    parser.add_argument("--seconds", type=float, default=3, help="per measurement [%(default)s]")
    parser.add_argument("--sockets", type=socket_counts, default="1,8,64",
                        help="client sockets, a list [%(default)s]")
    parser.add_argument("--fingerprint", action="store_true",
                        help="add FINGERPRINT to the requests, as ICE does")
    parser.add_argument("--relay-rows", type=lambda text: text.split(","),
                        default=",".join(relay.DEFAULT_KINDS),
                        help="kinds of traffic of the section relay, of "
                             f"{', '.join(relay.KINDS)} [%(default)s]")
    parser.add_argument("--relay-gro", action="store_true",
                        help="let clients and peers receive whole segments, which spares the "
                             "server cutting them up")
    parser.add_argument("--json", type=pathlib.Path, help="write everything measured to this file")
    args = parser.parse_args()
    args.sections = args.sections or list(SECTIONS)
    if not set(args.sections) <= set(SECTIONS):
        parser.error(f"sections are {', '.join(SECTIONS)}")
    if not set(args.relay_rows) <= set(relay.KINDS):
        parser.error(f"--relay-rows knows {', '.join(relay.KINDS)}")
    if args.rounds < 1 or args.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    return args


def check_programs(args: argparse.Namespace) -> None:
    # Absolute, because servers run in a folder of their own.
    args.build = args.build.resolve()
    for name in ("stun_load", "udp_echo", "first_answer", "relay_load", "forwarder", "dht_load",
                 "ring_store"):
        if not os.access(args.build / name, os.X_OK):
            refuse(f"no {name} in {args.build}; build it with ROOST_BENCH=ON")
    if args.roost:
        args.roost = args.roost.resolve()
        if not os.access(args.roost, os.X_OK):
            refuse(f"--roost {args.roost} is no program; --without-roost measures the anchors only")
    if "dht" in args.sections and os.geteuid() != 0:
        refuse("the section dht makes a network namespace, which takes root")
    if not shutil.which("turnserver"):
        refuse("no turnserver; install the package coturn")
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        refuse(f"cores {SERVER_CORE} and {LOAD_CORE} must both be available")


def measure(args: argparse.Namespace) -> dict:
    stun_servers = [coturn(shutil.which("turnserver"), "stun", COTURN_OPTIONS)]
    if args.roost:
        stun_servers.insert(0, roost(args.roost, "stun", ROOST_CONFIG))
    udp_echo = args.build / "udp_echo"
    servers = stun_servers + [
        echo("echo batch", udp_echo, "--mode", "batch"),
        echo("echo batch pktinfo", udp_echo, "--mode", "batch", "--pktinfo"),
        echo("echo single", udp_echo, "--mode", "single"),
    ]
    report: dict = {"machine": machine()}
    if "load" in args.sections:
        report["rounds"] = run_rounds(servers, args)
        report["load"] = summarize_load(report["rounds"], servers, args.sockets)
        print_load(report["load"], args)
    if "idle" in args.sections:
        report["idle"] = [measure_idle(server) for server in stun_servers]
        print_idle(report["idle"])
    if "start" in args.sections:
        report["start"] = [measure_start(server, args) for server in stun_servers]
        print_start(report["start"])
    if "relay" in args.sections:
        report["relay"] = relay.measure(args)
    if "flood" in args.sections:
        report["flood"] = flood.measure(args)
    if "dht" in args.sections:
        report["dht"] = dht.measure(args)
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
