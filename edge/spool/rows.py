"""Rows of the table `batch`: written packed, read whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from edge.spool.batches import NewBatch, Priority, SpooledBatch
from edge.spool.packing import Packing

COLUMNS: Final = "number, device, time_ms, readings, metrics, priority, crc, template, coalesce(boot, '')"
"""What `Rows.read` takes."""
FORMAT_1_COLUMNS: Final = "number, device, time_ms, readings, metrics, priority, crc, NULL, ''"
"""The same of a file that was written before batches were deflated."""


class Rows:
    """The batches of one open spool file. Every change is made inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._packing = Packing(connection)

    def forget(self) -> None:
        """A transaction was rolled back."""
        self._packing.forget()

    def insert(self, batch: NewBatch, now_ms: int, *, thinned: int = 0) -> int:
        """Put `batch`; returns its number."""
        template, stored = self._packing.pack(batch.device, batch.metrics)
        number = self._connection.execute(
            "INSERT INTO batch (device, time_ms, committed_ms, priority, readings, crc, metrics, template, "
            "boot, thinned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                batch.device,
                batch.time_ms,
                now_ms,
                int(batch.priority),
                batch.readings,
                batch.crc,
                stored,
                template,
                batch.boot or None,
                thinned,
            ),
        ).lastrowid
        assert number is not None
        return number

    def replace(self, number: int, batch: NewBatch) -> None:
        """Give `number`, which has never been sent, other content."""
        template, stored = self._packing.pack(batch.device, batch.metrics)
        self._connection.execute(
            "UPDATE batch SET time_ms = ?, readings = ?, crc = ?, metrics = ?, template = ?, boot = ? "
            "WHERE number = ?",
            (
                batch.time_ms,
                batch.readings,
                batch.crc,
                stored,
                template,
                batch.boot or None,
                number,
            ),
        )

    def read(self, row: Sequence[Any]) -> SpooledBatch | None:
        """The batch in a row of `COLUMNS`; None where it is damaged."""
        number, device, time_ms, readings, stored, priority, crc, template, boot = row
        try:
            metrics = self._packing.unpack(template, stored)
            batch = SpooledBatch(number, device, time_ms, readings, metrics, Priority(priority), boot)
            is_whole = NewBatch(device, time_ms, readings, metrics).crc == crc
        except (ValueError, TypeError):
            return None
        return batch if is_whole else None

    def delete(self, numbers: Iterable[int]) -> None:
        """Take batches away; the caller counts them."""
        self._connection.executemany("DELETE FROM batch WHERE number = ?", [(each,) for each in numbers])

    def mark_thinned(self, numbers: Iterable[int], level: int) -> None:
        """Note that thinning to `level` leaves nothing out of these."""
        self._connection.executemany(
            "UPDATE batch SET thinned = ? WHERE number = ?", [(level, each) for each in numbers]
        )
