"""The life of a command on the gateway: received, checked, journalled, written, read back, reported.

One command at a time on each device; up to `WAITING` more wait. See docs/commands.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.commands.actuator import Actuator, Outcome
from edge.commands.autonomy import Autonomy
from edge.commands.errors import CommandRejected, JournalError
from edge.commands.gate import Gate
from edge.commands.journal import PROGRAM_SCOPE, Entry, Revert
from edge.commands.ledger import Ledger
from edge.commands.lifetime import Due, Moment, check_deadline, deadline, due_in
from edge.commands.moments import Moments
from edge.commands.report import Reporter
from edge.commands.results import Results, names
from edge.commands.reverts import Reverter
from edge.commands.rules import permitted_value
from edge.errors import BusError
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition
from edge.uplink.inbound import DeviceCommand
from telemetry.commands import Command, CommandStatus, command_of
from telemetry.readings import Quality, Value

_LOG: Final = logging.getLogger("edge.commands")
INBOX: Final = 100
WAITING: Final = 8
"""Commands that may wait for one device; the next one is rejected."""
LONGEST_ID: Final = 100
_UP_TICK_S: Final = 0.2
PROOF_WITHIN_S: Final = 60.0
"""How long a device may stay silent after a restart in the middle of a write, before the write has failed."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A command whose turn comes."""

    device: DeviceDefinition
    command: Command
    value: Value
    due: Due
    is_written: bool = False
    """A former life wrote it perhaps: only the proof is left to do."""


