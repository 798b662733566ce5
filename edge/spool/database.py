"""The spool's transactions: commit, acknowledge, evict, look up. Synchronous, for one thread at a time.

Every change of a batch and the totals that count it are one transaction, so that at any moment, after any
crash: depth = committed - acked - evicted.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Self

from edge.spool.batches import NewBatch, Priority, SpooledBatch
from edge.spool.figures import DAY_MS, SpoolFigures, SpoolLimits
from edge.spool.pressure import Pressure
from edge.spool.rows import COLUMNS, Rows
from edge.spool.schema import connect
from edge.spool.settling import Boot, Placement, Settling
from telemetry.sparkplug.ack import Ack

_SLICE: Final = 64
_LARGEST: Final = 2**63 - 1


class SpoolDatabase:
    """One open spool file."""

    def __init__(self, file: Path, limits: SpoolLimits, connection: sqlite3.Connection) -> None:
        self.file = file
        self._limits = limits
        self._connection = connection
        self.epoch: str = connection.execute("SELECT epoch FROM spool").fetchone()[0]
        self._page_bytes: int = connection.execute("PRAGMA page_size").fetchone()[0]
        self._rows = Rows(connection)
        self._pressure = Pressure(connection, self._rows, limits.counters, self._bytes_used)
        self._settling = Settling(connection, self._rows)

    @classmethod
    def open(cls, file: Path, limits: SpoolLimits, *, create: bool = True) -> Self:
        """The spool in `file`. Raises `SpoolDamaged`, `SpoolError` as `schema.connect`."""
        return cls(file, limits, connect(file, create=create))

    def close(self) -> None:
        """Release the file. The last one out folds the write-ahead log into it."""
        self._connection.close()

    def commit(
        self,
        batches: Sequence[NewBatch],
        acks: Sequence[Ack],
        now_ms: int,
        *,
        refused: tuple[int, int] = (0, 0),
    ) -> list[SpooledBatch]:
        """Put `batches` and apply `acks` in one durable transaction.

        `refused` counts batches and readings that were given up before they could be committed.

        Raises:
            sqlite3.Error: nothing of it happened.
        """
        with self._transaction():
            for ack in acks:
                self._acknowledge(ack, now_ms)
            committed = [self._insert(batch, now_ms) for batch in batches]
            self._connection.execute(
                "UPDATE spool SET committed_batches = committed_batches + ?, committed_readings = "
                "committed_readings + ?, refused_batches = refused_batches + ?, refused_readings = "
                "refused_readings + ?",
                (len(batches), sum(batch.readings for batch in batches), *refused),
            )
            self._pressure.relieve(self._limits.max_bytes, now_ms)
        return committed

    def _insert(self, batch: NewBatch, now_ms: int) -> SpooledBatch:
        number = self._rows.insert(batch, now_ms)
        self._pressure.came(batch.priority, batch.time_ms)
        if batch.boot:
            self._settling.note(batch, now_ms)
        # Imported history is older than what the device measures; it must not hold back live times.
        elif batch.priority is not Priority.HISTORY:
            self._connection.execute(
                "INSERT INTO device (device, last_ms) VALUES (?, ?) ON CONFLICT (device) "
                "DO UPDATE SET last_ms = excluded.last_ms WHERE excluded.last_ms > last_ms",
                (batch.device, batch.time_ms),
            )
        return SpooledBatch(
            number, batch.device, batch.time_ms, batch.readings, batch.metrics, batch.priority, batch.boot
        )

    def _acknowledge(self, ack: Ack, now_ms: int) -> None:
        if ack.epoch != self.epoch:
            return
        for first, last in ack.ranges:
            bounds = (min(first, _LARGEST), min(last, _LARGEST))
            if self._limits.keep_stored_days > 0:
                rows = self._connection.execute(
                    "UPDATE batch SET acked_ms = ? WHERE number BETWEEN ? AND ? AND acked_ms IS NULL "
                    "AND boot IS NULL RETURNING readings",
                    (now_ms, *bounds),
                ).fetchall()
            else:
                rows = self._connection.execute(
                    "DELETE FROM batch WHERE number BETWEEN ? AND ? AND acked_ms IS NULL AND boot IS NULL "
                    "RETURNING readings",
                    bounds,
                ).fetchall()
            self._connection.execute(
                "UPDATE spool SET acked_batches = acked_batches + ?, acked_readings = acked_readings + ?",
                (len(rows), sum(readings for (readings,) in rows)),
            )

    def tend(self, now_ms: int, *, clock_is_steady: bool) -> None:
        """Housekeeping, in short transactions: drop what has been kept long enough, evict what is too old.

        A clock that has just been set says nothing about age; then nothing is evicted by it.
        """
        kept_until = now_ms - int(self._limits.keep_stored_days * DAY_MS)
        waited_since = now_ms - int(self._limits.max_age_days * DAY_MS)
        with self._transaction():
            if clock_is_steady:
                self._connection.execute(
                    "DELETE FROM batch WHERE number IN (SELECT number FROM batch WHERE acked_ms IS NOT NULL "
                    "AND acked_ms < ? ORDER BY acked_ms LIMIT 2000)",
                    (kept_until,),
                )
                self._pressure.strip_before(waited_since, now_ms)
        self._connection.execute("PRAGMA incremental_vacuum(256)").fetchall()

    def waiting(
        self, limit: int, up_to: int, skip: Collection[int] = (), acks: Sequence[Ack] = ()
    ) -> list[SpooledBatch]:
        """Un-acknowledged batches numbered ≤ `up_to` but for `skip`: important first, then oldest first.

        Those whose time is not known yet are not among them, nor what `acks` name, which are to be applied.
        """
        chosen: list[int] = []
        for priority in sorted(Priority, reverse=True):
            if len(chosen) >= limit:
                break
            rows = self._connection.execute(
                "SELECT number FROM batch WHERE acked_ms IS NULL AND boot IS NULL AND priority = ? "
                "AND number <= ? ORDER BY time_ms, number",
                (int(priority), min(up_to, _LARGEST)),
            )
            left = (
                number for (number,) in rows if number not in skip and not any(number in ack for ack in acks)
            )
            chosen += islice(left, limit - len(chosen))
            rows.close()
        return self.load(chosen)

    def load(self, numbers: Sequence[int]) -> list[SpooledBatch]:
        """Un-acknowledged batches among `numbers`, in their order; one with a wrong checksum is evicted."""
        found: list[SpooledBatch] = []
        damaged: list[int] = []
        for number in numbers:
            row = self._connection.execute(
                f"SELECT {COLUMNS} FROM batch WHERE number = ? AND acked_ms IS NULL AND boot IS NULL",  # noqa: S608
                (number,),
            ).fetchone()
            if row is None:
                continue
            batch = self._rows.read(row)
            if batch is None:
                damaged.append(number)
            else:
                found.append(batch)
        if damaged:
            with self._transaction():
                self._pressure.evict(damaged)
        return found

    def boots(self) -> list[Boot]:
        """Boots whose batches wait for their time, oldest first."""
        return self._settling.boots()

    def settle(self, placement: Placement) -> bool:
        """Give some of a boot's batches their time; True while there may be more."""
        with self._transaction():
            return self._settling.settle(placement) > 0

    def every_batch(self) -> Iterator[tuple[SpooledBatch, bool]]:
        """All batches by number, waiting and kept; the flag tells whether it is acknowledged.

        Raises:
            sqlite3.Error: the file is broken from here on.
        """
        last = 0
        while rows := self._connection.execute(
            f"SELECT {COLUMNS}, acked_ms FROM batch WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608
            (last, _SLICE),
        ).fetchall():
            for *row, acked_ms in rows:
                last = row[0]
                batch = self._rows.read(row)
                if batch is not None:
                    yield batch, acked_ms is not None

    def last_times(self) -> dict[str, int]:
        """The newest time that each device's own readings have ever had."""
        return dict(self._connection.execute("SELECT device, last_ms FROM device WHERE last_ms > 0"))

    def identities(self) -> dict[str, str]:
        """What was last remembered of each device, as JSON text."""
        return dict(self._connection.execute("SELECT device, identity FROM device"))

    def remember(self, identities: dict[str, str]) -> None:
        """Keep what the births of these devices say, for the day when the configuration forgets them."""
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO device (device, identity) VALUES (?, ?) "
                "ON CONFLICT (device) DO UPDATE SET identity = excluded.identity",
                list(identities.items()),
            )

    def figures(self) -> SpoolFigures:
        """The present state."""
        row = self._connection.execute(
            "SELECT committed_batches - acked_batches - evicted_batches, "
            "committed_readings - acked_readings - evicted_readings, "
            "committed_readings, acked_readings, evicted_readings + refused_readings, thinned_readings, "
            "(SELECT count(*) FROM batch WHERE boot IS NOT NULL) FROM spool"
        ).fetchone()
        oldest = self._connection.execute(
            " UNION ALL ".join(
                "SELECT * FROM (SELECT time_ms FROM batch WHERE acked_ms IS NULL AND boot IS NULL "  # noqa: S608
                f"AND priority = {int(priority)} ORDER BY time_ms LIMIT 1)"
                for priority in Priority
            )
        ).fetchall()
        return SpoolFigures(
            epoch=self.epoch,
            depth=row[0],
            waiting_readings=row[1],
            oldest_ms=min((time_ms for (time_ms,) in oldest), default=None),
            committed=row[2],
            acked=row[3],
            dropped=row[4],
            thinned=row[5],
            unsettled=row[6],
            bytes_used=self._bytes_used(),
            newest=self.newest(),
        )

    def kept(self) -> int:
        """Number of acknowledged batches that are still readable."""
        row = self._connection.execute("SELECT count(*) FROM batch WHERE acked_ms IS NOT NULL").fetchone()
        return int(row[0])

    def newest(self) -> int:
        """The highest number given out so far."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchone()
        return int(row[0]) if row else 0

    def make_room(self, wanted_bytes: int) -> None:
        """Give room back to the disk: fold the log, and give up batches that the cloud has stored.

        Raises:
            sqlite3.Error: the disk does not even take that now.
        """
        self._fold_log()
        before = self._bytes_used()
        more = True
        while more and before - self._bytes_used() < wanted_bytes:
            with self._transaction():
                more = self._pressure.drop_kept() > 0
        self._connection.execute(f"PRAGMA incremental_vacuum({wanted_bytes // self._page_bytes})").fetchall()
        self._fold_log()

    def _fold_log(self) -> None:
        """Fold the write-ahead log into the file and give its room back to the disk."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _bytes_used(self) -> int:
        pages: int = self._connection.execute("PRAGMA page_count").fetchone()[0]
        free: int = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
        return (pages - free) * self._page_bytes

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._rows.forget()
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise
