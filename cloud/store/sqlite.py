"""The embedded store: one SQLite file in WAL mode, one row a scan.

The newest value of each field is kept in the device's row within the same transaction, so that boards need
no search. `synchronous=FULL`: a write that has returned survives a power cut. One process writes at a time,
others wait; readers never wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from cloud.store.aggregation import aggregate_samples
from cloud.store.checks import split
from cloud.store.port import Aggregate, Rejected, Row, Sample, Scan
from cloud.store.retention import Retention
from cloud.store.sqlite_file import SqliteFile
from cloud.store.sqlite_retention import read_retention, set_retention
from cloud.store.sqlite_rollups import SqliteRollups
from cloud.store.sqlite_rows import NAMED, newest_samples, one_field
from cloud.store.sqlite_writer import SqliteWriter

_DEVICES_A_QUERY: Final = 500


class SqliteStore:
    """`cloud.store.port.Store` in one file, with roll-ups. Several processes may open it."""

    def __init__(self, file: Path) -> None:
        """Open `file`, and make it where it does not exist.

        Raises:
            SettingsError: its folder cannot be made, or it is no store of a layout that we know.
            StoreUnavailable: it is locked or cannot be read now.
        """
        self.file = SqliteFile(file)
        self._writer = SqliteWriter(self.file)
        self._write_lock = threading.Lock()
        self.rollups = SqliteRollups(self.file)

    def write(self, scans: Sequence[Scan | Row]) -> Sequence[Rejected]:
        """Store `scans` in one transaction; see the port."""
        good, rejected = split(scans)
        if good:
            with self._write_lock, self.file.mapped_errors():
                rejected += self._writer.write(good)
        return rejected

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, dict[str, Sample]]:
        """Newest sample of every field; see the port."""
        query = "SELECT name, newest FROM device"
        if devices is None:
            rows = self.file.rows(query)
        else:
            rows = [
                row
                for part in _parts(devices)
                for row in self.file.rows(f"{query} WHERE name IN ({_marks(part)})", part)
            ]
        return {name: newest_samples(newest) for name, newest in rows}

    def series(
        self,
        device: str,
        field: str,
        start_ms: int,
        end_ms: int,
        *,
        every_ms: int | None = None,
        aggregate: Aggregate = Aggregate.MEAN,
        limit: int = 100_000,
    ) -> list[Sample]:
        """Samples of one field in a time range; see the port."""
        query = (
            "SELECT time_ms, shape, vals, marks FROM scan "
            "WHERE device = (SELECT id FROM device WHERE name = ?) AND time_ms >= ? AND time_ms < ? "
            "ORDER BY time_ms"
        )
        with self.file.snapshot() as (reader, shapes):
            samples = one_field(reader.execute(query, (device, start_ms, end_ms)), field, shapes)
            if every_ms is None:
                return list(islice(samples, limit))
            return aggregate_samples(samples, every_ms, aggregate)[:limit]

    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """Number of stored values; see the port."""
        if devices is None:
            return self._count(start_ms, end_ms, "1", ())
        return sum(
            self._count(start_ms, end_ms, f"name IN ({_marks(part)})", part)
            for part in _parts(sorted(set(devices)))
        )

    def ping(self) -> None:
        """Return if the file can be read; see the port."""
        self.file.rows("SELECT 1 FROM device LIMIT 1")

    def retention(self) -> Retention:
        """How long the store keeps things."""
        with self.file.reading() as reader:
            return read_retention(reader)

    def set_retention(self, retention: Retention) -> None:
        """Keep things so long; what is older goes at the next round, and is refused from now on."""
        with self._write_lock, self.file.mapped_errors(), self.file.transaction() as writer:
            set_retention(writer, retention)

    def close(self) -> None:
        """Close all connections; waits for reads and writes that are under way."""
        with self._write_lock:
            self.file.close()

    def _count(self, start_ms: int, end_ms: int, condition: str, values: Sequence[str]) -> int:
        # CROSS JOIN keeps the order: each device is then a search in the primary key, not a scan of the table
        rows = (
            "FROM device CROSS JOIN scan ON scan.device = device.id "
            f"WHERE {condition} AND time_ms >= ? AND time_ms < ?"
        )
        with self.file.snapshot() as (reader, shapes):
            by_shape = reader.execute(
                f"SELECT shape, count(*) {rows} GROUP BY shape", (*values, start_ms, end_ms)
            ).fetchall()
            total = sum(number * len(shapes[shape]) for shape, number in by_shape if shape != NAMED)
            if any(shape == NAMED for shape, _ in by_shape):
                query = f"SELECT (SELECT count(*) FROM json_each(vals)) {rows} AND shape = {NAMED}"  # noqa: S608
                total += sum(row[0] for row in reader.execute(query, (*values, start_ms, end_ms)))
            return int(total)


def _parts(devices: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(devices), _DEVICES_A_QUERY):
        yield devices[first : first + _DEVICES_A_QUERY]


def _marks(part: Sequence[str]) -> str:
    return ",".join("?" * len(part))
