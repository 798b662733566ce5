"""Every command that the gateway has taken on, on disk before anything is written to a device.

The same id never acts twice, over restarts too: a command is entered before it is carried out, marked before
the write, and closed with its result. Ids are kept for a week.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.commands.errors import JournalError
from edge.spool.salvage import set_aside
from edge.spool.schema import is_damage
from telemetry.clock import Clock
from telemetry.commands import Command, CommandStatus

_LOG: Final = logging.getLogger("edge.commands")
JOURNAL_FILE: Final = "commands.db"
KEPT_MS: Final = 7 * 86_400_000
_LARGEST: Final = 2**63 - 1
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS command (
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


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal knows of a command."""

    command: Command
    status: CommandStatus
    error: str
    write_began: bool
    """Whether a write may have reached the device."""


class CommandJournal:
    """SQLite, WAL, `synchronous=FULL`: a call returns after it is on disk. Not for two threads at once.

    The file is opened by the first call and, where that fails, by the next one; a broken file is set aside,
    reported, and begun anew. Every method raises `JournalError` where the disk does not do its part.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Release the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def find(self, command_id: str) -> Entry | None:
        """The command of that id."""
        row = self._run("SELECT * FROM command WHERE id = ?", command_id).fetchone()
        return None if row is None else _entry(row)

    def enter(self, command: Command, status: CommandStatus, error: str, now_ms: int) -> None:
        """Take a command on, or note at once why not."""
        self._run("DELETE FROM command WHERE received_ms < ? AND expires_ms < ?", now_ms - KEPT_MS, now_ms)
        self._run(
            "INSERT INTO command (id, device, metric, value, issuer, expires_ms, received_ms, status, error) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            command.id,
            command.device,
            command.metric,
            json.dumps(command.value),
            command.issuer,
            min(command.expires_ms, _LARGEST),
            now_ms,
            int(status),
            error,
        )

    def begin_write(self, command_id: str) -> None:
        """From here on the device may have been written."""
        self._run("UPDATE command SET write_began = 1 WHERE id = ?", command_id)

    def end(self, command_id: str, status: CommandStatus, error: str) -> None:
        """The command's result."""
        self._run("UPDATE command SET status = ?, error = ? WHERE id = ?", int(status), error, command_id)

    def mark_reported(self, command_id: str) -> None:
        """The result is in the spool."""
        self._run("UPDATE command SET reported = 1 WHERE id = ?", command_id)

    def unfinished(self) -> list[Entry]:
        """Commands taken on without a result, in order of arrival."""
        accepted = int(CommandStatus.ACCEPTED)
        rows = self._run("SELECT * FROM command WHERE status = ? ORDER BY received_ms, id", accepted)
        return [_entry(row) for row in rows]

    def unreported(self) -> list[Entry]:
        """Results that did not reach the spool, in order of arrival."""
        rows = self._run(
            "SELECT * FROM command WHERE status <> ? AND reported = 0 ORDER BY received_ms, id",
            int(CommandStatus.ACCEPTED),
        )
        return [_entry(row) for row in rows]

    def _run(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        try:
            if self._connection is None:
                self._connection = self._open()
            return self._connection.execute(statement, arguments)
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.Error) and is_damage(error):
                self.close()
                set_aside(self._file, self._clock.now_ms())
            raise JournalError(f"{self._file}: {error}. Check the disk's free room and rights") from error

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
        connection.execute(_TABLE)
    except sqlite3.Error:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        command=Command(
            device=row["device"],
            metric=row["metric"],
            value=json.loads(row["value"]),
            id=row["id"],
            expires_ms=row["expires_ms"],
            issuer=row["issuer"],
        ),
        status=CommandStatus(row["status"]),
        error=row["error"],
        write_began=bool(row["write_began"]),
    )
