"""The journal, as the event loop uses it: one call at a time, each in a thread."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, Final, TypeVar

from edge.bus.backoff import Backoff
from edge.commands.errors import JournalError
from edge.commands.journal import CommandJournal

_LOG: Final = logging.getLogger("edge.commands")
_Result = TypeVar("_Result")
_LONGEST_PAUSE_S: Final = 30.0


class Ledger:
    """`await ledger.do(ledger.journal.find, "id")`."""

    def __init__(self, journal: CommandJournal) -> None:
        self.journal = journal
        self._turn = asyncio.Lock()

    async def do(self, step: Callable[..., _Result], *arguments: Any, **options: Any) -> _Result:
        """One call of the journal. Raises `JournalError`."""
        async with self._turn:
            return await asyncio.to_thread(step, *arguments, **options)

    async def insist(self, step: Callable[..., _Result], *arguments: Any, **options: Any) -> _Result:
        """The same, until the disk takes it: for what has happened and must not be forgotten."""
        backoff = Backoff(0.5, _LONGEST_PAUSE_S, random.Random())  # noqa: S311, spreads retries
        while True:
            try:
                return await self.do(step, *arguments, **options)
            except JournalError as error:
                _LOG.error("journal-waits", extra={"cause": error})
                await asyncio.sleep(backoff.failed())
