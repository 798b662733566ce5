"""Ingest under overload, without its database, and with workers and broker killed: nothing may be lost.

Also two workers against one. `--quick` for a trial.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bench_ingest import check
from tests.bench.ingest_peers.fleet import POINTS, STEP_MS
from tests.bench.ingest_peers.sender import Outcome, Plan
from tests.bench.ingest_peers.worker import Ingest, begin_ms, ingest, outcome_of, start_sending
from tests.bench.report import Figure, write
from tests.servers import InfluxDB1, Mosquitto, free_port, listens, running, wait_until

COMMAND = "make bench-ingest"
GATEWAYS = 200
CAPACITY = 2000.0
"""Messages a second that the slowed database takes in the overload."""


@contextmanager
def sink(lines_a_second: float, *, remember: bool) -> Iterator[int]:
    """A database that only counts; its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.ingest_peers.sink"]
    process = subprocess.Popen([*command, str(port), str(lines_a_second), str(int(remember))])
    try:
        wait_until(lambda: listens(port), "the sink")
        yield port
    finally:
        process.kill()
        process.wait()


def different(port: int) -> int:
    """How many different messages the sink has seen."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/query", timeout=30) as answer:
        return int(json.load(answer)["different"])


def workers_rate(folder: Path, workers: int, messages: int) -> float:
    """Messages a second that `workers` drain from mosquitto into a database that costs nothing."""
    with (
        sink(0, remember=False) as port,
        running(Mosquitto) as broker,
        ingest(
            folder,
            broker.url,  # type: ignore[attr-defined]
            f"influx1://127.0.0.1:{port}/kega",
            GATEWAYS,
            "ingest: {shared_subscription: bench}\n",
        ) as crew,
    ):
        assert isinstance(broker, Mosquitto)
        for core in range(workers):
            crew.start(core=core)
        begin = begin_ms(messages, STEP_MS)
        outcome_of(start_sending(Plan(broker.port, GATEWAYS, 20, begin - 3_600_000)))
        cpu = crew.cpu_s()
        outcome = outcome_of(start_sending(Plan(broker.port, GATEWAYS, messages, begin)))
        assert outcome.lost == 0
        spent = crew.cpu_s() - cpu
        seconds = outcome.ended_s - outcome.begun_s
        print(
            f"{workers} workers: {GATEWAYS * messages / seconds:.0f} messages/s, busy {spent / seconds:.2f}"
        )
        return GATEWAYS * messages / seconds


def overload(folder: Path, seconds: float) -> tuple[Outcome, float, float]:
    """3 × what the database takes, for so long; then until all is stored. Outcome, peak memory, catch-up."""
    messages = int(3 * CAPACITY * seconds / GATEWAYS)
    with (
        sink(CAPACITY, remember=True) as port,
        running(Mosquitto) as broker,
        ingest(folder, broker.url, f"influx1://127.0.0.1:{port}/kega", GATEWAYS) as workers,  # type: ignore[attr-defined]
    ):
        assert isinstance(broker, Mosquitto)
        workers.start()
        begin = begin_ms(messages, STEP_MS)
        plan = Plan(broker.port, GATEWAYS, messages, begin, rate=3 * CAPACITY, deadline_s=seconds * 6 + 60)
        outcome = outcome_of(start_sending(plan))
        assert different(port) == GATEWAYS * messages, f"{different(port)} of {GATEWAYS * messages} stored"
        return outcome, workers.peak_rss_mb(), outcome.ended_s - outcome.begun_s - seconds


def fault(
    folder: Path, rate: float, seconds: float, strike: Callable[[Ingest, Mosquitto, InfluxDB1], None]
) -> int:
    """Load at `rate` messages a second while `strike` does its worst; lost messages. Checks every value."""
    messages = int(rate * seconds / GATEWAYS)
    with running(Mosquitto) as broker, running(InfluxDB1) as influx:
        assert isinstance(broker, Mosquitto)
        assert isinstance(influx, InfluxDB1)
        url = f"influx1://127.0.0.1:{influx.port}/kega"
        with ingest(folder, broker.url, url, GATEWAYS) as workers:
            workers.start()
            begin = begin_ms(messages, STEP_MS)
            sending = start_sending(
                Plan(broker.port, GATEWAYS, messages, begin, rate=rate, deadline_s=seconds + 240)
            )
            striking = threading.Thread(target=strike, args=(workers, broker, influx))
            striking.start()
            outcome = outcome_of(sending)
            striking.join()
        check(url, begin, messages)
        print(f"{folder.name}: {outcome.sent} sent, {outcome.sent_again} again, {outcome.lost} lost")
        return outcome.lost


def stop_database(pause_s: float) -> Callable[[Ingest, Mosquitto, InfluxDB1], None]:
    """The database is away for so long."""

    def strike(_workers: Ingest, _broker: Mosquitto, influx: InfluxDB1) -> None:
        time.sleep(5)
        influx.stop()
        time.sleep(pause_s)
        influx.start()

    return strike


def kill_worker(workers: Ingest, _broker: Mosquitto, _influx: InfluxDB1) -> None:
    """The worker dies twice, and comes back."""
    for _ in range(2):
        time.sleep(5)
        workers.processes[-1].kill()
        workers.start()


def kill_broker(_workers: Ingest, broker: Mosquitto, _influx: InfluxDB1) -> None:
    """The broker dies twice, and comes back empty."""
    for _ in range(2):
        time.sleep(5)
        broker.kill()
        time.sleep(1)
        broker.start()


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    quick = options.quick
    with tempfile.TemporaryDirectory(prefix="kega-bench-") as name:
        folder = Path(name)
        messages = 100 if quick else 300
        one = workers_rate(folder / "one", 1, messages)
        two = workers_rate(folder / "two", 2, messages)
        length = 15.0 if quick else 120.0
        outcome, memory, late = overload(folder / "overload", length)
        pause, rate = (10.0, 1000.0) if quick else (60.0, 1000.0)
        lost = {
            "database stopped": fault(folder / "database", rate, pause + 20, stop_database(pause)),
            "worker kill -9, twice": fault(folder / "worker", rate, 30, kill_worker),
            "broker kill -9, twice": fault(folder / "broker", rate, 30, kill_broker),
        }
    sent = f"{outcome.sent} sent"
    figures = [
        Figure("two workers, null sink", two * POINTS, "points/s", "one worker", two / one, COMMAND),
        Figure("memory in 3 × overload", memory, "MB, peak", "250 MB allowed", memory / 250, COMMAND),
        Figure("lost in 3 × overload", outcome.lost, "messages", sent, outcome.lost / outcome.sent, COMMAND),
        Figure("caught up after", late, "s", "2 × the overload", late / (2 * length), COMMAND),
    ]
    for what, value in lost.items():
        figures.append(Figure(f"{what}: lost", value, "messages", "none allowed", value, COMMAND))
    write("ingest_faults", figures)


if __name__ == "__main__":
    main()
