"""The embedded store: one SQLite file in WAL mode, narrow rows, upserts.

A row is (series, time, value, quality); a series is one field of one device. The newest row of each series
is kept in `latest` within the same transaction, so that boards need no search. `synchronous=FULL`: a write
that has returned survives a power cut. One process writes at a time, others wait; readers never wait.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias

from cloud.errors import SettingsError
from cloud.store.checks import quality_of, split
from cloud.store.port import Aggregate, Rejected, Row, Sample, Scan, StoreUnavailable
from telemetry.readings import Quality, Value

_SCHEMA_VERSION: Final = 1
# value has no type: what is written as integer, real or text is read back as such
_SCHEMA: Final = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, field TEXT NOT NULL, UNIQUE (device, field)
) STRICT;
CREATE TABLE place (
    device TEXT PRIMARY KEY, class TEXT NOT NULL, area TEXT NOT NULL, gateway TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE sample (
    series INTEGER NOT NULL, time_ms INTEGER NOT NULL, value, quality INTEGER NOT NULL,
    boolean INTEGER NOT NULL, PRIMARY KEY (series, time_ms)
) WITHOUT ROWID;
CREATE TABLE latest (
    series INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, value, quality INTEGER NOT NULL,
    boolean INTEGER NOT NULL
)"""
_UPSERT: Final = (
    "INSERT INTO sample (series, time_ms, value, quality, boolean) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (series, time_ms) DO UPDATE "
    "SET value = excluded.value, quality = excluded.quality, boolean = excluded.boolean"
)
_UPSERT_LATEST: Final = (
    "INSERT INTO latest (series, time_ms, value, quality, boolean) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (series) DO UPDATE SET time_ms = excluded.time_ms, value = excluded.value, "
    "quality = excluded.quality, boolean = excluded.boolean WHERE excluded.time_ms >= latest.time_ms"
)
_UPSERT_PLACE: Final = (
    "INSERT INTO place (device, class, area, gateway) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (device) DO UPDATE "
    "SET class = excluded.class, area = excluded.area, gateway = excluded.gateway"
)
_AGGREGATE: Final = {
    Aggregate.MEAN: "avg(value), 0",
    Aggregate.SUM: "total(value), 0",
    Aggregate.COUNT: "count(value), 0",
    # min() and max() alone make SQLite take the other columns from the same row
    Aggregate.MIN: "min(value), boolean",
    Aggregate.MAX: "max(value), boolean",
    Aggregate.FIRST: "value, boolean, min(time_ms)",
    Aggregate.LAST: "value, boolean, max(time_ms)",
}
_NUMERIC: Final = frozenset({Aggregate.MEAN, Aggregate.SUM, Aggregate.MIN, Aggregate.MAX})

_BUSY_TIMEOUT_S: Final = 30.0
_READERS: Final = 4
_DEVICES_A_QUERY: Final = 500

_Row: TypeAlias = tuple[int, int, Value, int, bool]


