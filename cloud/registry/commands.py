"""Commands: asked, sent, answered. A final state never changes again."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.exc import IntegrityError

from cloud.errors import Refused
from cloud.registry.port import CommandRecord, CommandState
from cloud.registry.tables import COMMANDS
from cloud.registry.transactions import Transactions
from telemetry.commands import CommandStatus

STATE_OF: Final = {
    CommandStatus.ACCEPTED: CommandState.ACCEPTED,
    CommandStatus.DONE: CommandState.DONE,
    CommandStatus.REJECTED: CommandState.REJECTED,
    CommandStatus.FAILED: CommandState.FAILED,
    CommandStatus.EXPIRED: CommandState.EXPIRED,
}


class Commands(Transactions):
    """The part of the registry that keeps commands."""

    def add_command(self, command: CommandRecord) -> None:
        """Keep a new command; it is audited.

        Raises:
            Refused: there is a command of this id.
        """
        row = {name: getattr(command, name) for name in COMMANDS.c.keys()}  # noqa: SIM118, no mapping
        row |= {"value": json.dumps(command.value), "state": command.state.value}
        detail = f"{command.id} {command.metric} = {row['value']}"
        if command.reason:
            detail = f"{detail}: {command.reason}"
        try:
            with self._writing() as connection:
                connection.execute(COMMANDS.insert(), row)
                self._note(connection, command.issuer, "command", command.device, detail)
        except IntegrityError as error:
            raise Refused(
                f"command {command.id} exists already: give every command an id of its own"
            ) from error

    def command(self, command_id: str) -> CommandRecord | None:
        """The command, or None."""
        with self._reading() as connection:
            row = connection.execute(select(COMMANDS).where(COMMANDS.c.id == command_id)).one_or_none()
        return None if row is None else _command(row)

    def commands(self, *, device: str | None = None, limit: int = 100) -> list[CommandRecord]:
        """Newest first."""
        query = select(COMMANDS).order_by(COMMANDS.c.id.desc()).limit(limit)
        if device is not None:
            query = query.where(COMMANDS.c.device == device)
        with self._reading() as connection:
            return [_command(row) for row in connection.execute(query)]

    def open_commands(self) -> list[CommandRecord]:
        """All that are not final, oldest first."""
        query = select(COMMANDS).where(COMMANDS.c.ended_ms.is_(None)).order_by(COMMANDS.c.id)
        with self._reading() as connection:
            return [_command(row) for row in connection.execute(query)]

    def command_sent(self, command_id: str, *, time_ms: int) -> None:
        """One more attempt was published; its result may have been quicker than this call."""
        with self._writing() as connection:
            row = _locked(connection, command_id)
            if row is not None:
                state = CommandState.SENT if row.state is CommandState.ASKED else row.state
                connection.execute(
                    update(COMMANDS)
                    .where(COMMANDS.c.id == command_id)
                    .values(
                        state=state.value,
                        attempts=row.attempts + 1,
                        sent_ms=func.coalesce(COMMANDS.c.sent_ms, time_ms),
                    )
                )

    def command_result(self, command_id: str, status: CommandStatus, error: str, *, time_ms: int) -> None:
        """What the gateway reported. A final state never changes again; a later, other truth is audited."""
        state = STATE_OF[status]
        with self._writing() as connection:
            row = _locked(connection, command_id)
            if row is None:
                return
            if row.state.is_final:
                if state.is_final and state is not row.state:
                    detail = f"{command_id} {state.value} {error}".strip()
                    self._note(connection, row.gateway, "command-late-result", row.device, detail)
                return
            _change(connection, command_id, state, error, time_ms if state.is_final else None)

    def expire_commands(self, *, now_ms: int, grace_ms: int) -> list[str]:
        """End commands whose expiry plus grace is over without a result; returns their ids."""
        query = (
            select(COMMANDS)
            .where(COMMANDS.c.ended_ms.is_(None), COMMANDS.c.expires_ms < now_ms - grace_ms)
            .order_by(COMMANDS.c.id)
        )
        with self._reading() as connection:
            if connection.execute(query.limit(1)).one_or_none() is None:
                return []
        with self._writing() as connection:
            over = [_command(row) for row in connection.execute(query.with_for_update())]
            for command in over:
                _change(connection, command.id, CommandState.EXPIRED, _expiry(command), now_ms)
        return [command.id for command in over]


def _expiry(command: CommandRecord) -> str:
    if command.state is CommandState.ACCEPTED:
        return f"gateway {command.gateway} accepted the command but reported no result before it expired"
    if command.attempts == 0:
        return f"never sent before it expired: gateway {command.gateway} or the supervisor was offline"
    return (
        f"sent {command.attempts} times, but gateway {command.gateway} reported no result before it expired"
    )


def _locked(connection: Connection, command_id: str) -> CommandRecord | None:
    query = select(COMMANDS).where(COMMANDS.c.id == command_id).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else _command(row)


def _change(
    connection: Connection, command_id: str, state: CommandState, error: str, ended_ms: int | None
) -> None:
    connection.execute(
        update(COMMANDS)
        .where(COMMANDS.c.id == command_id)
        .values(state=state.value, error=error, ended_ms=ended_ms)
    )


def _command(row: Row[Any]) -> CommandRecord:
    told = dict(row._mapping)  # noqa: SLF001, SQLAlchemy's public name
    told |= {"value": json.loads(told["value"]), "state": CommandState(told["state"])}
    return CommandRecord(**told)
