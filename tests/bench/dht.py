# SPDX-License-Identifier: MIT
"""The section `dht`: answers to find_node and get_peers with contacts of a ring of a million, per
second of server CPU, beside the bare echo of the same queries from the same addresses.

All runs in a network namespace that leads nowhere and where every IPv4 address is local: so queries
come from addresses that the Internet could reach, and the rules for those apply. Whoever asks is
one of three kinds: strangers that leave the node's ping without an answer, strangers that answer
it, and some that have answered before.
"""

import argparse
import contextlib
import ctypes
import dataclasses
import os
import pathlib
import pwd
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from typing import Iterator

from page import heading, progress, table, verdict
from servers import (
    LOAD_CORE, WARMUP_SECONDS, BenchError, Server, free_port, roost, run_json, running)

CONTACTS = 1_000_000
# Some find their set full: that many are offered.
CONTACTS_OFFERED = 1_180_000
LOADED_WITHIN_SECONDS = 30

ECHO_BAR = 0.60
# Half as much again as what bootstrap-dht says of itself: 20,000 a second on one core.
PER_SECOND_BAR = 30_000

# Room for 1.4 million contacts of IPv4; the node verifies each every half hour.
ROOST_CONFIG = """\
[node]
state_dir = "{folder}/state"
listen = ["127.0.0.1"]
port = {port}
role = "supernode"
[store]
engine = "rocksdb"
[donate]
bandwidth = "0"        # 0 = no limit, here and below
monthly = "0"
memory = "150 MiB"
[dht]
bootstrap = []
memory_percent = 38
pings_per_second = 600
[metrics]
listen = "127.0.0.1:METRICS_PORT"
[log]
level = "warn"
"""


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    options: tuple[str, ...]  # Of dht_load.
    echo: str                 # Which of ECHOES has the same sources.
    warmup: float = WARMUP_SECONDS


# As many as the node lets prove their address within two seconds (Verifier::kProofsPerSecond), and
# far fewer than it remembers.
KNOWN = 2048
KNOWN_WARMUP_SECONDS = 4
ECHOES = {"strangers": (), "known": ("--queriers", str(KNOWN))}
KINDS = (
    Kind("strangers, silent", (), "strangers"),
    Kind("strangers, answer pings", ("--answer-pings",), "strangers"),
    Kind(f"{KNOWN:,} known", ("--answer-pings", *ECHOES["known"]), "known", KNOWN_WARMUP_SECONDS),
)


