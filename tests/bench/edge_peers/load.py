"""What a run demands of a gateway, and the simulated slaves that it is demanded from."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.servers import free_port


@dataclass(frozen=True, slots=True)
class Load:
    """Units on one Modbus TCP endpoint, all read whole at one period."""

    units: int = 20
    registers: int = 40
    period_s: float = 1.0
    timeout_s: float = 3.0
    answer_s: float = 0.0
    """Time that an answer takes on the line behind the endpoint; answers follow one another."""

    @property
    def values_per_s(self) -> float:
        """What is demanded."""
        return self.units * self.registers / self.period_s


class Sample(NamedTuple):
    """One answer of one unit."""

    unit: int
    number: int
    time_ms: int


class SimulatedSlaves:
    """The simulator's process."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.port = free_port()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.bench.edge_peers.simulator", "--port", str(self.port)),
                *("--registers", str(load.registers), "--answer-s", str(load.answer_s)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._hear()["ready"]

    def __enter__(self) -> SimulatedSlaves:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def kill(self, units: list[int]) -> None:
        """Let `units` fall silent, and all others speak."""
        self._ask({"ask": "kill", "units": units})

    def served(self) -> list[Sample]:
        """Every sample that was answered so far: the truth that arrivals are compared with."""
        return [Sample(*each) for each in self._ask({"ask": "served"})["served"]]

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the simulator has ended")
        heard: dict[str, Any] = json.loads(line)
        return heard
