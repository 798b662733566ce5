"""Batches for the tests of the spool."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

from edge.spool import schema
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


def counter_batch(
    device: str, time_ms: int, total: int, *, extra: int = 0, priority: Priority = Priority.ORDINARY
) -> NewBatch:
    """One scan of a meter: a total, a state that never changes, and `extra` measured values."""
    readings = [
        Reading(device, "Volume/Total", ValueType.INT64, total, time_ms),
        Reading(device, "Alarm/Leak", ValueType.BOOLEAN, False, time_ms),
    ]
    noise = random.Random(total)
    readings += [
        Reading(device, f"Test/Point {number}", ValueType.DOUBLE, noise.random(), time_ms)
        for number in range(extra)
    ]
    return encode_batch(Batch(device, tuple(readings)), priority)


def write_format_1(file: Path, batches: list[NewBatch]) -> None:
    """A spool as it was written before batches were deflated."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(schema._TABLES)
        connection.execute("CREATE INDEX waiting ON batch (priority, number) WHERE acked_ms IS NULL")
        connection.execute(
            "INSERT INTO spool (id, epoch, committed_batches, committed_readings) VALUES (1, ?, ?, ?)",
            ("0123456789abcdef", len(batches), sum(batch.readings for batch in batches)),
        )
        for batch in batches:
            connection.execute(
                "INSERT INTO batch (device, time_ms, committed_ms, priority, readings, crc, metrics) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (batch.device, batch.time_ms, START_MS, 1, batch.readings, batch.crc, batch.metrics),
            )
        connection.execute("PRAGMA user_version = 1")
        connection.commit()


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
