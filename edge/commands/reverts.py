"""Takes timed commands back: valves close and lamps return to their program, whatever happens to the agent.

What must be taken back stands in the journal from before the write on. When its time comes the point is read;
only where it does not yet show the value is it written, again and again until it does, for at most a day.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from edge.bus.backoff import Backoff
from edge.commands.actuator import Actuator, Outcome
from edge.commands.autonomy import Autonomy
from edge.commands.errors import CommandRejected, JournalError
from edge.commands.gate import Gate
from edge.commands.journal import Revert
from edge.commands.ledger import Ledger
from edge.commands.moments import Moments
from edge.commands.results import Results
from edge.errors import BusError
from edge.uplink.definitions import DeviceDefinition
from telemetry.commands import CommandStatus
from telemetry.readings import Reading, Value

_LOG: Final = logging.getLogger("edge.commands")
_LONGEST_SLEEP_S: Final = 30.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
GIVE_UP_S: Final = 86_400.0


class Reverter:
    """Knows everything that has to be taken back; `run` does it."""

    def __init__(
        self,
        devices: Mapping[str, DeviceDefinition],
        actuator: Actuator,
        *,
        gate: Gate,
        ledger: Ledger,
        results: Results,
        moments: Moments,
        is_up: Callable[[str], bool],
        programs: Autonomy,
    ) -> None:
        self._devices = devices
        self._actuator = actuator
        self._gate = gate
        self._ledger = ledger
        self._results = results
        self._moments = moments
        self._is_up = is_up
        self._programs = programs
        self._armed: dict[str, Revert] = {}
        self._at_work: set[str] = set()
        self._renewed_s: dict[str, float] = {}
        self._wake = asyncio.Event()

    async def load(self) -> None:
        """Take over what a former life left. Raises `JournalError`."""
        for revert in await self._ledger.do(self._ledger.journal.armed):
            self._armed[revert.id] = revert

    def arm(self, revert: Revert) -> None:
        """`revert` stands in the journal now."""
        self._armed[revert.id] = revert
        self._renewed_s[revert.id] = self._moments.now().monotonic_s
        self._wake.set()
        self._tell(revert)

    def forget(self, revert_ids: tuple[str, ...]) -> None:
        """These are void in the journal."""
        for revert_id in revert_ids:
            revert = self._armed.pop(revert_id, None)
            self._renewed_s.pop(revert_id, None)
            if revert is not None:
                self._tell(revert)

    def on(self, device: str, scope: str) -> list[Revert]:
        """What will be taken back there, in the order in which it was armed."""
        return [each for each in self._armed.values() if (each.device, each.scope) == (device, scope)]

    async def run(self) -> None:
        """Take back what is due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                now = self._moments.now()
                wait_s = _LONGEST_SLEEP_S
                for revert in list(self._armed.values()):
                    left_s = revert.due.left_s(now)
                    if revert.id in self._at_work:
                        continue
                    if left_s is None or left_s <= 0:  # after a restart without a known time: now
                        self._at_work.add(revert.id)
                        group.create_task(self._take_back(revert))
                    else:
                        wait_s = min(wait_s, left_s, await self._renew(revert, left_s))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()

    async def _renew(self, revert: Revert, left_s: float) -> float:
        """Wind up an instrument's timer that is too short for the whole time; seconds until the next winding.

        The first winding with no more than the timer's length left is the last one.
        """
        timer_s = self.timer_s(revert)
        if timer_s is None or timer_s >= revert.after_s:
            return _LONGEST_SLEEP_S
        now_s = self._moments.now().monotonic_s
        wound_s = self._renewed_s.get(revert.id)
        if wound_s is not None and revert.due.monotonic_s - wound_s <= timer_s:
            return _LONGEST_SLEEP_S
        wait_s = 0.0 if wound_s is None else wound_s + timer_s / 2 - now_s
        if wait_s > 0:
            return wait_s
        async with self._actuator.turn(revert.device):
            if revert.id not in self._armed:
                return _LONGEST_SLEEP_S
            try:
                await self._actuator.hold(revert.device, revert.metric, revert.held, min(timer_s, left_s))
            except BusError as error:
                _LOG.warning("timer-not-renewed", extra={"command": revert.id, "cause": error})
                return _FIRST_PAUSE_S
        self._renewed_s[revert.id] = now_s
        return timer_s / 2

    def timer_s(self, revert: Revert) -> float | None:
        """The longest time for which the instrument itself can do it; None where it cannot."""
        if revert.to_program:
            return None
        is_opposite = isinstance(revert.held, bool) and revert.value is (not revert.held)
        return self._actuator.timer_s(revert.device, revert.metric, revert.held) if is_opposite else None

    async def _take_back(self, revert: Revert) -> None:
        """Try until it is done, void, or a day late; then report."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, random.Random())  # noqa: S311, spreads retries
        cause = ""
        began_s = self._moments.now().monotonic_s
        while revert.id in self._armed:
            if self._moments.now().monotonic_s > began_s + GIVE_UP_S:
                await self._end(revert, Outcome(CommandStatus.FAILED, f"not taken back in a day: {cause}"))
                return
            pause_s = None
            try:
                if await self._attempt(revert) is not None:
                    return
                cause = "the device does not answer"
            except CommandRejected as error:
                cause, pause_s = str(error), error.retry_s
            except (BusError, JournalError) as error:
                cause = str(error)
            _LOG.warning("revert-waits", extra={"command": revert.id, "cause": cause})
            await asyncio.sleep(min(backoff.failed(), pause_s or _LONGEST_PAUSE_S))

    async def _attempt(self, revert: Revert) -> Outcome | None:
        """One try; None where another one is worth while. Raises `CommandRejected`, `BusError`."""
        device = self._devices.get(revert.device)
        async with self._actuator.turn(revert.device):
            if revert.id not in self._armed:
                return Outcome(CommandStatus.DONE)
            orders = self._orders(revert, device)
            if device is None or not orders:
                return await self._end(
                    revert, Outcome(CommandStatus.FAILED, "nothing governs the point any more: it stays")
                )
            if not self._is_up(device.id):
                return None
            reading: Reading | None = None
            for metric, value in orders:
                reading = await self._bring(device, metric, value)
            return await self._end(revert, Outcome(CommandStatus.DONE, reading=reading))

    def _orders(self, revert: Revert, device: DeviceDefinition | None) -> list[tuple[str, Value]]:
        if revert.to_program:
            return self._programs.orders(revert.device)
        return [(revert.metric, revert.value)] if device and revert.metric in device.writable else []

    async def _bring(self, device: DeviceDefinition, metric: str, value: Value) -> Reading | None:
        """The point to `value`, written only where it shows another. Raises `CommandRejected`, `BusError`."""
        reading = await self._actuator.shows(device, metric, value)
        if reading is not None:
            return reading
        now = self._moments.now()
        self._gate.check(device, metric, value, now)
        await self._ledger.do(self._ledger.journal.moved, device.id, metric, now)
        self._gate.moved(device.id, metric, now)
        outcome = await self._actuator.apply(device, metric, value)
        if outcome.status is not CommandStatus.DONE:
            raise BusError(outcome.error)
        return outcome.reading

    async def _end(self, revert: Revert, outcome: Outcome) -> Outcome:
        await self._ledger.insist(self._ledger.journal.end_revert, revert.id, outcome.status, outcome.error)
        self.forget((revert.id,))
        self._at_work.discard(revert.id)
        value = revert.value if outcome.reading is None else outcome.reading.value
        await self._results.finish(
            replace(revert.command, value=value), outcome.status, outcome.error, outcome.reading
        )
        return outcome

    def _tell(self, revert: Revert) -> None:
        if revert.to_program:
            self._programs.changed(revert.device)
