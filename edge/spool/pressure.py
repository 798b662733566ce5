"""What is given up, and in which order, when a spool is short of room. Inside the caller's transaction.

1. acknowledged batches that are merely kept: no loss;
2. everything older than an hour is thinned to the extremes of quarters of an hour, the oldest first;
3. from the oldest on, everything but counters and changes of states.

Command results, changes of alarms, counters and states are never given up. Whatever is left out is counted.
A thinned batch gets a new number: what may already have been sent under the old one is never changed.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from edge.spool.batches import NewBatch, Priority, SpooledBatch, decode_readings, encode_batch
from edge.spool.rows import COLUMNS, Rows
from edge.spool.thinning import COARSE_MS, FINE_MS, strip, thin
from telemetry.errors import CodecError
from telemetry.readings import Batch, Reading

FINE: Final = 1
COARSE: Final = 2
_FRESH_MS: Final = 3_600_000
"""What is younger than this stays as it was measured for as long as there is anything else to give up."""
_STEP: Final = 512
"""Batches thinned at a time."""
_KEPT_STEP: Final = 8
_MOST_READINGS: Final = 500
_SPARED: Final = int(Priority.IMPORTANT)
_WIDTH_MS: Final = {FINE: FINE_MS, COARSE: COARSE_MS}
_Chooser = Callable[[Iterable[Reading]], list[Reading]]


class Pressure:
    """Makes room in one open spool file."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        rows: Rows,
        counters: frozenset[str],
        bytes_used: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._rows = rows
        self._bytes_used = bytes_used
        self._choosers: dict[int, _Chooser] = {
            FINE: lambda readings: thin(readings, counters),
            COARSE: lambda readings: strip(readings, counters),
        }
        self._done_to_ms: dict[tuple[int, int], int] = {}

    def came(self, priority: Priority, time_ms: int) -> None:
        """A batch of that time came in: where it is an old one, thinning begins there again."""
        for key, done_to_ms in self._done_to_ms.items():
            if key[1] == priority and time_ms < done_to_ms:
                self._done_to_ms[key] = time_ms

    def relieve(self, max_bytes: int, now_ms: int) -> None:
        """Give up until the pages in use fit, or only what is never given up is left."""
        while self._bytes_used() > max_bytes:
            if not (
                self.drop_kept()
                or self._lessen_unsettled(FINE, now_ms)
                or self._lessen(FINE, self._newest_ms() - _FRESH_MS, now_ms)
                or self._lessen_unsettled(COARSE, now_ms)
                or self._lessen(COARSE, None, now_ms)
            ):
                return

    def drop_kept(self) -> int:
        """Delete some acknowledged batches; returns how many."""
        return self._connection.execute(
            "DELETE FROM batch WHERE number IN "
            "(SELECT number FROM batch WHERE acked_ms IS NOT NULL ORDER BY acked_ms LIMIT ?)",
            (_KEPT_STEP,),
        ).rowcount

    def strip_before(self, before_ms: int, now_ms: int) -> None:
        """Give up what has waited since before `before_ms`, but for what is never given up; some of it."""
        for priority in range(_SPARED):
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM batch WHERE acked_ms IS NULL AND boot IS NULL AND priority = ? "  # noqa: S608
                "AND time_ms < ? AND committed_ms < ? AND thinned < ? ORDER BY time_ms LIMIT ?",
                (priority, before_ms, before_ms, COARSE, 4 * _STEP),
            ).fetchall()
            self._rewrite(rows, COARSE, now_ms)

    def evict(self, numbers: Sequence[int]) -> None:
        """Delete damaged batches, and count them."""
        found = [
            row[0]
            for number in numbers
            for row in self._connection.execute("SELECT readings FROM batch WHERE number = ?", (number,))
        ]
        self._rows.delete(numbers)
        self._count(len(found), sum(found), 0)

    def _newest_ms(self) -> int:
        row = self._connection.execute(
            "SELECT max(time_ms) FROM batch WHERE acked_ms IS NULL AND boot IS NULL AND priority = ?",
            (int(Priority.ORDINARY),),
        ).fetchone()
        return int(row[0] or 0)

    def _lessen(self, level: int, before_ms: int | None, now_ms: int) -> bool:
        """Thin the oldest window that is not thinned to `level` yet; False where there is none."""
        for priority in range(_SPARED):
            # History may be imported by another process at any time: how far we are is known of live only.
            done_to_ms = 0 if priority == Priority.HISTORY else self._done_to_ms.get((level, priority), 0)
            if self._lessen_from(done_to_ms, level, priority, before_ms, now_ms):
                return True
        return False

    def _lessen_from(
        self, start_ms: int, level: int, priority: int, before_ms: int | None, now_ms: int
    ) -> bool:
        chosen = (
            "FROM batch WHERE acked_ms IS NULL AND boot IS NULL AND priority = ? AND thinned < ? "
            "AND time_ms BETWEEN ? AND ? ORDER BY time_ms LIMIT ?"
        )
        latest_ms = 2**62 if before_ms is None else before_ms
        first = self._connection.execute(
            f"SELECT time_ms {chosen}",
            (priority, level, start_ms, latest_ms, 1),
        ).fetchone()
        if first is None:
            return False
        width_ms = _WIDTH_MS[level]
        end_ms = min(latest_ms, first[0] // width_ms * width_ms + width_ms - 1)
        rows = self._connection.execute(
            f"SELECT {COLUMNS} {chosen}",
            (priority, level, first[0], end_ms, _STEP),
        ).fetchall()
        self._rewrite(rows, level, now_ms)
        self._done_to_ms[level, priority] = int(first[0])
        return True

    def _lessen_unsettled(self, level: int, now_ms: int) -> bool:
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM batch WHERE boot IS NOT NULL AND priority < ? AND thinned < ? "  # noqa: S608
            "ORDER BY number LIMIT ?",
            (_SPARED, level, _STEP),
        ).fetchall()
        self._rewrite(rows, level, now_ms)
        return bool(rows)

    def _rewrite(self, rows: Sequence[Sequence[Any]], level: int, now_ms: int) -> None:
        groups: defaultdict[tuple[str, str, Priority], list[SpooledBatch]] = defaultdict(list)
        damaged: list[int] = []
        for row in rows:
            batch = self._rows.read(row)
            if batch is None:
                damaged.append(row[0])
            else:
                groups[batch.device, batch.boot, batch.priority].append(batch)
        for (device, boot, priority), batches in groups.items():
            try:
                readings = [
                    reading for batch in batches for reading in decode_readings(device, batch.metrics)
                ]
            except CodecError:
                damaged += [batch.number for batch in batches]
                continue
            self._replace(batches, readings, NewBatch(device, 0, 0, b"", priority, boot), level, now_ms)
        if damaged:
            self.evict(damaged)

    def _replace(
        self,
        batches: list[SpooledBatch],
        readings: list[Reading],
        like: NewBatch,
        level: int,
        now_ms: int,
    ) -> None:
        kept = self._choosers[level](readings)
        numbers = [batch.number for batch in batches]
        if len(kept) == len(readings):
            self._rows.mark_thinned(numbers, level)
            return
        parts = [kept[at : at + _MOST_READINGS] for at in range(0, len(kept), _MOST_READINGS)]
        for part in parts:
            batch = encode_batch(Batch(like.device, tuple(part)), like.priority, boot=like.boot)
            self._rows.insert(batch, now_ms, thinned=level)
        self._rows.delete(numbers)
        before = sum(batch.readings for batch in batches)
        left_out = before - len(kept)
        self._count(len(numbers) - len(parts), left_out, left_out if kept else 0)

    def _count(self, batches: int, readings: int, thinned: int) -> None:
        self._connection.execute(
            "UPDATE spool SET evicted_batches = evicted_batches + ?, "
            "evicted_readings = evicted_readings + ?, thinned_readings = thinned_readings + ?",
            (batches, readings, thinned),
        )
