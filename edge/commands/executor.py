"""The life of a command on the gateway: received, checked, journalled, written, read back, reported.

One command at a time on each device; up to `WAITING` more wait. See docs/commands.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final, TypeVar

from edge.commands.errors import CommandRejected, JournalError
from edge.commands.journal import CommandJournal, Entry
from edge.commands.readback import read_back, settle_s
from edge.commands.report import Reporter
from edge.commands.rules import check_time, permitted_value
from edge.errors import BusError, NotWritable
from edge.ports import DevicePort
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition
from edge.uplink.inbound import DeviceCommand
from telemetry.clock import Clock
from telemetry.commands import Command, CommandStatus, command_of
from telemetry.readings import Reading, Value

_LOG: Final = logging.getLogger("edge.commands")
INBOX: Final = 100
WAITING: Final = 8
"""Commands that may wait for one device; the next one is rejected."""
LONGEST_ID: Final = 100
_Result = TypeVar("_Result")
_UP_TICK_S: Final = 0.2
_LONGEST_WAIT_S: Final = 86_400.0


class CommandExecutor:
    """Carries out what arrives; `submit` is called by the uplink, `run` lives as long as the agent."""

    def __init__(
        self,
        gateway: GatewayDefinition,
        port: DevicePort,
        journal: CommandJournal,
        reporter: Reporter,
        clock: Clock,
        *,
        is_up: Callable[[str], bool],
        accept_plain: bool = False,
    ) -> None:
        self._gateway = gateway
        self._port = port
        self._journal = journal
        self._reporter = reporter
        self._clock = clock
        self._is_up = is_up
        self._accept_plain = accept_plain
        self._inbox: asyncio.Queue[DeviceCommand] = asyncio.Queue(INBOX)
        self._queues: dict[str, asyncio.Queue[tuple[Command, Value]]] = {}
        self._tasks = asyncio.TaskGroup()
        self._journal_turn = asyncio.Lock()

    def submit(self, arrived: DeviceCommand) -> None:
        """Take one metric of a DCMD. A full inbox drops it: the host repeats."""
        try:
            self._inbox.put_nowait(arrived)
        except asyncio.QueueFull:
            _LOG.warning("command-dropped", extra={"device": arrived.device, "cause": "inbox is full"})

    async def run(self) -> None:
        """Settle what a former life left, then carry out what arrives; until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await self._settle_the_past()
            while True:
                arrived = await self._inbox.get()
                try:
                    await self._receive(arrived)
                except JournalError as error:
                    _LOG.error("command-not-taken", extra={"device": arrived.device, "cause": error})

    async def _receive(self, arrived: DeviceCommand) -> None:
        now_ms = self._clock.now_ms()
        sent_ms = now_ms if arrived.sent_ms is None else arrived.sent_ms
        command = command_of(arrived.device, arrived.metric, sent_ms)
        device = self._gateway.devices.get(command.device)
        if device is None or (command.id is None and not self._accept_plain):
            cause = "device is not of this gateway" if device is None else "plain commands are off"
            _LOG.warning("command-ignored", extra={**_names(command), "cause": cause})
            return
        if command.id is not None:
            if len(command.id) > LONGEST_ID:
                _LOG.warning("command-ignored", extra={**_names(command), "cause": "its id is too long"})
                return
            if (known := await self._journalled(self._journal.find, command.id)) is not None:
                await self._repeat(known, command)
                return
        try:
            value = permitted_value(device, command, now_ms)
            if not self._is_up(device.id):
                raise CommandRejected("the device does not answer now", CommandStatus.FAILED)
            queue = self._queue_of(device)
            if queue.full():
                raise CommandRejected(f"{WAITING} commands wait for the device already: try again later")
        except CommandRejected as error:
            await self._enter(command, error.status, str(error), now_ms)
            await self._finish(command, error.status, str(error), None)
            return
        await self._enter(command, CommandStatus.ACCEPTED, "", now_ms)
        _LOG.info("command-accepted", extra=_names(command))
        await self._reporter.announce(command)
        await queue.put((command, value))

    async def _repeat(self, known: Entry, command: Command) -> None:
        """The id has been seen: tell its result again, or nothing while it is being carried out."""
        before = known.command
        if (before.device, before.metric) != (command.device, command.metric):
            _LOG.error("command-id-used-twice", extra={**_names(command), "first": before.metric})
        elif known.status.is_final:
            await self._reporter.report(before, known.status, known.error, None)

    def _queue_of(self, device: DeviceDefinition) -> asyncio.Queue[tuple[Command, Value]]:
        queue = self._queues.get(device.id)
        if queue is None:
            queue = self._queues[device.id] = asyncio.Queue(WAITING)
            self._tasks.create_task(self._serve(device, queue))
        return queue

    async def _serve(self, device: DeviceDefinition, queue: asyncio.Queue[tuple[Command, Value]]) -> None:
        while True:
            command, value = await queue.get()
            try:
                status, error, reading = await self._carry_out(device, command, value)
                await self._end(command, status, error)
            except JournalError as failure:
                status, error, reading = CommandStatus.FAILED, str(failure), None
            await self._finish(command, status, error, reading)

    async def _carry_out(
        self, device: DeviceDefinition, command: Command, value: Value
    ) -> tuple[CommandStatus, str, Reading | None]:
        point = device.points[command.metric]
        try:
            check_time(command, self._clock.now_ms())
        except CommandRejected as error:
            return error.status, str(error), None
        if command.id is not None:
            await self._journalled(self._journal.begin_write, command.id)
        write_error = ""
        try:
            await self._port.write(device.id, point.metric, value)
        except NotWritable as error:
            return CommandStatus.REJECTED, str(error), None
        except BusError as error:
            # The answer may have been lost behind a write that worked: what the device shows decides.
            write_error = f"write failed: {error}"
        found = await read_back(
            self._port,
            device.id,
            point,
            value,
            within_s=0 if write_error else settle_s(point, device.settle_s),
            clock=self._clock,
        )
        if not found.error:
            return CommandStatus.DONE, "", found.reading
        return CommandStatus.FAILED, write_error or found.error, found.reading

    async def _enter(self, command: Command, status: CommandStatus, error: str, now_ms: int) -> None:
        if command.id is not None:
            await self._journalled(self._journal.enter, command, status, error, now_ms)

    async def _end(self, command: Command, status: CommandStatus, error: str) -> None:
        if command.id is not None:
            await self._journalled(self._journal.end, command.id, status, error)

    async def _finish(
        self, command: Command, status: CommandStatus, error: str, reading: Reading | None
    ) -> None:
        level = logging.INFO if status is CommandStatus.DONE else logging.WARNING
        _LOG.log(level, "command-ended", extra={**_names(command), "status": status.name, "cause": error})
        if await self._reporter.report(command, status, error, reading) and command.id is not None:
            with contextlib.suppress(JournalError):  # the result goes out a second time after a restart
                await self._journalled(self._journal.mark_reported, command.id)

    async def _settle_the_past(self) -> None:
        """After a restart: results that were not reported, and commands that had no result."""
        try:
            unreported = await self._journalled(self._journal.unreported)
            unfinished = await self._journalled(self._journal.unfinished)
        except JournalError as error:
            _LOG.error("journal-unreadable", extra={"cause": error})
            return
        for entry in unreported:
            await self._finish(entry.command, entry.status, entry.error, None)
        for entry in unfinished:
            await self._resume(entry)

    async def _resume(self, entry: Entry) -> None:
        """Carry out what provably was not written and is still in time; everything else has failed."""
        command = entry.command
        device = self._gateway.devices.get(command.device)
        error, status = "", CommandStatus.FAILED
        try:
            if entry.write_began:
                error = "the gateway restarted while it wrote: what the device shows now is its state"
            elif device is None:
                error = "the device is not configured any more"
            else:
                value = permitted_value(device, command, self._clock.now_ms())
                self._tasks.create_task(self._when_up(device, command, value))
                return
        except CommandRejected as rejected:
            error, status = str(rejected), rejected.status
        try:
            await self._end(command, status, error)
        except JournalError as failure:
            _LOG.error("command-not-ended", extra={**_names(command), "cause": failure})
            return
        await self._finish(command, status, error, None)

    async def _when_up(self, device: DeviceDefinition, command: Command, value: Value) -> None:
        """Queue a resumed command once the device answers; past its expiry it ends as expired."""
        deadline = self._clock.monotonic() + _LONGEST_WAIT_S
        while not self._is_up(device.id) and self._clock.now_ms() <= command.expires_ms:
            if self._clock.monotonic() > deadline:
                break
            await asyncio.sleep(_UP_TICK_S)
        await self._queue_of(device).put((command, value))

    async def _journalled(self, step: Callable[..., _Result], *arguments: object) -> _Result:
        async with self._journal_turn:
            return await asyncio.to_thread(step, *arguments)


def _names(command: Command) -> dict[str, object]:
    return {
        "device": command.device,
        "metric": command.metric,
        "command": command.id or "plain",
        "issuer": command.issuer,
    }
