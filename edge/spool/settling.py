"""Readings that were taken while nobody knew the time, and what becomes of them when somebody does."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.spool.batches import NewBatch, decode_readings, encode_batch
from edge.spool.rows import COLUMNS, Rows
from telemetry.readings import Batch, Quality, Reading

_STEP: Final = 200


@dataclass(frozen=True, slots=True)
class Boot:
    """A life of the gateway's system during which the time was not known."""

    id: str
    not_before_ms: int
    """UTC milliseconds; it cannot have begun before this."""
    ran_ms: int
    """How long it ran at least."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a boot lies in time."""

    boot: str
    offset_ms: int
    """UTC of its beginning: what its milliseconds must be added to."""
    error_ms: int | None = None
    """By how much that may be wrong where it is an estimate; None where it is known."""


def place(boots: Sequence[Boot], until_ms: int) -> list[Placement]:
    """Estimates for boots that never learned the time, oldest first, of which the last ended by `until_ms`.

    Nothing tells how long the gateway was off between two boots. Each boot lies in the middle of where it can
    lie, given those before and after it, so that the error is the smallest that can be vouched for.
    """
    # From the front: the earliest that each can begin; from the back: the latest.
    earliest: list[int] = []
    at_ms = 0
    for boot in boots:
        at_ms = max(at_ms, boot.not_before_ms)
        earliest.append(at_ms)
        at_ms += boot.ran_ms
    latest: list[int] = []
    at_ms = until_ms
    for boot in reversed(boots):
        at_ms -= boot.ran_ms
        latest.append(at_ms)
    return [
        # A clock that was once ahead puts the earliest after the latest; then the latest is what is known.
        Placement(boot.id, (min(low, high) + high) // 2, max(0, (high - min(low, high) + 1) // 2))
        for boot, low, high in zip(boots, earliest, reversed(latest), strict=True)
    ]


class Settling:
    """Gives batches of a boot their UTC. Inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, rows: Rows) -> None:
        self._connection = connection
        self._rows = rows

    def note(self, batch: NewBatch, now_ms: int) -> None:
        """`batch` of a boot without UTC goes in; `now_ms` is the earliest that it can be now."""
        self._connection.execute(
            "INSERT INTO boot (boot, not_before_ms, ran_ms) VALUES (?, ?, ?) ON CONFLICT (boot) "
            "DO UPDATE SET ran_ms = max(ran_ms, excluded.ran_ms)",
            (batch.boot, now_ms - batch.time_ms, batch.time_ms),
        )

    def boots(self) -> list[Boot]:
        """All boots whose batches wait for their time, oldest first."""
        rows = self._connection.execute(
            "SELECT boot, not_before_ms, ran_ms FROM boot WHERE boot IN "
            "(SELECT DISTINCT boot FROM batch WHERE boot IS NOT NULL) ORDER BY id"
        )
        return [Boot(*row) for row in rows]

    def settle(self, placement: Placement) -> int:
        """Turn some of the boot's batches into UTC; returns how many were looked at, 0 when all are done."""
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM batch WHERE boot = ? ORDER BY number LIMIT ?",  # noqa: S608, our own text
            (placement.boot, _STEP),
        ).fetchall()
        for row in rows:
            batch = self._rows.read(row)
            if batch is None:
                # Damaged: it will be counted when it is to be sent.
                self._connection.execute("UPDATE batch SET boot = NULL WHERE number = ?", (row[0],))
                continue
            readings = decode_readings(batch.device, batch.metrics)
            moved = tuple(_moved(reading, placement) for reading in readings)
            new = encode_batch(Batch(batch.device, moved), batch.priority)
            self._rows.replace(batch.number, new)
            self._connection.execute(
                "INSERT INTO device (device, last_ms) VALUES (?, ?) ON CONFLICT (device) "
                "DO UPDATE SET last_ms = excluded.last_ms WHERE excluded.last_ms > last_ms",
                (batch.device, new.time_ms),
            )
        if not rows:
            self._connection.execute("DELETE FROM boot WHERE boot = ?", (placement.boot,))
        return len(rows)


def _moved(reading: Reading, placement: Placement) -> Reading:
    moved = replace(reading, time_ms=reading.time_ms + placement.offset_ms)
    if placement.error_ms is None:
        return moved
    reason = f"time estimated, ± {-(-placement.error_ms // 1000)} s: the clock was not set"
    if reading.quality is not Quality.GOOD:
        return replace(moved, reason=f"{reading.reason}; {reason}" if reading.reason else reason)
    return replace(moved, quality=Quality.TIME_ESTIMATED, reason=reason)