_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Within the block this process, and what it starts, is in a network namespace that ends with
    the last of them."""
    def check(result: int) -> None:
        if result != 0:
            raise BenchError(f"no network namespace: {os.strerror(ctypes.get_errno())}")

    with open("/proc/self/ns/net") as outside:
        check(_libc.unshare(_CLONE_NEWNET))
        try:
            for order in ("link set lo up", "route add local 0.0.0.0/0 dev lo"):
                subprocess.run(["ip", *order.split()], check=True)
            yield
        finally:
            check(_libc.setns(outside.fileno(), _CLONE_NEWNET))


def contacts(metrics_port: int) -> int:
    url = f"http://127.0.0.1:{metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as page:
        lines = page.read().decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines
               if re.match(r'roost_dht_contacts{.*age="[^o]', line))  # Not "older".


def wait_for_contacts(metrics_port: int) -> int:
    deadline = time.monotonic() + LOADED_WITHIN_SECONDS
    before = -1
    while time.monotonic() < deadline:
        now = contacts(metrics_port)
        if now > 0 and now == before:
            return now
        before = now
        time.sleep(0.2)
    raise BenchError("the contacts are never loaded")


def with_store(binary: pathlib.Path, store: pathlib.Path, metrics_port: int) -> Server:
    """Roost with a copy of that store."""
    # Whom root's daemon becomes (app/privileges.h).
    user = "roost" if any(entry.pw_name == "roost" for entry in pwd.getpwall()) else "nobody"
    server = roost(binary, "dht", ROOST_CONFIG.replace("METRICS_PORT", str(metrics_port)))

    def command(port: int, folder: pathlib.Path) -> list[str]:
        result = server.command(port, folder)
        shutil.copytree(store, folder / "state" / "store")
        for path in (folder / "state", *(folder / "state").rglob("*")):
            shutil.chown(path, user)
        return result

    return dataclasses.replace(server, command=command)


def load(mode: str, options: tuple[str, ...], warmup: float, port: int, pid: int,
         args: argparse.Namespace) -> dict:
    result = run_json(
        [str(args.build / "dht_load"), "--target", f"127.0.0.1:{port}", "--mode", mode, *options,
         "--seconds", str(args.seconds), "--warmup", str(warmup), "--server-pid", str(pid),
         "--cpu", str(LOAD_CORE)], args.seconds + warmup + 30)
    if result["invalid"] > 0 or not result["valid_per_cpu_second"]:
        raise BenchError(f"{mode}: wrong answers or none: {result}")
    return result


def measure_echo(name: str, args: argparse.Namespace) -> dict:
    server = Server("echo", "echo", lambda port, folder: [
        str(args.build / "udp_echo"), "--port", str(port), "--mode", "batch", "--every-source"])
    with running(server) as (process, port):
        return load("echo", ECHOES[name], WARMUP_SECONDS, port, process.pid, args)


def measure_kind(kind: Kind, store: pathlib.Path, args: argparse.Namespace) -> dict:
    metrics_port = free_port()
    with running(with_store(args.roost, store, metrics_port)) as (process, port):
        before = wait_for_contacts(metrics_port)
        result = load("dht", kind.options, kind.warmup, port, process.pid, args)
        return {**result, "contacts_before": before, "contacts_after": contacts(metrics_port)}


def run_rounds(store: pathlib.Path, args: argparse.Namespace) -> dict[str, list[dict]]:
    """By what was measured, the rounds in their order. Who begins turns by one every round."""
    jobs = {f"echo, {name}": (measure_echo, (name, args)) for name in ECHOES}
    if args.roost:
        jobs |= {kind.name: (measure_kind, (kind, store, args)) for kind in KINDS}
    results: dict[str, list[dict]] = {name: [] for name in jobs}
    names = list(jobs)
    for number in range(args.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            progress(f"dht: round {number + 1} of {args.rounds}, {name}")
            function, arguments = jobs[name]
            results[name].append(function(*arguments))
    return results


def medians(rows: list[dict]) -> dict:
    of = lambda value: statistics.median(value(row) for row in rows)
    return {
        "valid_per_cpu_second": of(lambda row: row["valid_per_cpu_second"]),
        "core_share": of(lambda row: row["server_cpu_seconds"] / row["seconds"]),
        "lost_share": sum(row["lost"] for row in rows) / sum(row["sent"] for row in rows),
        "query_bytes": of(lambda row: row["query_bytes"] / row["sent"]),
        "answer_bytes": of(lambda row: row["answer_bytes"] / row["valid"]),
        "nodes": of(lambda row: row["nodes"] / row["valid"]),
        "pings": of(lambda row: row["pings"] / row["sent"]),
        "verified_per_second": of(lambda row: row["verified"] / row["seconds"]),
        "contacts": [min(row[name] for row in rows if name in row)
                     for name in ("contacts_before", "contacts_after") if name in rows[0]],
    }


def ratio(kind: Kind, results: dict[str, list[dict]]) -> dict:
    per_round = [above["valid_per_cpu_second"] / below["valid_per_cpu_second"]
                 for above, below in zip(results[kind.name], results[f"echo, {kind.echo}"])]
    median = statistics.median(per_round)
    return {"median": median, "least": min(per_round), "most": max(per_round), "bar": ECHO_BAR,
            "meets_bar": median >= ECHO_BAR}


def print_page(summary: dict, ratios: dict, args: argparse.Namespace) -> None:
    heading("DHT: valid answers to find_node and get_peers, half and half, per second of server "
            f"CPU\n(median of {args.rounds} rounds of {args.seconds:g} s)")
    table(["who asks", "answers, thousands", "core", "lost", "query B", "answer B", "nodes",
           "pings a query", "verified/s", "contacts before, after"], [
        [name, f"{entry['valid_per_cpu_second'] / 1e3:.0f}", f"{entry['core_share']:.2f}",
         f"{entry['lost_share']:.3%}", f"{entry['query_bytes']:.0f}",
         f"{entry['answer_bytes']:.0f}", f"{entry['nodes']:.1f}", f"{entry['pings']:.2f}",
         f"{entry['verified_per_second']:.0f}",
         ", ".join(f"{count:,}" for count in entry["contacts"])]
        for name, entry in summary.items()])
    if not ratios:
        return
    heading("Ratio to the echo: median of the rounds (least to most); and answers per CPU-second, "
            f"bar {PER_SECOND_BAR:,}")
    table(["who asks", "median", "range", "bar", "per second"], [
        [name, f"{entry['median']:.3f}", f"{entry['least']:.3f} to {entry['most']:.3f}",
         verdict(entry),
         "met" if summary[name]["valid_per_cpu_second"] >= PER_SECOND_BAR else "MISSED"]
        for name, entry in ratios.items()])


def measure(args: argparse.Namespace) -> dict:
    with tempfile.TemporaryDirectory(prefix="roost-bench-") as name, own_network():
        store = pathlib.Path(name) / "store"
        if args.roost:
            run_json([str(args.build / "ring_store"), str(store), str(CONTACTS_OFFERED)], 60)
        results = run_rounds(store, args)
    summary = {name: medians(rows) for name, rows in results.items()}
    ratios = {kind.name: ratio(kind, results) for kind in KINDS if kind.name in results}
    print_page(summary, ratios, args)
    for name, entry in summary.items():
        if entry["contacts"] and min(entry["contacts"]) < CONTACTS:
            raise BenchError(f"{name}: only {min(entry['contacts']):,} contacts in the ring")
    return {"summary": summary, "ratios": ratios, "rounds": results}
