"""Brings lamps to where their programs want them, and says what it did. Knows no cloud and no queue.

Each bus has one worker that looks at its lamps in turn: what a lamp shall do is compared with what it was
told last, so a lamp that missed its switching gets it as soon as it answers again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.bus.backoff import Backoff
from edge.commands.actuator import Actuator
from edge.commands.errors import CommandRejected, JournalError
from edge.commands.gate import Gate
from edge.commands.journal import Revert
from edge.commands.ledger import Ledger
from edge.commands.lifetime import Moment
from edge.commands.moments import Moments
from edge.commands.report import Reporter
from edge.commands.values import LastValues
from edge.errors import BusError
from edge.programs.decision import Decision, Reason, decide
from edge.programs.lamps import Lamp, level_of
from edge.programs.plan import Plan
from edge.programs.status import LampStatus, status_batch
from edge.uplink.definitions import DeviceDefinition
from telemetry.commands import Command, CommandStatus
from telemetry.readings import Batch, Reading, Value

_LOG: Final = logging.getLogger("edge.programs")
_LOOK_EVERY_S: Final = 1.0
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 300.0
DRIFT_AFTER_S: Final = 60.0
"""A lamp that shows another level this long after it was switched is switched again."""
_SEEN_WITHIN_S: Final = 30.0


@dataclass
class _State:
    """What is known of one lamp."""

    lamp: Lamp
    plan: Plan
    backoff: Backoff
    applied: int | None = None
    applied_s: float = 0.0
    action: str = ""
    """Id of the switching that is being tried."""
    cause: str = ""
    """Why it has not worked yet."""
    next_s: float = 0.0
    told: LampStatus | None = None
    feedback: int | None = None


class ProgramRunner:
    """Implements `edge.commands.autonomy.Autonomy`; `run` lives as long as the agent."""

    def __init__(
        self,
        plans: Sequence[Plan],
        devices: Mapping[str, DeviceDefinition],
        actuator: Actuator,
        *,
        gate: Gate,
        ledger: Ledger,
        reporter: Reporter,
        announce: Callable[[Batch], Awaitable[object]],
        moments: Moments,
        values: LastValues,
        is_up: Callable[[str], bool],
    ) -> None:
        chance = random.Random()  # noqa: S311, spreads retries
        self._devices = devices
        self._actuator = actuator
        self._gate = gate
        self._ledger = ledger
        self._reporter = reporter
        self._announce = announce
        self._moments = moments
        self._values = values
        self._is_up = is_up
        self._decisions: dict[str, Decision] = {}
        self._held: Callable[[str], Sequence[Revert]] = lambda _: ()
        self._wake = {lamp.bus: asyncio.Event() for plan in plans for lamp in plan.lamps}
        self._states = {
            lamp.device: _State(lamp, plan, Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, chance))
            for plan in plans
            for lamp in plan.lamps
        }

    def attach(self, held: Callable[[str], Sequence[Revert]]) -> None:
        """Tell where overrides of a lamp are found."""
        self._held = held

    def governs(self, device: str, metric: str) -> bool:
        """Whether a program writes this point."""
        state = self._states.get(device)
        return state is not None and metric in state.lamp.metrics

    def override_s(self, device: str) -> float:
        """Until the program switches next: a command without an end of its own stands so long."""
        return max(1.0, self._decide(self._states[device].plan).left_s)

    def orders(self, device: str) -> list[tuple[str, Value]]:
        """What the program writes now; light where it does not know."""
        state = self._states.get(device)
        if state is None:
            return []
        level = self._decide(state.plan).level
        return state.lamp.orders(100 if level is None else level)

    def changed(self, device: str) -> None:
        """An override of the device began or ended."""
        state = self._states.get(device)
        if state is not None:
            state.applied, state.next_s = None, 0.0
            self._wake[state.lamp.bus].set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for bus in self._wake:
                group.create_task(self._work(bus), name=f"programs {bus}")

    async def _work(self, bus: str) -> None:
        wake = self._wake[bus]
        states = [state for state in self._states.values() if state.lamp.bus == bus]
        while True:
            wake.clear()
            for state in states:
                if await self._look(state):
                    await asyncio.sleep(state.plan.program.pace_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await wake.wait()

    def _decide(self, plan: Plan) -> Decision:
        program = plan.program
        now = self._moments.now()
        light: Value = None
        if program.light_sensor is not None:
            sensor = program.light_sensor
            light = self._values.good(sensor.device, sensor.point, sensor.max_age_s)
        decision = decide(
            program,
            plan.schedule,
            now.now_ms - plan.offset_ms if now.is_clock_known else None,
            None if light is None or isinstance(light, str) else float(light),
            self._decisions.get(program.id),
        )
        self._decisions[program.id] = decision
        return decision

    async def _look(self, state: _State) -> bool:
        """Compare what is with what shall be; whether the lamp was written."""
        device = self._devices.get(state.lamp.device)
        if device is None:
            return False
        held = self._held(device.id)
        if held:
            state.feedback = level_of(held[-1].held)
            await self._tell(state, level_of(held[-1].held), Reason.OVERRIDE)
            return False
        decision = self._decide(state.plan)
        await self._tell(state, decision.level, decision.reason)
        if decision.level is None:
            return False
        await self._begin_action(state, decision)
        return self._is_due(state, device, decision.level) and await self._switch(
            state, device, decision.level
        )

    def _is_due(self, state: _State, device: DeviceDefinition, level: int) -> bool:
        now = self._moments.now()
        if not self._is_up(device.id):
            state.applied, state.cause = None, "the lamp does not answer"
            return False
        is_right = state.applied == level and not self._has_drifted(state, device, level, now)
        return not is_right and now.monotonic_s >= state.next_s

    async def _begin_action(self, state: _State, decision: Decision) -> None:
        """A new switching begins; one that never worked is reported."""
        since = self._moments.now().now_ms if decision.since_ms is None else decision.since_ms
        is_same = state.action and (decision.since_ms is None or state.action.endswith(f"/{since}"))
        if is_same and state.action.startswith(_prefix(state, decision)):
            return
        if state.action and state.cause and state.applied is None:
            await self._report(state, CommandStatus.FAILED, state.cause, None)
        state.action, state.cause, state.next_s = f"{_prefix(state, decision)}/{since}", "", 0.0
        state.backoff.succeeded()

    async def _switch(self, state: _State, device: DeviceDefinition, level: int) -> bool:
        """One try. Failures are tried again later, less and less often."""
        reading: Reading | None = None
        has_written = False
        async with self._actuator.turn(device.id):
            if self._held(device.id):  # a command came first
                return False
            try:
                for metric, value in state.lamp.orders(level):
                    reading = await self._actuator.shows(device, metric, value)
                    if reading is None:
                        has_written = True
                        reading = await self._write(device, metric, value)
            except (CommandRejected, BusError, JournalError) as error:
                retry_s = error.retry_s if isinstance(error, CommandRejected) else None
                state.cause = str(error)
                state.next_s = self._moments.now().monotonic_s + (retry_s or state.backoff.failed())
                _LOG.warning(
                    "program-waits", extra={"device": device.id, "program": state.action, "cause": error}
                )
                return has_written
        state.applied, state.applied_s, state.feedback = level, self._moments.now().monotonic_s, level
        state.cause = ""
        state.backoff.succeeded()
        await self._tell(state, level, self._decide(state.plan).reason)
        if has_written:
            _LOG.info(
                "program-switched", extra={"device": device.id, "program": state.action, "level": level}
            )
            await self._report(state, CommandStatus.DONE, "", reading)
        return has_written

    async def _write(self, device: DeviceDefinition, metric: str, value: Value) -> Reading | None:
        now = self._moments.now()
        self._gate.check(device, metric, value, now)
        if device.rule(metric).min_interval_s:
            await self._ledger.do(self._ledger.journal.moved, device.id, metric, now)
        self._gate.moved(device.id, metric, now)
        outcome = await self._actuator.apply(device, metric, value)
        if outcome.status is not CommandStatus.DONE:
            raise BusError(outcome.error)
        return outcome.reading

    def _has_drifted(self, state: _State, device: DeviceDefinition, level: int, now: Moment) -> bool:
        if now.monotonic_s < state.applied_s + DRIFT_AFTER_S:
            return False
        for metric, value in state.lamp.orders(level):
            seen = self._values.good(device.id, metric, _SEEN_WITHIN_S)
            if seen is not None and not self._actuator.agrees(device, metric, value, seen):
                _LOG.warning("lamp-drifted", extra={"device": device.id, "metric": metric, "cause": seen})
                return True
        return False

    async def _tell(self, state: _State, target: int | None, reason: Reason) -> None:
        """Report target and feedback where they have changed; what is measured, scans report."""
        status = LampStatus(target, reason, state.feedback, state.plan.program.id)
        if status != state.told:
            state.told = status
            await self._announce(status_batch(state.lamp.device, status, self._moments.now().now_ms))

    async def _report(
        self, state: _State, status: CommandStatus, cause: str, reading: Reading | None
    ) -> None:
        metric = state.lamp.orders(0)[0][0] if reading is None else reading.metric
        action = Command(state.lamp.device, metric, None, state.action, 0, "program")
        if not await self._reporter.report(action, status, cause, reading):
            _LOG.warning("program-not-reported", extra={"device": state.lamp.device, "program": state.action})


def _prefix(state: _State, decision: Decision) -> str:
    return f"program/{state.plan.program.id}/{decision.reason.name.lower()}/{decision.level}"
