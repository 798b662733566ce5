"""Every command that the gateway has taken on, on disk before anything is written to a device.

The same id never acts twice, over restarts too: a command is entered before it is carried out, marked before
the write together with what takes it back, and closed with its result. Ids are kept for a week.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.commands.database import Database
from edge.commands.lifetime import Due, Moment
from telemetry.clock import Clock
from telemetry.commands import Command, CommandStatus
from telemetry.readings import Value

JOURNAL_FILE: Final = "commands.db"
KEPT_MS: Final = 7 * 86_400_000
_LARGEST: Final = 2**63 - 1
_ACCEPTED: Final = int(CommandStatus.ACCEPTED)
PROGRAM_SCOPE: Final = "program"

_INSERT_COMMAND: Final = """
INSERT INTO command
(id, device, metric, value, issuer, expires_ms, received_ms, status, error, boot, due_s, revert_after_s)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_REVERT: Final = """
INSERT OR REPLACE INTO revert
(id, device, metric, scope, value, held, after_s, boot, due_s, due_ms, armed_ms, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal knows of a command."""

    command: Command
    due: Due
    """Until when it may begin to act."""
    status: CommandStatus
    error: str
    write_began: bool
    """Whether a write may have reached the device."""


@dataclass(frozen=True, slots=True)
class Revert:
    """What takes a timed command back."""

    id: str
    device: str
    metric: str
    scope: str
    """What it is about: its metric, or `PROGRAM_SCOPE` for a lamp that goes back to its program."""
    value: Value
    """Where the point goes; None for a lamp that goes back to its program."""
    held: Value
    """What the command had written."""
    after_s: float
    due: Due
    status: CommandStatus = CommandStatus.ACCEPTED
    error: str = ""

    @property
    def to_program(self) -> bool:
        """Whether a program says where the lamp goes."""
        return self.scope == PROGRAM_SCOPE

    @property
    def command(self) -> Command:
        """The revert as a command, for reports."""
        return Command(self.device, self.metric, self.value, self.id, _LARGEST, "gateway")


