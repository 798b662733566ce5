"""The spool's file: tables, settings, opening, and what SQLite's error codes mean for it."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from typing import Final

from edge.spool.errors import SpoolDamaged, SpoolError

SPOOL_FILE: Final = "spool.db"
VERSION: Final = 1
_BUSY_TIMEOUT_S: Final = 5.0

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
CREATE INDEX waiting ON batch (priority, number) WHERE acked_ms IS NULL;
CREATE INDEX kept ON batch (acked_ms) WHERE acked_ms IS NOT NULL;
CREATE TABLE device (
    device TEXT PRIMARY KEY,
    last_ms INTEGER NOT NULL DEFAULT 0,
    identity TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
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
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, VERSION):
        raise SpoolError(f"{file} was written by a newer version of kega (format {version}): upgrade kega")
    if version == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 500")
    connection.execute("PRAGMA journal_size_limit = 2097152")
    connection.execute("PRAGMA cache_size = -1024")
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    if connection.execute("SELECT epoch FROM spool").fetchone() is None:
        connection.execute("INSERT INTO spool (id, epoch) VALUES (1, ?)", (secrets.token_hex(8),))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, so that only a fresh one helps."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_full(error: sqlite3.Error) -> bool:
    """Whether there is no room on the disk."""
    return _code(error) == sqlite3.SQLITE_FULL


def _code(error: sqlite3.Error) -> int:
    # Errors that the Python module raises by itself carry no code of SQLite.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
