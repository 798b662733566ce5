"""Results on their way into the spool, each until it is there."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from edge.commands.errors import JournalError
from edge.commands.ledger import Ledger
from edge.commands.report import Reporter
from telemetry.commands import Command, CommandStatus
from telemetry.readings import Reading

_LOG: Final = logging.getLogger("edge.commands")
_AGAIN_S: Final = 5.0
_WAITING: Final = 1000
"""Results that may wait for the spool in memory; those past it wait in the journal for the next start."""


class Results:
    """Reports what became of commands; what the spool does not take is told again."""

    def __init__(self, ledger: Ledger, reporter: Reporter) -> None:
        self._ledger = ledger
        self._reporter = reporter
        self._waiting: dict[str, tuple[Command, CommandStatus, str]] = {}

    async def finish(
        self, command: Command, status: CommandStatus, error: str, reading: Reading | None
    ) -> None:
        """Report the result of `command`, which stands in the journal."""
        level = logging.INFO if status is CommandStatus.DONE else logging.WARNING
        _LOG.log(level, "command-ended", extra={**names(command), "status": status.name, "cause": error})
        await self._tell(command, status, error, reading)

    async def run(self) -> None:
        """Tell again what the spool did not take, until cancelled."""
        while True:
            await asyncio.sleep(_AGAIN_S)
            for command, status, error in list(self._waiting.values()):
                await self._tell(command, status, error, None)

    async def _tell(
        self, command: Command, status: CommandStatus, error: str, reading: Reading | None
    ) -> None:
        is_told = await self._reporter.report(command, status, error, reading)
        if command.id is None:
            return
        if is_told:
            self._waiting.pop(command.id, None)
            try:
                await self._ledger.do(self._ledger.journal.mark_reported, command.id)
            except JournalError as failure:  # the result goes out a second time after a restart
                _LOG.warning("journal-not-written", extra={**names(command), "cause": failure})
        elif len(self._waiting) < _WAITING:
            self._waiting[command.id] = (command, status, error)


def names(command: Command) -> dict[str, object]:
    """What logs say of a command."""
    return {
        "device": command.device,
        "metric": command.metric,
        "command": command.id or "plain",
        "issuer": command.issuer,
    }
