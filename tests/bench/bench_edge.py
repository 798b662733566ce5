"""The agent beside ThingsBoard's IoT Gateway: cost of a value, time from poll to subscriber, memory.

Both read the same simulator (20 units × 40 registers, 1 s) and publish to the same broker; they run one after
another, several rounds, and ratios are of medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.edge_peers.gateways import Gateway, Kega, ThingsBoard, ThingsBoardSqlite
from tests.bench.edge_peers.load import Load, SimulatedSlaves
from tests.bench.edge_peers.process import cpu_seconds, memory_of
from tests.bench.edge_peers.recorder import Recorder
from tests.bench.report import Figure, write
from tests.servers import Mosquitto

COMMAND: Final = "make bench-edge"
THEIRS: Final = (ThingsBoard, ThingsBoardSqlite)


@dataclass(frozen=True, slots=True)
class Steady:
    """One gateway in steady state."""

    values_per_s: float
    cpu_per_1000: float
    p50_ms: float
    p99_ms: float
    resident: float
    proportional: float
    threads: float
    wrong: float


def measure(kind: type[Gateway], load: Load, broker: Mosquitto, warm_s: float, window_s: float) -> Steady:
    """Run one gateway until it is steady, then watch it for `window_s`."""
    with (
        tempfile.TemporaryDirectory(prefix="kega-bench-") as folder,
        SimulatedSlaves(load) as slaves,
        Recorder(broker.port) as recorder,
        kind(Path(folder), load, slaves.port, broker.port) as gateway,
    ):
        time.sleep(warm_s)
        recorder.begin()
        began, cpu_before = time.monotonic(), cpu_seconds(gateway.pid)
        time.sleep(window_s)
        passed, cpu = time.monotonic() - began, cpu_seconds(gateway.pid) - cpu_before
        arrivals = recorder.end()
        memory = memory_of(gateway.pid)
    assert arrivals.values, f"{gateway.name}: nothing arrived"
    percentiles = statistics.quantiles(arrivals.latencies_ms, n=100, method="inclusive")
    return Steady(
        values_per_s=arrivals.values / passed,
        cpu_per_1000=1000 * cpu / arrivals.values,
        p50_ms=percentiles[49],
        p99_ms=percentiles[98],
        resident=memory.resident / 1e6,
        proportional=memory.proportional / 1e6,
        threads=memory.threads,
        wrong=arrivals.wrong,
    )


def medians(rounds: list[Steady]) -> Steady:
    """Of each figure the median over the rounds."""
    names = Steady.__slots__
    return Steady(**{name: statistics.median(getattr(each, name) for each in rounds) for name in names})


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    options = parser.parse_args()
    rounds, warm_s, window_s = (1, 8.0, 15.0) if options.quick else (3, 15.0, 45.0)
    load = Load()
    runs: dict[type[Gateway], list[Steady]] = {kind: [] for kind in (Kega, *THEIRS)}
    with tempfile.TemporaryDirectory(prefix="kega-bench-") as folder:
        # Or the broker adds up to 40 ms to every second message, whoever sent it.
        broker = Mosquitto(Path(folder), "set_tcp_nodelay true\n")
        broker.start()
        try:
            for _ in range(rounds):
                for kind, found in runs.items():
                    found.append(measure(kind, load, broker, warm_s, window_s))
                    print(f"{kind.name}: {found[-1]}", flush=True)
        finally:
            broker.stop()
    results = {kind: medians(found) for kind, found in runs.items()}
    write("edge", figures(results, load))


def figures(results: dict[type[Gateway], Steady], load: Load) -> list[Figure]:
    """Ours beside the best of theirs, measure by measure."""
    found: list[Figure] = []
    measures = (
        ("cpu_per_1000", "CPU of 1000 values", "s"),
        ("p50_ms", "poll to subscriber, p50", "ms"),
        ("p99_ms", "poll to subscriber, p99", "ms"),
        ("resident", "resident memory", "MB"),
        ("proportional", "proportional memory", "MB"),
        ("threads", "threads", "threads"),
    )
    ours = results[Kega]
    for name, title, unit in measures:
        best = min(THEIRS, key=lambda each: float(getattr(results[each], name)))
        value, reference = getattr(ours, name), getattr(results[best], name)
        label = f"{best.name} {reference:.4g} {unit}"
        found.append(Figure(title, value, unit, label, value / reference, COMMAND))
    rate = ours.values_per_s
    found.append(
        Figure("values arrived", rate, "values/s", "values demanded", rate / load.values_per_s, COMMAND)
    )
    found.append(Figure("wrong values", ours.wrong, "values", "one allowed", ours.wrong, COMMAND))
    return found


if __name__ == "__main__":
    main()
