"""Batches for the tests of the spool."""

from __future__ import annotations

from edge.spool.batches import NewBatch, Priority, encode_batch
from telemetry.readings import Batch, Reading, ValueType

START_MS = 1_760_000_000_000


def batch_of(
    device: str = "sl-000001",
    time_ms: int = START_MS,
    *,
    values: int = 2,
    priority: Priority = Priority.ORDINARY,
) -> NewBatch:
    readings = tuple(
        Reading(device, f"Test/Point {number}", ValueType.DOUBLE, float(number), time_ms)
        for number in range(values)
    )
    return encode_batch(Batch(device, readings), priority)


class ManualClock:
    """A clock that only moves when it is told to."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms
        self._monotonic = 1000.0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)
        self._monotonic += seconds

    def step_wall(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)
