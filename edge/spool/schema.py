"""The spool's file: tables, settings, opening, and what SQLite's error codes mean for it."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from typing import Final

from edge.spool.errors import SpoolDamaged, SpoolError
from telemetry.sqlite import switch_to_wal

SPOOL_FILE: Final = "spool.db"
VERSION: Final = 2
_BUSY_TIMEOUT_S: Final = 5.0
_PAGE_BYTES: Final = 2048
"""Half of SQLite's usual: a commit touches five pages, and each is written twice."""
_FOLD_AT_BYTES: Final = 2_000_000

# `number` is AUTOINCREMENT: SQLite then never gives out a number twice, whatever was deleted.
# Depth = committed - acked - evicted; the totals move in the transaction that moves the batches.
_TABLES: Final = """
CREATE TABLE spool (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,
    committed_batches INTEGER NOT NULL DEFAULT 0, committed_readings INTEGER NOT NULL DEFAULT 0,
    acked_batches INTEGER NOT NULL DEFAULT 0, acked_readings INTEGER NOT NULL DEFAULT 0,
    evicted_batches INTEGER NOT NULL DEFAULT 0, evicted_readings INTEGER NOT NULL DEFAULT 0,
    refused_batches INTEGER NOT NULL DEFAULT 0, refused_readings INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE batch (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    committed_ms INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    acked_ms INTEGER,
    metrics BLOB NOT NULL
);
CREATE INDEX kept ON batch (acked_ms) WHERE acked_ms IS NOT NULL;
CREATE TABLE device (
    device TEXT PRIMARY KEY,
    last_ms INTEGER NOT NULL DEFAULT 0,
    identity TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
"""

# `boot`: the times are milliseconds since the start of that boot, until somebody tells what UTC was then.
# `template`: how the metrics are deflated, see `edge.spool.packing`; NULL: not at all.
# `thinned`: 0 as measured, 1 a quarter of an hour's extremes, 2 only what is never given up.
_FORMAT_2: Final = """
ALTER TABLE batch ADD COLUMN boot TEXT;
ALTER TABLE batch ADD COLUMN template INTEGER;
ALTER TABLE batch ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spool ADD COLUMN thinned_readings INTEGER NOT NULL DEFAULT 0;
DROP INDEX IF EXISTS waiting;
CREATE INDEX waiting ON batch (priority, time_ms, thinned) WHERE acked_ms IS NULL AND boot IS NULL;
CREATE INDEX unsettled ON batch (boot, number) WHERE boot IS NOT NULL;
CREATE TABLE boot (
    id INTEGER PRIMARY KEY,
    boot TEXT NOT NULL UNIQUE,
    not_before_ms INTEGER NOT NULL,
    ran_ms INTEGER NOT NULL
);
CREATE TABLE template (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    crc INTEGER NOT NULL,
    metrics BLOB NOT NULL
);
CREATE INDEX template_device ON template (device, id);
CREATE TABLE template_copy (id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, metrics BLOB NOT NULL);
"""


def connect(file: Path, *, create: bool = True) -> sqlite3.Connection:
    """A connection to the spool in `file`, which is made where there is none.

    Raises:
        SpoolDamaged: the file is no SQLite database, or a broken one.
        SpoolError: the file cannot be opened, or is of a newer version.
    """
    if not create and not file.is_file():
        raise SpoolError(f"no spool at {file}: has the agent of this gateway ever run? Check state_dir")
    try:
        connection = sqlite3.connect(
            file, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise SpoolError(f"{file}: cannot be opened: {error}. Check state_dir and its rights") from error
    try:
        _prepare(connection, file)
    except sqlite3.Error as error:
        connection.close()
        if is_damage(error):
            raise SpoolDamaged(f"{file}: {error}") from error
        raise SpoolError(
            f"{file}: cannot be opened: {error}. Check the disk's free room and rights"
        ) from error
    except SpoolError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    if _version(connection, file) == 0:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    switch_to_wal(connection, within_s=_BUSY_TIMEOUT_S)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_FOLD_AT_BYTES // _PAGE_BYTES}")
    connection.execute("PRAGMA journal_size_limit = 2097152")
    connection.execute("PRAGMA cache_size = -1024")
    if _version(connection, file) < VERSION:
        _bring_up_to_date(connection, file)


def _version(connection: sqlite3.Connection, file: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise SpoolError(f"{file} was written by a newer version of kega (format {version}): upgrade kega")
    return version


def _bring_up_to_date(connection: sqlite3.Connection, file: Path) -> None:
    """Make or change the tables; whichever of several processes comes first does it for all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, file)
        statements = (_TABLES if version == 0 else "") + (_FORMAT_2 if version < VERSION else "")
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(statement)
        if version == 0:
            connection.execute("INSERT INTO spool (id, epoch) VALUES (1, ?)", (secrets.token_hex(8),))
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, so that only a fresh one helps."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_full(error: sqlite3.Error) -> bool:
    """Whether there is no room on the disk."""
    return _code(error) == sqlite3.SQLITE_FULL


def _code(error: sqlite3.Error) -> int:
    # Errors that the Python module raises by itself carry no code of SQLite.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
