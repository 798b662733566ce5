"""Killed at any point: no command acts twice or late, and each ends in exactly one reported state.

A state machine sends commands, repeats them, moves time, takes the device away, and lets the agent die at any
of the points where something becomes durable or visible: before and after each commit, write and report.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from edge.commands.service import Commands
from edge.errors import BusLate, BusTimeout
from edge.uplink.definitions import GatewayDefinition
from edge.uplink.inbound import DeviceCommand
from telemetry.commands import Command, CommandStatus, command_metric
from telemetry.devices.writing import WriteRule
from telemetry.readings import Batch, Reading, Value
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DataType
from tests.edge.commands.rig import DEVICE, OPENING, definition

BEGIN_MS = 1_790_000_000_000
RULES = {OPENING.metric: WriteRule(revert_to=0.0, tolerance=0.1)}


class Killed(BaseException):
    """The end of the process."""


class World:
    """What outlives the agent: time, the device, what was reported, and when it dies next."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.jumped_s = 0.0
        self.boots = 0
        self.booted_at = 0.0
        self.wrong_by_s = 0.0
        self.is_clock_known = True
        self.points_left: int | None = None
        self.value = 0.0
        self.is_up = True
        self.writes: list[tuple[float, float]] = []
        self.reports: list[tuple[str, CommandStatus]] = []

    @property
    def seconds(self) -> float:
        """True time: that of the machine, and what a test lets pass at once."""
        return time.monotonic() - self._began + self.jumped_s

    def point(self) -> None:
        """A point at which the agent may die."""
        if self.points_left is not None:
            self.points_left -= 1
            if self.points_left < 0:
                raise Killed

    def now_ms(self) -> int:
        return BEGIN_MS + round((self.seconds + self.wrong_by_s) * 1000)

    def monotonic(self) -> float:
        return self.seconds - self.booted_at

    async def write(
        self,
        device: str,
        metric: str,
        value: Value,
        *,
        before: float | None = None,
        hold_s: float | None = None,
    ) -> None:
        assert isinstance(value, float)
        self.point()
        await asyncio.sleep(0)
        if before is not None and self.monotonic() > before:
            raise BusLate("too late")
        if not self.is_up:
            raise BusTimeout(f"{device} does not answer")
        self.writes.append((self.seconds, value))
        self.value = value
        self.point()

    def timer_s(self, device: str, metric: str, value: Value) -> float | None:
        return None

    async def read(self, device: str, metric: str) -> Reading:
        await asyncio.sleep(0)
        if not self.is_up:
            raise BusTimeout(f"{device} does not answer")
        return Reading(device, metric, OPENING.type, self.value, self.now_ms())

    async def spool(self, batch: Batch) -> Future[int | None]:
        self.point()
        told = {reading.metric: reading.value for reading in batch.readings}
        if names.COMMAND_STATUS in told:
            status = CommandStatus(int(told[names.COMMAND_STATUS] or 0))
            self.reports.append((str(told[names.COMMAND_LAST_ID]), status))
        done: Future[int | None] = Future()
        done.set_result(1)
        self.point()
        return done


class Agent:
    """One life of the command service."""

    def __init__(self, folder: Path, world: World) -> None:
        gateway = GatewayDefinition("p060", "eg-0001", {DEVICE: definition(0.05, RULES)})
        self.commands = Commands(
            gateway,
            world,
            folder,
            world.spool,
            world,
            is_up=lambda _: world.is_up,
            is_clock_known=lambda: world.is_clock_known,
            boot=f"boot-{world.boots}",
        )
        database = self.commands._journal._database
        commit = database.commit

        def deadly_commit(*statements: Any) -> None:
            world.point()
            commit(*statements)
            world.point()

        database.commit = deadly_commit  # type: ignore[method-assign]
        self.task = asyncio.create_task(self.commands.run())

    async def end(self) -> None:
        self.task.cancel()
        with contextlib.suppress(BaseException):
            await self.task
        self.commands.close()


