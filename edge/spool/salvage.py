"""Saving what can still be read of a spool file that SQLite calls broken."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from edge.spool.batches import NewBatch, decode_readings
from edge.spool.rows import COLUMNS, FORMAT_1_COLUMNS, Rows
from telemetry.errors import CodecError

_SLICE: Final = 100


def set_aside(file: Path, now_ms: int) -> Path:
    """Rename the broken `file`, with its log, and return the new name. Only the newest such copy is kept."""
    for old in file.parent.glob(f"{file.name}.damaged-*"):
        old.unlink(missing_ok=True)
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = file.with_name(f"{file.name}.damaged-{stamp}")
    # The log first: a fresh database must never meet the old one's log.
    for suffix in ("-wal", "-shm", ""):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    return aside


class Salvage:
    """The rescue of one broken file, slice by slice.

    Reads from the first row on to the first broken page, then from the last row back to the last broken one.
    Batches keep their values and times and get new numbers; a batch that the cloud already has is written
    there a second time with the same content.
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, timeout=5, isolation_level=None, check_same_thread=False)
        self._rows = _readable(self._connection, Rows(self._connection))
        self._slice: list[NewBatch] = []
        self.saved_readings = 0
        self.dropped_before = 0
        """Readings that the broken spool had counted as dropped."""
        self._expected_readings = 0
        with contextlib.suppress(sqlite3.Error):
            self.dropped_before, self._expected_readings = self._connection.execute(
                "SELECT evicted_readings + refused_readings, "
                "committed_readings - acked_readings - evicted_readings FROM spool"
            ).fetchone() or (0, 0)

    def next_slice(self) -> list[NewBatch]:
        """Batches to commit next; the same ones until `saved` is called; empty at the end."""
        if not self._slice:
            self._slice = list(islice(self._rows, _SLICE))
        return self._slice

    def saved(self, batches: list[NewBatch]) -> None:
        """`batches`, the last slice, are in the new spool."""
        self.saved_readings += sum(batch.readings for batch in batches)
        self._slice = []

    @property
    def lost_readings(self) -> int:
        """Readings that waited in the broken spool and are not saved, as far as its totals could be read."""
        return max(0, self._expected_readings - self.saved_readings)

    def close(self) -> None:
        """Let go of the broken file."""
        self._connection.close()


def _readable(connection: sqlite3.Connection, rows: Rows) -> Iterator[NewBatch]:
    seen = 0
    for forward in (True, False):
        for number, batch in _walk(connection, rows, forward=forward):
            if not forward and number <= seen:
                return
            seen = number if forward else seen
            if batch is not None:
                yield batch


def _walk(
    connection: sqlite3.Connection, rows: Rows, *, forward: bool
) -> Iterator[tuple[int, NewBatch | None]]:
    columns = COLUMNS
    with contextlib.suppress(sqlite3.Error):
        if connection.execute("PRAGMA user_version").fetchone()[0] == 1:
            columns = FORMAT_1_COLUMNS
    sign, order, at = (">", "ASC", 0) if forward else ("<", "DESC", 2**63 - 1)
    query = (
        f"SELECT {columns} FROM batch NOT INDEXED "  # noqa: S608
        f"WHERE number {sign} ? AND acked_ms IS NULL ORDER BY number {order} LIMIT 1"
    )
    while True:
        try:
            row = connection.execute(query, (at,)).fetchone()
        except sqlite3.Error:
            return
        if row is None:
            return
        at = row[0]
        yield at, _checked(rows, row)


def _checked(rows: Rows, row: Sequence[Any]) -> NewBatch | None:
    try:
        batch = rows.read(row)
        if batch is None or len(decode_readings(batch.device, batch.metrics)) != batch.readings:
            return None
        new = NewBatch(batch.device, batch.time_ms, batch.readings, batch.metrics, batch.priority, batch.boot)
        hash((new.device, new.time_ms, new.boot))
    except (sqlite3.Error, TypeError, ValueError, CodecError):
        return None
    return new
