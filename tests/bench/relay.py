# SPDX-License-Identifier: MIT
"""The section `relay`: Roost's TURN relay beside coturn's and beside a bare forwarder.

The forwarder has the sockets of a relay and does nothing but strip or add four bytes: (a) with one
system call per packet, (b) with recvmmsg and sendmmsg, (c) with UDP_GRO and UDP_SEGMENT too. As
everywhere here, ratios are taken within a round, and their median is compared with the bar.
"""

import argparse
import dataclasses
import os
import pathlib
import shutil
import statistics

from page import heading, progress, table, verdict
from servers import (
    LOAD_CORE, WARMUP_SECONDS, BenchError, Server, coturn, in_real_time, roost, run_json,
    running)

KINDS = ("single", "bursts", "pairs", "rates", "half", "idle", "uring")
DEFAULT_KINDS = KINDS[:-1]  # The last one is about the forwarders alone.

ROOST_CONFIG = """\
[node]
state_dir = "{folder}/state"
listen = ["127.0.0.1"]
port = {port}
[admission]
packets_per_second_per_prefix = 0
[donate]
bandwidth = "0"        # 0 = no limit, here and below
monthly = "0"
memory = "4 GiB"
[relay]
users = {{ bench = "bench" }}
allocations = 16000
allocations_per_user = 16000
allocations_per_prefix = 16000
allocation_bandwidth = "0"
allocation_bytes = "0"
allow_peers = ["127.0.0.0/8"]
[metrics]
listen = "127.0.0.1:{metrics_port}"
[log]
level = "warn"
"""

# One relay thread, which is the fastest per second of CPU, and no quotas, which is the default.
COTURN_OPTIONS = (
    "-n -m 1 --no-tls --no-dtls --no-tcp --no-cli --no-rfc5780 --no-software-attribute "
    "--lt-cred-mech -u bench:bench -r roost --allow-loopback-peers --log-file stdout "
    "--listening-ip 127.0.0.1 --relay-ip 127.0.0.1 --min-port 49152 --max-port 65535").split()

FORWARDERS = ("forwarder a", "forwarder b", "forwarder c")
BEST_FORWARDER = "best forwarder"  # The one with the highest median.

# kind -> denominators of roost's packets per second of CPU, and bars.
BARS = {
    "single": ((BEST_FORWARDER, 0.90), ("coturn", 1.20)),
    "bursts": (("forwarder c", 0.85), ("coturn", 2.20)),
    "pairs": (("coturn", 1.90),),
    "rates": (("coturn", 1.80), ("forwarder b", None)),
    "half": (),
    "uring": (),
}
URING_RATIOS = (("forwarder u", "forwarder b"), ("forwarder v", "forwarder c"))
URING_BAR = 1.10
ALLOCATIONS_BAR = 3.0
BYTES_PER_ALLOCATION_BAR = 1024
HALF_LOAD_ADDED_P99_BAR_US = 200
# Half of what the server carries of this is its half load.
HALF_LOAD_OF = ("single", 100, 172)


@dataclasses.dataclass(frozen=True)
class Case:
    kind: str
    allocations: int
    size: int
    burst: int = 1
    rate: int = 0

    def text(self) -> str:
        if self.kind == "half":
            return f"half load, {self.allocations}, {self.size} B"
        offered = f", {self.rate}/s" if self.rate else ""
        bursts = f"bursts of {self.burst}" if self.burst > 1 else "single"
        if self.kind not in ("single", "bursts", "uring"):
            bursts = self.kind
        return f"{bursts}, {self.allocations}, {self.size} B{offered}"


CASES = (
    *(Case("single", count, size) for count in (1, 10, 100, 1000) for size in (172, 1200)),
    *(Case("bursts", count, size, burst=8) for count in (1, 10, 100, 1000) for size in (172, 1200)),
    *(Case("pairs", count, 172) for count in (20, 2000)),
    *(Case("uring", count, size, burst=burst)
      for burst in (1, 8) for count in (1, 10, 100, 1000) for size in (172, 1200)),
    *(Case("rates", count, 172, rate=rate) for rate in (10_000, 50_000) for count in (10, 1000)),
)
HALF_LOAD_CASE = Case("half", 100, 172)
IDLE_COUNTS = (1000, 10_000)