class Crashes(RuleBasedStateMachine):
    """Drives a `World`; each rule gives the agent a moment to work."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="kega-")
        self._loop = asyncio.new_event_loop()
        self.world = World()
        self.sent: list[Command] = []
        self._away_s = 0.0
        """How long the agent stays dead."""
        self.agent: Agent = self._do(self._start())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    async def _start(self) -> Agent:
        return Agent(Path(self._folder.name), self.world)

    async def _work(self) -> None:
        """Let the agent work for a moment; start it again where it has died."""
        for _ in range(6):
            await asyncio.sleep(0.003)
            if self.agent.task.done():
                self.world.jumped_s += self._away_s
                await self._again()

    async def _again(self) -> None:
        await self.agent.end()
        self.world.points_left = None
        self.agent = await self._start()

    def _submit(self, command: Command) -> None:
        sent_ms = BEGIN_MS + round(self.world.seconds * 1000)
        metric = command_metric(command, DataType.DOUBLE, sent_ms)
        self.agent.commands.submit(DeviceCommand(DEVICE, metric, sent_ms))

    @precondition(lambda self: len(self.sent) < 40)
    @rule(
        life_s=st.sampled_from([1.0, 20.0, 200.0]),
        revert_after_s=st.sampled_from([None, None, 5.0, 60.0]),
        twice=st.booleans(),
        dies_after=st.one_of(st.none(), st.integers(0, 12)),
        away_s=st.sampled_from([0.0, 0.0, 30.0]),
    )
    def order(
        self,
        life_s: float,
        revert_after_s: float | None,
        twice: bool,
        dies_after: int | None,
        away_s: float,
    ) -> None:
        self.world.points_left, self._away_s = dies_after, away_s
        number = len(self.sent) + 1
        expires_ms = BEGIN_MS + round((self.world.seconds + life_s) * 1000)
        command = Command(
            DEVICE, OPENING.metric, 2.0 * number, f"c-{number}", expires_ms, "x", revert_after_s
        )
        self.sent.append(command)
        for _ in range(1 + twice):
            self._submit(command)
        self._do(self._work())

    @precondition(lambda self: bool(self.sent))
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self._submit(data.draw(st.sampled_from(self.sent)))
        self._do(self._work())

    @rule(points=st.integers(0, 8))
    def die_soon(self, points: int) -> None:
        self.world.points_left = points

    @rule()
    def die_now(self) -> None:
        self._do(self._again())
        self._do(self._work())

    @rule(knows=st.booleans(), wrong_by_s=st.sampled_from([0.0, -1e6, 1e6]))
    def reboot(self, knows: bool, wrong_by_s: float) -> None:
        self._do(self.agent.end())
        world = self.world
        world.jumped_s += 3
        world.boots += 1
        world.booted_at = world.seconds
        world.is_clock_known, world.wrong_by_s = knows, 0.0 if knows else wrong_by_s
        self._do(self._again())
        self._do(self._work())

    @rule()
    def learn_the_time(self) -> None:
        self.world.is_clock_known, self.world.wrong_by_s = True, 0.0

    @rule(seconds=st.sampled_from([0.5, 3.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.world.jumped_s += seconds
        self._do(self._work())

    @rule(is_up=st.booleans())
    def device(self, is_up: bool) -> None:
        self.world.is_up = is_up

    def _finals(self) -> dict[str, set[CommandStatus]]:
        finals: dict[str, set[CommandStatus]] = {}
        for command_id, status in self.world.reports:
            if status.is_final:
                finals.setdefault(command_id, set()).add(status)
        return finals

    def teardown(self) -> None:
        """Everything comes back and the host repeats: each command ends, the timed ones are taken back."""
        world = self.world
        world.points_left, world.is_up = None, True
        self.learn_the_time()
        try:
            self._do(self._again())
            self._do(self._until(self._all_ended))
            writes = [value for _, value in world.writes if value]
            last = next((each for each in self.sent if writes and each.value == writes[-1]), None)
            world.jumped_s += 100
            if last is not None and last.revert_after_s is not None:
                self._do(self._again())  # sleeps end by real time: a new life looks at once
                self._do(self._until(lambda: world.value == 0.0))
            self._check()
        finally:
            self._do(self.agent.end())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self._folder.cleanup()

    def _all_ended(self) -> bool:
        finals = self._finals()
        missing = [each for each in self.sent if str(each.id) not in finals]
        for command in missing[:8]:
            self._submit(command)
        return not missing

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await self._work()
                await asyncio.sleep(0.02)

    def _check(self) -> None:
        writes = Counter(value for _, value in self.world.writes if value)
        assert all(count == 1 for count in writes.values()), f"acted twice: {self.world.writes}"
        ends = {each.value: (each.expires_ms - BEGIN_MS) / 1000 for each in self.sent}
        late = [(at_s, value) for at_s, value in self.world.writes if value and at_s > ends[value] + 0.05]
        assert not late, f"acted after the expiry: {late}"
        several = {name: states for name, states in self._finals().items() if len(states) > 1}
        assert not several, f"more than one final state: {several}"


Crashes.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestCrashes = Crashes.TestCase
