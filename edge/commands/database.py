"""The journal's file: tables, opening, transactions, and what happens when it is broken."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edge.commands.errors import JournalError
from edge.spool.salvage import set_aside
from edge.spool.schema import is_damage
from telemetry.clock import Clock

_LOG: Final = logging.getLogger("edge.commands")
_COMMAND: Final = """
CREATE TABLE command (
    id TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    metric TEXT NOT NULL,
    value TEXT NOT NULL,
    issuer TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    status INTEGER NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    write_began INTEGER NOT NULL DEFAULT 0,
    reported INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""
_STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (_COMMAND,),
    (
        "ALTER TABLE command ADD COLUMN boot TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE command ADD COLUMN due_s REAL NOT NULL DEFAULT 0",
        "ALTER TABLE command ADD COLUMN revert_after_s REAL",
        # `scope` is a metric, or `program` where a lamp goes back to its program
        """
        CREATE TABLE revert (
            id TEXT PRIMARY KEY,
            device TEXT NOT NULL,
            metric TEXT NOT NULL,
            scope TEXT NOT NULL,
            value TEXT NOT NULL,
            held TEXT NOT NULL,
            after_s REAL NOT NULL,
            boot TEXT NOT NULL,
            due_s REAL NOT NULL,
            due_ms INTEGER,
            armed_ms INTEGER NOT NULL,
            status INTEGER NOT NULL,
            error TEXT NOT NULL DEFAULT '',
            reported INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE actuation (
            device TEXT NOT NULL,
            metric TEXT NOT NULL,
            boot TEXT NOT NULL,
            at_s REAL NOT NULL,
            at_ms INTEGER,
            PRIMARY KEY (device, metric)
        ) WITHOUT ROWID
        """,
    ),
)
"""What brings a file from one format to the next; a file's format is its `user_version`."""


class Database:
    """SQLite, WAL, `synchronous=FULL`: a call returns after it is on disk. One thread at a time.

    The file is opened by the first call and, where that fails, by the next one; a broken file is set aside,
    reported, and begun anew.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        # A cancelled task leaves its thread behind in the middle of a call.
        self._turn = threading.Lock()

    def close(self) -> None:
        """Release the file; a later call opens it again."""
        with self._turn:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, statement: str, *arguments: Any) -> list[sqlite3.Row]:
        """What a question finds. Raises `JournalError`."""
        with self._turn:
            try:
                return self._opened().execute(statement, arguments).fetchall()
            except (sqlite3.Error, OSError) as error:
                raise self._failed(error) from error

    def commit(self, *statements: tuple[str, Sequence[Any]]) -> None:
        """All statements or none, on disk when this returns. Raises `JournalError`."""
        with self._turn:
            try:
                self._commit(self._opened(), statements)
            except (sqlite3.Error, OSError) as error:
                raise self._failed(error) from error

    def _commit(
        self, connection: sqlite3.Connection, statements: Sequence[tuple[str, Sequence[Any]]]
    ) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, arguments in statements:
                connection.execute(statement, arguments)
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _failed(self, error: sqlite3.Error | OSError) -> JournalError:
        if isinstance(error, sqlite3.Error) and is_damage(error):
            self._close()
            set_aside(self._file, self._clock.now_ms())
        return JournalError(f"{self._file}: {error}. Check the disk's free room and rights")

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._file)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            aside = set_aside(self._file, self._clock.now_ms())
            _LOG.error("journal-damaged", extra={"file": self._file, "cause": error, "set_aside": aside.name})
            return _connect(self._file)


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -256")
        _upgrade(connection, file)
    except (sqlite3.Error, JournalError):
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def _upgrade(connection: sqlite3.Connection, file: Path) -> None:
    """Bring the file to today's format, in one transaction."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_STEPS):
        raise JournalError(f"{file} was written by a newer version of kega (format {version}): upgrade kega")
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'command'").fetchone():
        version = 1  # the first release did not number its format
    if version < len(_STEPS):
        connection.execute("BEGIN IMMEDIATE")
        for step in _STEPS[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(_STEPS)}")
        connection.execute("COMMIT")