class CommandExecutor:
    """Carries out what arrives; `submit` is called by the uplink, `run` lives as long as the agent."""

    def __init__(
        self,
        gateway: GatewayDefinition,
        actuator: Actuator,
        *,
        gate: Gate,
        ledger: Ledger,
        reporter: Reporter,
        moments: Moments,
        is_up: Callable[[str], bool],
        programs: Autonomy,
        accept_plain: bool = False,
    ) -> None:
        self._gateway = gateway
        self._actuator = actuator
        self._gate = gate
        self._ledger = ledger
        self._journal = ledger.journal
        self._reporter = reporter
        self._moments = moments
        self._is_up = is_up
        self._programs = programs
        self._accept_plain = accept_plain
        self._results = Results(ledger, reporter)
        self.reverts = Reverter(
            gateway.devices,
            actuator,
            gate=gate,
            ledger=ledger,
            results=self._results,
            moments=moments,
            is_up=is_up,
            programs=programs,
        )
        self._inbox: asyncio.Queue[DeviceCommand] = asyncio.Queue(INBOX)
        # Bounded by WAITING for what arrives; what a former life left stands in the journal anyway.
        self._queues: dict[str, asyncio.Queue[_Job]] = {}
        self._tasks = asyncio.TaskGroup()
        self.settled = asyncio.Event()
        """What a former life left has been looked through."""

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
            self.settled.set()
            self._tasks.create_task(self.reverts.run())
            self._tasks.create_task(self._results.run())
            while True:
                arrived = await self._inbox.get()
                try:
                    await self._receive(arrived)
                except JournalError as error:
                    _LOG.error("command-not-taken", extra={"device": arrived.device, "cause": error})

    async def _receive(self, arrived: DeviceCommand) -> None:
        now = self._moments.now()
        command = command_of(arrived.device, arrived.metric, arrived.sent_ms or now.now_ms)
        device = self._gateway.devices.get(command.device)
        if device is None or (command.id is None and not self._accept_plain):
            cause = "device is not of this gateway" if device is None else "plain commands are off"
            _LOG.warning("command-ignored", extra={**names(command), "cause": cause})
            return
        if command.id is not None:
            if not 0 < len(command.id) <= LONGEST_ID:
                _LOG.warning(
                    "command-ignored", extra={**names(command), "cause": "its id has a wrong length"}
                )
                return
            if (known := await self._ledger.do(self._journal.find, command.id)) is not None:
                await self._repeat(known, command)
                return
        due = Due(now.boot, now.monotonic_s, command.expires_ms)
        try:
            value = permitted_value(device, command)
            sent_ms = now.now_ms if command.id is None else arrived.sent_ms
            due = deadline(command, sent_ms, now, arrived.broker_left_s)
            self._gate.check(device, command.metric, value, now)
            if not self._is_up(device.id):
                raise CommandRejected("the device does not answer now", CommandStatus.FAILED)
            queue = self._queue_of(device.id)
            if queue.qsize() >= WAITING:
                raise CommandRejected(f"{WAITING} commands wait for the device already: try again later")
        except CommandRejected as error:
            await self._enter(command, due, error.status, str(error), now)
            await self._results.finish(command, error.status, str(error), None)
            return
        await self._enter(command, due, CommandStatus.ACCEPTED, "", now)
        _LOG.info("command-accepted", extra=names(command))
        await self._reporter.announce(command)
        queue.put_nowait(_Job(device, command, value, due))

    async def _repeat(self, known: Entry, command: Command) -> None:
        """The id has been seen: tell its result again, or nothing while it is being carried out."""
        before = known.command
        if (before.device, before.metric) != (command.device, command.metric):
            _LOG.error("command-id-used-twice", extra={**names(command), "first": before.metric})
        elif known.status.is_final:
            await self._reporter.report(before, known.status, known.error, None)

    def _queue_of(self, device: str) -> asyncio.Queue[_Job]:
        queue = self._queues.get(device)
        if queue is None:
            queue = self._queues[device] = asyncio.Queue()
            self._tasks.create_task(self._serve(queue))
        return queue

    async def _serve(self, queue: asyncio.Queue[_Job]) -> None:
        while True:
            job = await queue.get()
            async with self._actuator.turn(job.device.id):
                outcome = await self._prove(job) if job.is_written else await self._carry_out(job)
            await self._results.finish(job.command, outcome.status, outcome.error, outcome.reading)

    async def _carry_out(self, job: _Job) -> Outcome:
        """Write and prove; the result stands in the journal when this returns."""
        device, command = job.device, job.command
        revert: Revert | None = None
        scope = PROGRAM_SCOPE if self._programs.governs(device.id, command.metric) else command.metric
        earlier = tuple(each.id for each in self.reverts.on(device.id, scope))
        try:
            await self._wait_until_up(job)
            now = self._moments.now()
            check_deadline(job.due, now)
            self._gate.check(device, command.metric, job.value, now)
            revert = await self._revert_of(job, scope, now)
            await self._ledger.do(self._journal.begin_write, command, revert, now)
            self._gate.moved(device.id, command.metric, now)
            if revert is not None:
                self.reverts.arm(revert)
            before = check_deadline(job.due, self._moments.now())
            hold_s = self._hold_s(revert)
            outcome = await self._actuator.apply(
                device, command.metric, job.value, before=before, hold_s=hold_s
            )
        except CommandRejected as error:
            outcome = Outcome(error.status, str(error), may_have_acted=False)
        except JournalError as error:
            outcome = Outcome(CommandStatus.FAILED, str(error), may_have_acted=False)
        await self._close(command, outcome, revert, earlier)
        return outcome

    async def _close(
        self, command: Command, outcome: Outcome, revert: Revert | None, earlier: tuple[str, ...]
    ) -> None:
        """Journal the result. Done: what would take back earlier commands is void; not acted: our own."""
        void: tuple[str, ...] = ()
        if outcome.status is CommandStatus.DONE:
            void = earlier
        elif not outcome.may_have_acted and revert is not None:
            void = (revert.id,)
        await self._ledger.insist(self._journal.end, command.id, outcome.status, outcome.error, void=void)
        self.reverts.forget(void)

    async def _revert_of(self, job: _Job, scope: str, now: Moment) -> Revert | None:
        """What will take the command back. Raises `CommandRejected` where nobody knows whereto."""
        device, command = job.device, job.command
        after_s, back = command.revert_after_s, None
        if scope == PROGRAM_SCOPE:
            after_s = self._programs.override_s(device.id) if after_s is None else after_s
        elif after_s is not None:
            back = await self._whereto(job, scope)
        if after_s is None:
            return None
        name = command.id or f"plain-{now.now_ms}"
        due = due_in(after_s, now)
        return Revert(f"{name}/revert", device.id, command.metric, scope, back, job.value, after_s, due)

    async def _whereto(self, job: _Job, scope: str) -> Value:
        device, metric = job.device, job.command.metric
        fixed = device.rule(metric).revert_to
        if fixed is not None:
            return fixed
        earlier = self.reverts.on(device.id, scope)
        if earlier:  # the command prolongs or changes a timed one: both end where that one began
            return earlier[0].value
        try:
            present = await self._actuator.present(device.id, metric)
        except BusError as error:
            raise CommandRejected(f"cannot tell where to return to: {error}", CommandStatus.FAILED) from error
        if present.quality is not Quality.GOOD or present.value is None:
            raise CommandRejected(
                f"cannot tell where to return to: {metric} is {present.reason or 'unknown'}",
                CommandStatus.FAILED,
            )
        return present.value

    def _hold_s(self, revert: Revert | None) -> float | None:
        """For how long the instrument's own timer shall hold the value, where it has one."""
        timer_s = None if revert is None else self.reverts.timer_s(revert)
        return None if timer_s is None or revert is None else min(timer_s, revert.after_s)

    async def _enter(
        self, command: Command, due: Due, status: CommandStatus, error: str, now: Moment
    ) -> None:
        if command.id is not None:
            await self._ledger.do(self._journal.enter, command, due, status, error, now)

    async def _settle_the_past(self) -> None:
        """After a restart: what must be taken back, results not reported, commands without result."""
        try:
            await self.reverts.load()
            self._gate.learn(await self._ledger.do(self._journal.last_moves))
            unreported = await self._ledger.do(self._journal.unreported)
            unfinished = await self._ledger.do(self._journal.unfinished)
        except JournalError as error:
            _LOG.error("journal-unreadable", extra={"cause": error})
            return
        for command, status, cause in unreported:
            await self._results.finish(command, status, cause, None)
        for entry in unfinished:
            await self._resume(entry)

    async def _resume(self, entry: Entry) -> None:
        """Queue again what provably was not written; of what may have been written, only the proof."""
        command = entry.command
        device = self._gateway.devices.get(command.device)
        outcome = Outcome(CommandStatus.FAILED, "the device is not configured any more")
        if device is not None:
            try:
                value = permitted_value(device, command)
            except CommandRejected as error:
                outcome = Outcome(error.status, str(error))
            else:
                job = _Job(device, command, value, entry.due, entry.write_began)
                self._queue_of(device.id).put_nowait(job)
                return
        await self._ledger.insist(self._journal.end, command.id, outcome.status, outcome.error)
        await self._results.finish(command, outcome.status, outcome.error, None)

    async def _prove(self, job: _Job) -> Outcome:
        """The gateway restarted while it wrote: what the device shows decides; it is never written again."""
        command = job.command
        await self._wait_until_up(job, PROOF_WITHIN_S)
        found = await self._actuator.prove(job.device, command.metric, job.value)
        outcome = Outcome(CommandStatus.DONE, reading=found.reading)
        if found.error:
            cause = f"the gateway restarted while it wrote: {found.error}"
            outcome = Outcome(CommandStatus.FAILED, cause, found.reading)
        scope = PROGRAM_SCOPE if self._programs.governs(command.device, command.metric) else command.metric
        own = f"{command.id}/revert"
        earlier = tuple(each.id for each in self.reverts.on(command.device, scope) if each.id != own)
        await self._close(command, outcome, None, earlier)
        return outcome

    async def _wait_until_up(self, job: _Job, within_s: float | None = None) -> None:
        """Return when the device answers, or the time that the command has for it is over."""
        began_s = self._moments.now().monotonic_s
        while not self._is_up(job.device.id):
            now = self._moments.now()
            if within_s is None:
                check_deadline(job.due, now)
            elif now.monotonic_s > began_s + within_s:
                return
            await asyncio.sleep(_UP_TICK_S)