def forwarder(binary: pathlib.Path, name: str) -> Server:
    return Server(name, "forwarder", lambda port, folder: [
        str(binary), "--port", str(port), "--variant", name[-1]])


def direct(binary: pathlib.Path) -> Server:
    """The way without a server: the forwarder only stands by."""
    return dataclasses.replace(forwarder(binary, FORWARDERS[1]), name="direct", mode="direct")


def forwarder_uring(binary: pathlib.Path) -> list[Server]:
    """As b and as c; none where liburing was missing."""
    if not os.access(binary, os.X_OK):
        return []
    return [Server(name, "forwarder", lambda port, folder, options=options: [
        str(binary), "--port", str(port), *options])
        for name, options in (("forwarder u", ()), ("forwarder v", ("--segments",)))]


def load(server: Server, mode: str, options: list[str], args: argparse.Namespace) -> dict:
    with running(server) as (process, port):
        command = [str(args.build / "relay_load"), "--target", f"127.0.0.1:{port}", "--mode", mode,
                   "--server-pid", str(process.pid), "--cpu", str(LOAD_CORE), *options]
        if args.relay_gro:
            command.append("--gro")
        return run_json(command, args.seconds + WARMUP_SECONDS + 120)


def measure_case(server: Server, case: Case, args: argparse.Namespace) -> dict:
    mode = "pairs" if case.kind == "pairs" else server.mode
    result = load(server, mode, [
        "--allocations", str(case.allocations), "--size", str(case.size),
        "--burst", str(case.burst), "--rate", str(case.rate),
        "--seconds", str(args.seconds), "--warmup", str(WARMUP_SECONDS)], args)
    if result["invalid"] > 0:
        raise BenchError(f"{server.name} relayed {result['invalid']} packets wrongly, of "
                         f"{result['sent']}; a figure for wrong packets is no figure")
    if server.mode == "direct":
        result |= {"delivered_per_cpu_second": 0, "server_cpu_seconds": 0}
    elif not result["delivered_per_cpu_second"]:
        raise BenchError(f"{server.name} relayed nothing")
    return result


def turned(servers: list[Server], number: int) -> list[Server]:
    """The order turns by one every round, so that none is always first."""
    turn = number % len(servers)
    return servers[turn:] + servers[:turn]


def run_case(case: Case, servers: list[Server], args: argparse.Namespace) -> dict:
    """A round's results by server, in the order of the rounds."""
    results: dict[str, list[dict]] = {server.name: [] for server in servers}
    for number in range(args.rounds):
        for server in turned(servers, number):
            progress(f"relay: {case.text()}, round {number + 1} of {args.rounds}, {server.name}")
            results[server.name].append(measure_case(server, case, args))
    return results


def ratio(above: list[dict], below: list[dict], field: str, bar: float | None) -> dict:
    per_round = [a[field] / b[field] for a, b in zip(above, below)]
    median = statistics.median(per_round)
    return {"median": median, "least": min(per_round), "most": max(per_round), "bar": bar,
            "meets_bar": None if bar is None else median >= bar}


def summarize(case: Case, results: dict[str, list[dict]]) -> dict:
    median = lambda rows, field: statistics.median(row[field] for row in rows)
    entry: dict = {"case": dataclasses.asdict(case), "servers": {}, "ratios": {}}
    for name, rows in results.items():
        entry["servers"][name] = {
            "delivered_per_cpu_second": median(rows, "delivered_per_cpu_second"),
            "delivered_per_second": median(rows, "delivered_per_second"),
            "core_share": statistics.median(
                row["server_cpu_seconds"] / row["seconds"] for row in rows),
            "lost": sum(row["lost"] for row in rows),
            "lost_share": sum(row["lost"] for row in rows) / sum(row["sent"] for row in rows),
            "p50_us": statistics.median(row["latency_us"]["p50"] for row in rows),
            "p99_us": statistics.median(row["latency_us"]["p99"] for row in rows),
        }
    measured = entry["servers"]
    for below, bar in BARS[case.kind] if "roost" in measured else ():
        if below == BEST_FORWARDER:
            below = max(FORWARDERS, key=lambda name: measured[name]["delivered_per_cpu_second"])
        if below in measured:
            entry["ratios"][f"roost / {below}"] = ratio(
                results["roost"], results[below], "delivered_per_cpu_second", bar)
    for above, below in URING_RATIOS if {"forwarder u", "forwarder v"} <= set(measured) else ():
        entry["ratios"][f"{above} / {below}"] = ratio(
            results[above], results[below], "delivered_per_cpu_second", URING_BAR)
    return entry


