"""Every sample counted: what is lost when the line to the broker dies, the broker goes, the agent is killed.

The simulator's registers number the samples; what it served is compared with what a store would hold. Beside
the agent stands ThingsBoard's gateway with its durable storage.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.edge_peers.broken_link import BrokenLink
from tests.bench.edge_peers.gateways import Gateway, Kega, ThingsBoardSqlite
from tests.bench.edge_peers.load import Load, SimulatedSlaves
from tests.bench.edge_peers.recorder import Recorder
from tests.bench.report import Figure, write
from tests.servers import Mosquitto

COMMAND: Final = "make bench-edge"
LOAD: Final = Load(units=10, period_s=0.2)
WARM_S: Final = 12.0
AFTER_S: Final = 20.0
UNCOMMITTED_MS: Final = 500
DRAINED_S: Final = 12.0
DRAIN_AT_MOST_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Loss:
    """Samples of one run."""

    served: int
    lost: int
    """Of those older than half a second when the agent was killed."""
    uncommitted: int
    """Lost ones of the last half second before the kill."""


@dataclass
class Bench:
    """All parts of one run."""

    broker: Mosquitto
    link: BrokenLink
    slaves: SimulatedSlaves
    recorder: Recorder
    gateway: Gateway


def half_open(bench: Bench) -> float:
    """The line swallows everything for 20 s, then the agent is killed; returns the time of the kill."""
    bench.link.dead = True
    time.sleep(20)
    bench.gateway.kill()
    killed = time.time()
    bench.link.heal()
    bench.gateway.start()
    return killed


def broker_away(bench: Bench) -> float:
    """The broker is killed and stays away for 12 s, then the agent is killed."""
    bench.broker.kill()
    time.sleep(12)
    bench.gateway.kill()
    killed = time.time()
    bench.broker.start()
    bench.gateway.start()
    return killed


def run(kind: type[Gateway], fault: Callable[[Bench], float]) -> Loss:
    """One gateway through one fault, until nothing more comes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kega-bench-")))
        broker = Mosquitto(folder)
        broker.start()
        stack.callback(broker.stop)
        link = stack.enter_context(BrokenLink(broker.port))
        slaves = stack.enter_context(SimulatedSlaves(LOAD))
        recorder = stack.enter_context(Recorder(broker.port))
        gateway = stack.enter_context(kind(folder, LOAD, slaves.port, link.port))
        time.sleep(WARM_S)
        begin_ms = time.time() * 1000
        killed_ms = fault(Bench(broker, link, slaves, recorder, gateway)) * 1000
        time.sleep(AFTER_S)
        slaves.kill(list(range(1, LOAD.units + 1)))
        recorder.wait_for_silence(DRAINED_S, DRAIN_AT_MOST_S)
        served = [each for each in slaves.served() if each.time_ms >= begin_ms]
        missing = recorder.end().missing(served)
    fresh = [each for each in missing if killed_ms - UNCOMMITTED_MS <= each.time_ms <= killed_ms]
    return Loss(len(served), len(missing) - len(fresh), len(fresh))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only our own agent")
    quick = parser.parse_args().quick
    figures: list[Figure] = []
    for title, fault in (
        ("half-open line for 20 s, then kill -9", half_open),
        ("broker away for 12 s, then kill -9", broker_away),
    ):
        ours = run(Kega, fault)
        print(f"{title}: kega {ours}", flush=True)
        theirs = None if quick else run(ThingsBoardSqlite, fault)
        print(f"{title}: ThingsBoard {theirs}", flush=True)
        reference, ratio = "not run", 0.0
        if theirs is not None:
            lost = theirs.lost + theirs.uncommitted
            reference = f"ThingsBoard, SQLite: {lost} of {theirs.served}"
            ratio = (ours.lost + ours.uncommitted) / lost if lost else 0.0
        figures.append(
            Figure(f"{title}: lost", ours.lost, f"of {ours.served} samples", reference, ratio, COMMAND)
        )
        figures.append(
            Figure(
                f"{title}: not yet committed at the kill",
                *(ours.uncommitted, f"of {ours.served} samples", reference, ratio, COMMAND),
            )
        )
    write("edge_loss", figures)


if __name__ == "__main__":
    main()
