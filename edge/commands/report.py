"""A command's result on its way to the host: one batch, one time, through the spool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Final

from telemetry.clock import Clock
from telemetry.commands import Command, CommandStatus
from telemetry.readings import Batch, Reading, ValueType
from telemetry.sparkplug import metrics as names

_LONGEST_ERROR: Final = 500
_DURABLE_WITHIN_S: Final = 10.0


class Reporter:
    """Makes results into batches; `spool` queues one, and what it returns is done once that is durable."""

    def __init__(self, spool: Callable[[Batch], Awaitable[Future[int | None]]], clock: Clock) -> None:
        self._spool = spool
        self._clock = clock

    async def announce(self, command: Command) -> None:
        """Report that `command` is taken on, without waiting for the disk."""
        await self._spool(result_batch(command, CommandStatus.ACCEPTED, "", None, self._clock.now_ms()))

    async def report(
        self, command: Command, status: CommandStatus, error: str, reading: Reading | None
    ) -> bool:
        """Report a result, with the value read back where there is one; whether it is on disk."""
        queued = await self._spool(result_batch(command, status, error, reading, self._clock.now_ms()))
        try:
            async with asyncio.timeout(_DURABLE_WITHIN_S):
                return await asyncio.wrap_future(queued) is not None
        except TimeoutError:
            return False


def result_batch(
    command: Command, status: CommandStatus, error: str, reading: Reading | None, now_ms: int
) -> Batch:
    """The value read back and the three metrics of a result, all with one time (rule X-CMD-5)."""
    device = command.device
    result = (
        Reading(device, names.COMMAND_LAST_ID, ValueType.STRING, command.id or "", now_ms),
        Reading(device, names.COMMAND_STATUS, ValueType.INT32, int(status), now_ms),
        Reading(device, names.COMMAND_ERROR, ValueType.STRING, error[:_LONGEST_ERROR], now_ms),
    )
    read_back = () if reading is None else (replace(reading, device=device, time_ms=now_ms),)
    return Batch(device, (*read_back, *result))