class CommandJournal:
    """Commands, what takes them back, and when which point was moved last.

    Every method raises `JournalError` where the disk does not do its part; then nothing of it has happened.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._database = Database(file, clock)

    def close(self) -> None:
        """Release the file; a later call opens it again."""
        self._database.close()

    def find(self, command_id: str) -> Entry | None:
        """The command of this id, if it was ever received."""
        rows = self._database.rows("SELECT * FROM command WHERE id = ?", command_id)
        return _entry(rows[0]) if rows else None

    def enter(self, command: Command, due: Due, status: CommandStatus, error: str, now: Moment) -> None:
        """Take a command on, or note at once why not."""
        # A clock that nobody trusts must not make the journal forget.
        old_ms = now.now_ms - KEPT_MS if now.is_clock_known else 0
        self._database.commit(
            ("DELETE FROM command WHERE received_ms < ? AND expires_ms < ?", (old_ms, old_ms)),
            ("DELETE FROM revert WHERE armed_ms < ? AND status <> ?", (old_ms, _ACCEPTED)),
            (
                _INSERT_COMMAND,
                (
                    command.id,
                    command.device,
                    command.metric,
                    json.dumps(command.value),
                    command.issuer,
                    min(command.expires_ms, _LARGEST),
                    now.now_ms,
                    int(status),
                    error,
                    due.boot,
                    due.monotonic_s,
                    command.revert_after_s,
                ),
            ),
        )

    def begin_write(self, command: Command, revert: Revert | None, now: Moment) -> None:
        """From here on the device may have been written; `revert` takes that back."""
        self._database.commit(
            ("UPDATE command SET write_began = 1 WHERE id = ?", (command.id,)),
            *([] if revert is None else [_armed(revert, now)]),
            _moved(command.device, command.metric, now),
        )

    def moved(self, device: str, metric: str, now: Moment) -> None:
        """The point is about to be moved by the gateway itself."""
        self._database.commit(_moved(device, metric, now))

    def end(
        self, command_id: str | None, status: CommandStatus, error: str, *, void: tuple[str, ...] = ()
    ) -> None:
        """The command's result; `void` are reverts that will not be needed any more."""
        self._database.commit(
            ("UPDATE command SET status = ?, error = ? WHERE id = ?", (int(status), error, command_id)),
            *(("DELETE FROM revert WHERE id = ?", (each,)) for each in void),
        )

    def mark_reported(self, command_id: str) -> None:
        """The result is in the spool."""
        self._database.commit(
            ("UPDATE command SET reported = 1 WHERE id = ?", (command_id,)),
            ("UPDATE revert SET reported = 1 WHERE id = ?", (command_id,)),
        )

    def unfinished(self) -> list[Entry]:
        """Commands taken on without a result, in order of arrival."""
        rows = self._database.rows(
            "SELECT * FROM command WHERE status = ? ORDER BY write_began DESC, received_ms, id", _ACCEPTED
        )
        return [_entry(row) for row in rows]

    def unreported(self) -> list[tuple[Command, CommandStatus, str]]:
        """Results of commands and reverts that did not reach the spool, in order of arrival."""
        finished = "WHERE status <> ? AND reported = 0 ORDER BY"
        commands = self._database.rows(f"SELECT * FROM command {finished} received_ms, id", _ACCEPTED)  # noqa: S608
        reverts = self._database.rows(f"SELECT * FROM revert {finished} armed_ms, id", _ACCEPTED)  # noqa: S608
        ended: list[Entry | Revert] = [_entry(row) for row in commands]
        ended += [_revert(row) for row in reverts]
        return [(each.command, each.status, each.error) for each in ended]

    def armed(self) -> list[Revert]:
        """Everything that still has to be taken back."""
        rows = self._database.rows("SELECT * FROM revert WHERE status = ? ORDER BY armed_ms, id", _ACCEPTED)
        return [_revert(row) for row in rows]

    def end_revert(self, revert_id: str, status: CommandStatus, error: str) -> None:
        """The revert's result."""
        self._database.commit(
            ("UPDATE revert SET status = ?, error = ? WHERE id = ?", (int(status), error, revert_id))
        )

    def last_moves(self) -> dict[tuple[str, str], Due]:
        """(Device, metric) → when it was last moved."""
        rows = self._database.rows("SELECT * FROM actuation")
        return {(row["device"], row["metric"]): Due(row["boot"], row["at_s"], row["at_ms"]) for row in rows}


_Statement = tuple[str, tuple[object, ...]]


def _armed(revert: Revert, now: Moment) -> _Statement:
    return (
        _INSERT_REVERT,
        (
            revert.id,
            revert.device,
            revert.metric,
            revert.scope,
            json.dumps(revert.value),
            json.dumps(revert.held),
            revert.after_s,
            revert.due.boot,
            revert.due.monotonic_s,
            revert.due.utc_ms,
            now.now_ms,
            _ACCEPTED,
        ),
    )


def _moved(device: str, metric: str, now: Moment) -> _Statement:
    return (
        "INSERT OR REPLACE INTO actuation (device, metric, boot, at_s, at_ms) VALUES (?, ?, ?, ?, ?)",
        (device, metric, now.boot, now.monotonic_s, now.now_ms if now.is_clock_known else None),
    )


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        command=Command(
            device=row["device"],
            metric=row["metric"],
            value=json.loads(row["value"]),
            id=row["id"],
            expires_ms=row["expires_ms"],
            issuer=row["issuer"],
            revert_after_s=row["revert_after_s"],
        ),
        due=Due(row["boot"], row["due_s"], row["expires_ms"]),
        status=CommandStatus(row["status"]),
        error=row["error"],
        write_began=bool(row["write_began"]),
    )


def _revert(row: sqlite3.Row) -> Revert:
    return Revert(
        id=row["id"],
        device=row["device"],
        metric=row["metric"],
        scope=row["scope"],
        value=json.loads(row["value"]),
        held=json.loads(row["held"]),
        after_s=row["after_s"],
        due=Due(row["boot"], row["due_s"], row["due_ms"]),
        status=CommandStatus(row["status"]),
        error=row["error"],
    )
