"""The file of the embedded store: its layout, its connections, and its transactions.

One row is one scan of one device, its values packed as JSON. Narrow rows, one a value, cost a page of the
tree for each value written: measured, 3 times the space and a tenth of the speed (docs/storage.md).
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from cloud.errors import SettingsError
from cloud.store.port import StoreUnavailable
from telemetry.sqlite import switch_to_wal

LAYOUT: Final = 2
BUSY_TIMEOUT_S: Final = 30.0
READERS: Final = 4
CHECKPOINT_PAGES: Final = 20_000

# scan.vals: JSON array in the order of the shape's fields, or, with shape 0, an object by field.
# scan.marks: JSON object of field → quality code, of the fields that are not good; NULL where all are.
# device.newest: JSON object of field → [time_ms, value] or [time_ms, value, quality code].
# rollup.fields: JSON object of field → [values, numbers, total, minimum, maximum, first, last].
_SCHEMA: Final = """
CREATE TABLE device (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, class TEXT NOT NULL, area TEXT NOT NULL,
    gateway TEXT NOT NULL, newest_ms INTEGER NOT NULL, newest TEXT NOT NULL
) STRICT;
CREATE TABLE shape (id INTEGER PRIMARY KEY, fields TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE scan (
    device INTEGER NOT NULL, time_ms INTEGER NOT NULL, shape INTEGER NOT NULL, vals TEXT NOT NULL,
    marks TEXT, PRIMARY KEY (device, time_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup (
    tier TEXT NOT NULL, device INTEGER NOT NULL, begin_ms INTEGER NOT NULL, fields TEXT NOT NULL,
    PRIMARY KEY (tier, device, begin_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID"""


class SqliteFile:
    """Connections to one store file: one that writes, a few that read. Thread-safe but for the writer."""

    def __init__(self, file: Path) -> None:
        """Open `file`, and make it where it does not exist.

        Raises:
            SettingsError: its folder cannot be made, or it is no store of a layout that we know.
            StoreUnavailable: it is locked or cannot be read now.
        """
        self.path = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"store: folder {file.parent} cannot be made: {error.strerror}. "
                "Give kega the right to write there"
            ) from error
        self._shapes: dict[int, tuple[str, ...]] = {}
        with self.mapped_errors():
            self.writer = self.connect()
            self._prepare()
        self._readers: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        for _ in range(READERS):
            self._readers.put(None)

    def connect(self) -> sqlite3.Connection:
        """A new connection with the settings that every one needs."""
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            # only an empty file takes this: pages that retention frees can then be given back in slices
            with contextlib.suppress(sqlite3.OperationalError):  # another process makes the file just now
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        switch_to_wal(connection, within_s=BUSY_TIMEOUT_S)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute("PRAGMA cache_size = -65536")
        return connection

    def close(self) -> None:
        """Close all connections; waits for reads that are under way."""
        for _ in range(READERS):
            reader = self._readers.get()
            if reader is not None:
                reader.close()
        self.writer.close()

    @contextlib.contextmanager
    def transaction(self, connection: sqlite3.Connection | None = None) -> Iterator[sqlite3.Connection]:
        """One transaction that writes, on the writer or on `connection`."""
        writer = connection or self.writer
        writer.execute("BEGIN IMMEDIATE")
        try:
            yield writer
            writer.execute("COMMIT")
        except BaseException:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that only reads. Raises StoreUnavailable."""
        reader = self._readers.get()
        try:
            with self.mapped_errors():
                if reader is None:
                    reader = self.connect()
                    reader.execute("PRAGMA query_only = 1")
                yield reader
        finally:
            self._readers.put(reader)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[tuple[sqlite3.Connection, Mapping[int, tuple[str, ...]]]]:
        """A connection that sees one moment, and the shapes of that moment. Raises StoreUnavailable."""
        with self.reading() as reader:
            reader.execute("BEGIN")
            try:
                yield reader, self.shapes(reader)
            finally:
                reader.execute("COMMIT")

    def shapes(self, connection: sqlite3.Connection) -> Mapping[int, tuple[str, ...]]:
        """Fields by shape: all that `connection` sees, and perhaps newer ones. Shapes never change."""
        newest = max(self._shapes, default=0)
        for shape, fields in connection.execute("SELECT id, fields FROM shape WHERE id > ?", (newest,)):
            self._shapes[shape] = tuple(orjson.loads(fields))
        return self._shapes

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query. Raises StoreUnavailable."""
        with self.reading() as reader:
            return reader.execute(query, values).fetchall()

    @contextlib.contextmanager
    def mapped_errors(self) -> Iterator[None]:
        """SQLite's errors as StoreUnavailable."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailable(f"store {self.path}: {error}") from error

    def _prepare(self) -> None:
        with self.transaction() as writer:
            layout = writer.execute("PRAGMA user_version").fetchone()[0]
            if layout == 0:
                for statement in _SCHEMA.split(";"):
                    writer.execute(statement)
                writer.execute(f"PRAGMA user_version = {LAYOUT}")
            elif layout != LAYOUT:
                raise SettingsError(
                    f"store {self.path} has layout {layout}, this kega knows {LAYOUT}: "
                    "start the kega that made it, or name another file"
                )
