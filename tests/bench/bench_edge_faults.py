"""Dead devices, more demand than the line carries, samples at 50 ms: the agent and ThingsBoard's gateway."""

from __future__ import annotations

import argparse
import socket
import struct
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.bench.edge_peers.gateways import Gateway, Kega, ThingsBoard, ThingsBoardTags
from tests.bench.edge_peers.load import Load, Sample, SimulatedSlaves
from tests.bench.edge_peers.process import memory_of
from tests.bench.edge_peers.recorder import Recorder
from tests.bench.report import Figure, write
from tests.servers import Mosquitto

COMMAND: Final = "make bench-edge"
DEAD: Final = [5, 11, 17]
SLOW_LINE: Final = Load(period_s=0.1, answer_s=0.05)
"""20 units asked for every 100 ms, on a line where each answer takes 50 ms, as at 19200 baud."""
HEALTHY_GOAL: Final = 0.95
LINE_GOAL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a run warms up and is watched."""

    warm_s: float
    window_s: float


class Run:
    """Simulator, recorder and one gateway on a broker."""

    def __init__(self, kind: type[Gateway], load: Load, broker: Mosquitto, dead: list[int]) -> None:
        self._stack = ExitStack()
        self.load = load
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="kega-bench-")))
        self.slaves = self._stack.enter_context(SimulatedSlaves(load))
        self.slaves.kill(dead)
        self.recorder = self._stack.enter_context(Recorder(broker.port))
        self.gateway = self._stack.enter_context(kind(folder, load, self.slaves.port, broker.port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settle(self) -> None:
        """Silence all units, and wait until everything measured has come."""
        self.slaves.kill(list(range(1, self.load.units + 1)))
        self.recorder.wait_for_silence(4, at_most_s=30)


def healthy_share(kind: type[Gateway], timeout_s: float, broker: Mosquitto, pace: Pace) -> float:
    """Rate of the 17 units that live, as a share of what is demanded of them; 3 are dead from the start."""
    load = Load(timeout_s=timeout_s)
    with Run(kind, load, broker, DEAD) as run:
        time.sleep(pace.warm_s)
        run.recorder.begin()
        time.sleep(pace.window_s)
        arrivals = run.recorder.end()
    demanded = (load.units - len(DEAD)) * pace.window_s / load.period_s
    return len(arrivals.samples) / demanded


def share_after_deaths(kind: type[Gateway], timeout_s: float, broker: Mosquitto, pace: Pace) -> float:
    """The same from the very moment that three units fall silent."""
    load = Load(timeout_s=timeout_s)
    with Run(kind, load, broker, []) as run:
        time.sleep(pace.warm_s)
        run.slaves.kill(DEAD)
        run.recorder.begin()
        time.sleep(pace.window_s)
        arrivals = run.recorder.end()
    healthy = [each for each in arrivals.samples if each.unit not in DEAD]
    demanded = (load.units - len(DEAD)) * pace.window_s / load.period_s
    return len(healthy) / demanded


def line_limit(load: Load, seconds: float) -> float:
    """Answers a second that the emulated line carries: one request after the other, and nothing else done."""
    with (
        SimulatedSlaves(load) as slaves,
        socket.create_connection(("127.0.0.1", slaves.port), timeout=10) as line,
    ):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = 9 + 2 * load.registers
        began, answers = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            line.sendall(struct.pack(">HHHBBHH", answers % 65536, 0, 6, 1, 3, 0, load.registers))
            received = b""
            while len(received) < size:
                received += line.recv(size)
            answers += 1
        return answers / (time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Overload:
    """A line that is asked for ten times what it carries."""

    line_share: float
    """Samples arrived, as a share of the line's limit."""
    growth_bytes_per_s: float


def overload(kind: type[Gateway], limit: float, broker: Mosquitto, pace: Pace) -> Overload:
    """Run one gateway on that line; `limit` is in answers a second."""
    with Run(kind, SLOW_LINE, broker, []) as run:
        time.sleep(pace.warm_s)
        before = memory_of(run.gateway.pid).resident
        run.recorder.begin()
        time.sleep(pace.window_s)
        arrivals = run.recorder.end()
        grown = memory_of(run.gateway.pid).resident - before
    return Overload(len(arrivals.samples) / pace.window_s / limit, grown / pace.window_s)


def lost_at_50_ms(kind: type[Gateway], broker: Mosquitto, pace: Pace) -> tuple[int, int]:
    """Samples served and samples that a store would not hold, at 10 units every 50 ms."""
    with Run(kind, Load(units=10, period_s=0.05), broker, []) as run:
        time.sleep(pace.warm_s)
        begin_ms = time.time() * 1000
        time.sleep(pace.window_s)
        run.settle()
        served: list[Sample] = [each for each in run.slaves.served() if each.time_ms >= begin_ms]
        arrivals = run.recorder.end()
    return len(served), len(arrivals.missing(served))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short windows")
    quick = parser.parse_args().quick
    pace = Pace(8, 15) if quick else Pace(15, 45)
    longer = Pace(8, 20) if quick else Pace(15, 60)
    found: list[Figure] = []

    def note(metric: str, ours: float, unit: str, theirs: float, goal: str, mode: str = "wide") -> None:
        reference = f"ThingsBoard, {mode}: {theirs:.4g} {unit}; goal {goal}"
        found.append(Figure(metric, ours, unit, reference, ours / theirs if theirs else 0.0, COMMAND))
        print(f"{metric}: {ours:.4g} {unit}, {reference}", flush=True)

    with tempfile.TemporaryDirectory(prefix="kega-bench-") as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        try:
            for timeout_s in (3.0, 0.5):
                title = f"3 of 20 dead, timeout {timeout_s:g} s: rate of the others"
                shares = [healthy_share(kind, timeout_s, broker, pace) for kind in (Kega, ThingsBoard)]
                note(title, 100 * shares[0], "%", 100 * shares[1], f"≥ {100 * HEALTHY_GOAL:g} %")
                after = share_after_deaths(Kega, timeout_s, broker, pace)
                note(f"{title} from the moment of death on", 100 * after, "%", 100 * shares[1], "none")
            limit = line_limit(SLOW_LINE, 10)
            ours_loaded = overload(Kega, limit, broker, longer)
            for mode, kind in (("wide", ThingsBoard), ("tags", ThingsBoardTags)):
                theirs_loaded = overload(kind, limit, broker, longer)
                note(
                    "demand ten times the line: share of the line's limit",
                    *(100 * ours_loaded.line_share, "%", 100 * theirs_loaded.line_share),
                    *(f"≥ {100 * LINE_GOAL:g} %", mode),
                )
                note(
                    "demand ten times the line: growth of memory",
                    *(ours_loaded.growth_bytes_per_s / 1000, "kB/s", theirs_loaded.growth_bytes_per_s / 1000),
                    *("flat", mode),
                )
            (ours, our_loss), (theirs, their_loss) = (
                lost_at_50_ms(kind, broker, pace) for kind in (Kega, ThingsBoard)
            )
            note(
                "samples at 50 ms: lost or overwritten",
                *(100 * our_loss / ours, "%", 100 * their_loss / theirs, "0"),
            )
        finally:
            broker.stop()
    write("edge_faults", found)


if __name__ == "__main__":
    main()