# --- The page -------------------------------------------------------------------------------------


def case_text(entry: dict) -> str:
    return Case(**entry["case"]).text()


def cells(entry: dict, names: list[str], form: str, scale: float = 1) -> list[str]:
    """One cell per server; empty where it was not measured."""
    field = form[1:].split(":")[0]
    return [form.format(**{field: entry["servers"][name][field] / scale})
            if name in entry["servers"] else "" for name in names]


def print_traffic(summary: list[dict], names: list[str], args: argparse.Namespace) -> None:
    heading("Relayed packets per second of server CPU, in thousands: traffic, allocations, payload "
            f"(median of {args.rounds} rounds of {args.seconds:g} s)")
    table(["traffic", *names], [
        [case_text(entry), *cells(entry, names, "{delivered_per_cpu_second:.0f}", 1e3)]
        for entry in summary])
    heading("Ratios of packets per second of CPU: median of the rounds (least to most)")
    table(["traffic", "ratio", "median", "range", "bar"], [
        [case_text(entry), name, f"{value['median']:.3f}",
         f"{value['least']:.3f} to {value['most']:.3f}", verdict(value)]
        for entry in summary for name, value in entry["ratios"].items()])
    heading("Share of its core that the server used, and of packets that were lost")
    table(["traffic", *names], [
        [case_text(entry), *map("  ".join, zip(cells(entry, names, "{core_share:.2f}"),
                                               cells(entry, names, "{lost_share:.3%}")))]
        for entry in summary])
    print("A share well below 1: other work took the core, or the generator did not keep up. Then\n"
          "the figure per CPU-second includes some waking up.")
    offered = [entry for entry in summary if entry["case"]["kind"] in ("rates", "half")]
    if not offered:
        return
    heading("Latency through the server at a fixed rate, p50 / p99 in microseconds")
    table(["traffic", *names], [
        [case_text(entry), *map(latency_text, zip(cells(entry, names, "{p50_us:.0f}"),
                                                cells(entry, names, "{p99_us:.0f}")))]
        for entry in offered])
    print_offered_bars(offered)


def latency_text(pair: tuple[str, str]) -> str:
    return " / ".join(pair).strip(" /")


def print_offered_bars(offered: list[dict]) -> None:
    rows = []
    for entry in offered:
        if "roost" not in entry["servers"]:
            continue
        roost_row = entry["servers"]["roost"]
        rows.append([case_text(entry), "lost below saturation", str(roost_row["lost"]),
                     "0 " + ("met" if roost_row["lost"] == 0 else "MISSED")])
        if entry["case"]["kind"] == "half":
            added = roost_row["p99_us"] - entry["servers"]["direct"]["p99_us"]
            is_met = added <= HALF_LOAD_ADDED_P99_BAR_US
            rows.append([case_text(entry), "p99 added to the direct way, us", f"{added:.0f}",
                         f"{HALF_LOAD_ADDED_P99_BAR_US} " + ("met" if is_met else "MISSED")])
    if rows:
        heading("Roost below saturation")
        table(["traffic", "what", "figure", "bar"], rows)


# --- Allocations ----------------------------------------------------------------------------------