class SqliteStore:
    """`cloud.store.port.Store` in one file. Several processes may open it."""

    def __init__(self, file: Path) -> None:
        """Open `file`, and make it where it does not exist.

        Raises:
            SettingsError: its folder cannot be made, or it is no store of a version that we know.
            StoreUnavailable: it is locked or cannot be read now.
        """
        self._file = file
        self._write_lock = threading.Lock()
        self._ids: dict[tuple[str, str], int] = {}
        self._places: dict[str, tuple[str, str, str]] = {}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"store: folder {file.parent} cannot be made: {error.strerror}. "
                "Give kega the right to write there"
            ) from error
        with self._mapped_errors():
            self._writer = self._connect()
            self._prepare()
        self._readers: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        for _ in range(_READERS):
            self._readers.put(None)

    def write(self, scans: Sequence[Scan | Row]) -> Sequence[Rejected]:
        """Store `scans` in one transaction; see the port."""
        good, rejected = split(scans)
        if good:
            with self._write_lock, self._mapped_errors():
                self._write([scan.scan() if isinstance(scan, Row) else scan for scan in good])
        return rejected

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, dict[str, Sample]]:
        """Newest sample of every field; see the port."""
        query = (
            "SELECT device, field, time_ms, value, quality, boolean "
            "FROM latest JOIN series ON series.id = latest.series"
        )
        if devices is None:
            rows = self._rows(query)
        else:
            rows = [row for part in _parts(devices) for row in self._rows(f"{query} WHERE {_in(part)}", part)]
        found: dict[str, dict[str, Sample]] = {}
        for device, field, *columns in rows:
            found.setdefault(device, {})[field] = _sample(*columns)
        return found

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
        where = (
            "FROM sample WHERE series = (SELECT id FROM series WHERE device = ? AND field = ?) "
            "AND time_ms >= ? AND time_ms < ?"
        )
        key = (device, field, start_ms, end_ms)
        if every_ms is None:
            query = f"SELECT time_ms, value, quality, boolean {where} ORDER BY time_ms LIMIT ?"
            rows = self._rows(query, (*key, limit))
            return [_sample(*row) for row in rows]
        numbers = " AND typeof(value) <> 'text'" if aggregate in _NUMERIC else ""
        query = (
            f"SELECT time_ms - time_ms % ? AS begin, {_AGGREGATE[aggregate]} {where} "
            f"AND quality = {Quality.GOOD.value} AND value IS NOT NULL{numbers} "
            "GROUP BY begin ORDER BY begin LIMIT ?"
        )
        rows = self._rows(query, (every_ms, *key, limit))
        return [_sample(begin, value, Quality.GOOD, boolean) for begin, value, boolean, *_ in rows]

    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """Number of stored values; see the port."""
        # CROSS JOIN keeps the order: each series is then a search in the primary key, not a scan of the table
        query = (
            "SELECT count(*) FROM series CROSS JOIN sample ON sample.series = series.id "
            "WHERE time_ms >= ? AND time_ms < ?"
        )
        if devices is None:
            return int(self._rows(query, (start_ms, end_ms))[0][0])
        return sum(
            int(self._rows(f"{query} AND {_in(part)}", (start_ms, end_ms, *part))[0][0])
            for part in _parts(sorted(set(devices)))
        )

    def ping(self) -> None:
        """Return if the file can be read; see the port."""
        self._rows("SELECT 1 FROM series LIMIT 1")

    def close(self) -> None:
        """Close all connections; waits for reads and writes that are under way."""
        for _ in range(_READERS):
            reader = self._readers.get()
            if reader is not None:
                reader.close()
        with self._write_lock:
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._file, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 20000")
        connection.execute("PRAGMA cache_size = -65536")
        return connection

    def _prepare(self) -> None:
        with self._transaction():
            version = self._writer.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._writer.execute(statement)
                self._writer.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            elif version != _SCHEMA_VERSION:
                raise SettingsError(
                    f"store {self._file} has layout {version}, this kega knows {_SCHEMA_VERSION}: "
                    "start the kega that made it, or name another file"
                )

    def _write(self, scans: Sequence[Scan]) -> None:
        ids: dict[tuple[str, str], int] = {}
        places: dict[str, tuple[str, str, str]] = {}
        rows: list[_Row] = []
        with self._transaction():
            for scan in scans:
                place = (scan.device_class, scan.area, scan.gateway)
                if self._places.get(scan.device) != place:
                    places[scan.device] = place
                for field, value in scan.fields.items():
                    key = (scan.device, field)
                    series = self._ids.get(key) or ids.get(key)
                    if series is None:
                        series = ids[key] = self._series_id(key)
                    quality = int(quality_of(scan, field))
                    rows.append((series, scan.time_ms, value, quality, isinstance(value, bool)))
            rows.sort(key=itemgetter(0, 1))
            self._writer.executemany(_UPSERT, rows)
            self._writer.executemany(_UPSERT_LATEST, {row[0]: row for row in rows}.values())
            self._writer.executemany(_UPSERT_PLACE, [(device, *place) for device, place in places.items()])
        self._ids.update(ids)
        self._places.update(places)

    def _series_id(self, key: tuple[str, str]) -> int:
        self._writer.execute("INSERT OR IGNORE INTO series (device, field) VALUES (?, ?)", key)
        row = self._writer.execute("SELECT id FROM series WHERE device = ? AND field = ?", key).fetchone()
        return int(row[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        reader = self._readers.get()
        try:
            with self._mapped_errors():
                if reader is None:
                    reader = self._connect()
                    reader.execute("PRAGMA query_only = 1")
                return reader.execute(query, values).fetchall()
        finally:
            self._readers.put(reader)

    @contextlib.contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailable(f"store {self._file}: {error}") from error


def _parts(devices: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(devices), _DEVICES_A_QUERY):
        yield devices[first : first + _DEVICES_A_QUERY]


def _in(part: Sequence[str]) -> str:
    return f"device IN ({','.join('?' * len(part))})"


def _sample(time_ms: int, value: Value, quality: int, boolean: int) -> Sample:
    return Sample(time_ms, bool(value) if boolean else value, Quality(quality))
