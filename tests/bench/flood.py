# SPDX-License-Identifier: MIT
"""The section `flood`: what an established flow notices of strangers who ask for allocations.

Beside a relayed flow, Allocate requests without credentials come at a fixed rate from ten thousand
network prefixes in turn: so few from each that all are challenged, which is what costs most. The
same flow without a flood is measured in the same round, and compared with it.
"""

import argparse
import dataclasses
import shutil
import statistics

from page import heading, progress, table
from relay import COTURN_OPTIONS, ROOST_CONFIG, load, turned
from servers import WARMUP_SECONDS, BenchError, Server, coturn, roost

FLOODS_PER_SECOND = (0, 5_000, 20_000)
PREFIXES = 10_000
KEPT_BAR = 0.90        # Of what a whole core carries without a flood.
LATENCY_BAR = 1.10     # Time through the server, the same way; and a nap, where it takes any.
GROWN_KIB_BAR = 1024   # Beyond what the flow alone takes.
NAP_US = {"roost": 500, "roost, no naps": 0}  # What `relay.gather` allows.

# Prefixes are limited as they are by default; in the section relay they are not.
UNLIMITED = "[admission]\npackets_per_second_per_prefix = 0\n"
assert UNLIMITED in ROOST_CONFIG and "[relay]\n" in ROOST_CONFIG


@dataclasses.dataclass(frozen=True)
class FlowKind:
    name: str
    allocations: int
    rate: int  # Both directions; 0: as many as the server carries.


FLOWS = (FlowKind("2,000/s each way", 1, 4_000), FlowKind("as fast as it goes", 10, 0))


def measure_one(server: Server, flow: FlowKind, rate: int, args: argparse.Namespace) -> dict:
    result = load(server, server.mode, [
        "--allocations", str(flow.allocations), "--rate", str(flow.rate), "--size", "172",
        "--flood", str(rate), "--flood-prefixes", str(PREFIXES),
        "--seconds", str(args.seconds), "--warmup", str(WARMUP_SECONDS)], args)
    if result["invalid"] > 0 or result.get("flood", {}).get("unexpected", 0) > 0:
        raise BenchError(f"{server.name} relayed or answered something wrongly: {result}")
    return {"per_cpu_second": result["delivered_per_cpu_second"],
            "core_share": result["server_cpu_seconds"] / result["seconds"],
            "lost_share": result["lost"] / result["sent"],
            "p50_us": result["latency_us"]["p50"], "p99_us": result["latency_us"]["p99"],
            "grown_kib": result["resident_kib_after"] - result["resident_kib_before"],
            **flood_figures(result)}


def flood_figures(result: dict) -> dict:
    if "flood" not in result:
        return {"flood_per_second": 0, "answered_share": 0}
    counters = result["flood"]
    return {"flood_per_second": counters["sent"] / result["seconds"],
            "answered_share": counters["challenged"] / counters["sent"]}


def run_flow(flow: FlowKind, servers: list[Server], args: argparse.Namespace) -> dict:
    """By server, then by rate of the flood, the rounds in their order."""
    results: dict = {server.name: {rate: [] for rate in FLOODS_PER_SECOND} for server in servers}
    for number in range(args.rounds):
        for server in turned(servers, number):
            for rate in turned(list(FLOODS_PER_SECOND), number):
                progress(f"flood: {flow.name}, round {number + 1} of {args.rounds}, "
                         f"{server.name}, {rate}/s")
                results[server.name][rate].append(measure_one(server, flow, rate, args))
    return results


def flood_cpu_us(row: dict, quiet: dict) -> float:
    """CPU time for one request of the flood: what the flow's packets do not account for."""
    flow_share = row["core_share"] * row["per_cpu_second"] / quiet["per_cpu_second"]
    return (row["core_share"] - flow_share) / row["flood_per_second"] * 1e6


def medians(rate: int, rows: list[dict], quiet: list[dict]) -> dict:
    """Of one rate, and its relation to no flood in the same round."""
    entry = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    for name in ("per_cpu_second", "p50_us", "p99_us"):
        entry[f"{name}_ratio"] = statistics.median(
            row[name] / other[name] for row, other in zip(rows, quiet))
    # Not simply the ratio: where other work takes part of the core, the flood, whose rate is fixed,
    # gets more of the rest.
    entry["flood_cpu_us"] = statistics.median(
        flood_cpu_us(row, other) for row, other in zip(rows, quiet)) if rate else 0
    entry["kept"] = max(0, 1 - rate * entry["flood_cpu_us"] / 1e6)
    entry["grown_kib_more"] = entry["grown_kib"] - statistics.median(
        row["grown_kib"] for row in quiet)
    return entry


def judge(server: str, flow: FlowKind, entry: dict, quiet: dict) -> str:
    """What of Roost's row misses its bar."""
    if server not in NAP_US or entry is quiet:
        return ""
    missed = []
    if entry["grown_kib_more"] > GROWN_KIB_BAR:
        missed.append("memory")
    if flow.rate == 0:
        if entry["kept"] < KEPT_BAR:
            missed.append("packets per second")
    else:
        missed += [name for name in ("p50_us", "p99_us")
                   if entry[name] > quiet[name] * LATENCY_BAR + NAP_US[server]]
        if entry["lost_share"] > 0:
            missed.append("loss")
    return f"MISSED: {', '.join(missed)}" if missed else "met"


def print_flow(flow: FlowKind, summary: dict, args: argparse.Namespace) -> None:
    heading(f"A flow of {flow.name} beside Allocate requests without credentials from {PREFIXES:,} "
            f"prefixes (median of {args.rounds} rounds of {args.seconds:g} s)")
    rows = []
    for name, by_rate in summary.items():
        for entry in by_rate.values():
            rows.append([
                name, f"{entry['flood_per_second']:,.0f}/s", f"{entry['answered_share']:.1%}",
                f"{entry['lost_share']:.3%}", f"{entry['p50_us']:.0f} / {entry['p99_us']:.0f}",
                f"{entry['p50_us_ratio']:.2f} / {entry['p99_us_ratio']:.2f}",
                f"{entry['core_share']:.3f}", f"{1e6 / entry['per_cpu_second']:.2f}",
                f"{entry['per_cpu_second_ratio']:.2f}",
                "" if flow.rate else f"{entry['flood_cpu_us']:.1f}  {entry['kept']:.2f}",
                f"{entry['grown_kib']:.0f}",
                judge(name, flow, entry, by_rate[0])])
    table(["server", "flood", "answered", "lost", "p50 / p99 us", "ratio", "core",
           "CPU us a packet", "per CPU-s, ratio", "CPU us a request, kept", "grown KiB",
           "bars"], rows)


def measure(args: argparse.Namespace) -> list[dict]:
    servers = [coturn(shutil.which("turnserver"), "turn", COTURN_OPTIONS)]
    if args.roost:
        config = ROOST_CONFIG.replace(UNLIMITED, "")
        no_naps = config.replace("[relay]\n", "[relay]\ngather = \"0 us\"\n")
        servers = [roost(args.roost, "turn", config),
                   dataclasses.replace(roost(args.roost, "turn", no_naps), name="roost, no naps"),
                   *servers]
    report = []
    for flow in FLOWS:
        results = run_flow(flow, servers, args)
        summary = {name: {rate: medians(rate, rows, by_rate[0]) for rate, rows in by_rate.items()}
                   for name, by_rate in results.items()}
        print_flow(flow, summary, args)
        report.append({"flow": dataclasses.asdict(flow), "summary": summary, "rounds": results})
    return report