def run_idle(servers: list[Server], args: argparse.Namespace) -> list[dict]:
    summary = []
    for count in IDLE_COUNTS:
        results: dict[str, list[dict]] = {server.name: [] for server in servers}
        for number in range(args.rounds):
            for server in turned(servers, number):
                progress(f"relay: {count} idle allocations, round {number + 1} of {args.rounds}, "
                         f"{server.name}")
                results[server.name].append(
                    load(server, "idle", ["--allocations", str(count)], args))
        entry: dict = {"allocations": count, "servers": {
            name: {field: statistics.median(row[field] for row in rows)
                   for field in ("allocations_per_cpu_second", "bytes_per_allocation")}
            for name, rows in results.items()}, "rounds": results}
        if "roost" in results:
            entry["ratio"] = ratio(results["roost"], results["coturn"],
                                   "allocations_per_cpu_second", ALLOCATIONS_BAR)
        summary.append(entry)
    return summary


def print_idle(summary: list[dict]) -> None:
    names = list(summary[0]["servers"])
    heading("Allocations per second of server CPU, and bytes of VmRSS that each takes while idle")
    table(["allocations", *names], [
        [str(entry["allocations"]), *(
            "{allocations_per_cpu_second:.0f}/s  {bytes_per_allocation:.0f} B".format(**row)
            for row in entry["servers"].values())] for entry in summary])
    rows = []
    for entry in summary:
        if "ratio" not in entry:
            continue
        size = entry["servers"]["roost"]["bytes_per_allocation"]
        is_met = size <= BYTES_PER_ALLOCATION_BAR
        rows.append([str(entry["allocations"]), "roost / coturn, allocations per CPU-second",
                     f"{entry['ratio']['median']:.2f}", verdict(entry["ratio"])])
        rows.append([str(entry["allocations"]), "roost, bytes per idle allocation", f"{size:.0f}",
                     f"{BYTES_PER_ALLOCATION_BAR} " + ("met" if is_met else "MISSED")])
    if rows:
        table(["allocations", "what", "figure", "bar"], rows)


# --- The section ----------------------------------------------------------------------------------


def half_load(servers: list[Server], without: Server,
              args: argparse.Namespace) -> tuple[dict, dict]:
    """Each server at half of what it carries itself, and at Roost's half the way without any; the
    former in real time."""
    capacity = run_case(Case(*HALF_LOAD_OF), servers, args)
    results: dict[str, list[dict]] = {}
    for server in servers:
        carried = statistics.median(row["delivered_per_second"] for row in capacity[server.name])
        case = dataclasses.replace(HALF_LOAD_CASE, rate=int(carried / 2))
        also = [without] if server.name == "roost" else []
        results |= run_case(case, [in_real_time(server), *also], args)
    return summarize(HALF_LOAD_CASE, results), results


def measure(args: argparse.Namespace) -> dict:
    turn_servers = [coturn(shutil.which("turnserver"), "turn", COTURN_OPTIONS)]
    if args.roost:
        turn_servers.insert(0, roost(args.roost, "turn", ROOST_CONFIG))
    bare = [forwarder(args.build / "forwarder", name) for name in FORWARDERS]
    uring = forwarder_uring(args.build / "forwarder_uring")
    report: dict = {"traffic": [], "rounds": []}
    for case in CASES:
        if case.kind not in args.relay_rows:
            continue
        if case.kind == "uring":
            servers = bare[1:] + uring if uring else []
        elif case.kind == "pairs":  # The forwarder hands nothing from one flow to another.
            servers = turn_servers
        else:
            servers = turn_servers + bare
        if not servers:
            continue
        results = run_case(case, servers, args)
        report["rounds"].append({"case": dataclasses.asdict(case), "results": results})
        report["traffic"].append(summarize(case, results))
    if "half" in args.relay_rows:
        entry, results = half_load(
            turn_servers + bare[1:2], direct(args.build / "forwarder"), args)
        report["rounds"].append({"case": dataclasses.asdict(HALF_LOAD_CASE), "results": results})
        report["traffic"].append(entry)
    if report["traffic"]:
        names = [*(server.name for server in turn_servers + bare + uring), "direct"]
        measured = {name for entry in report["traffic"] for name in entry["servers"]}
        print_traffic(report["traffic"], [name for name in names if name in measured], args)
    if "idle" in args.relay_rows:
        report["idle"] = run_idle(turn_servers, args)
        print_idle(report["idle"])
    return report
