"""Programs on lamps made of plain values, with a clock that a test can set."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from edge.commands.service import Commands
from edge.errors import BusTimeout
from edge.programs.config import Program
from edge.programs.lamps import LEVEL, ON, REPORTED, Lamp
from edge.programs.plan import Plan
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition
from edge.uplink.inbound import DeviceCommand
from telemetry.commands import Command, command_metric
from telemetry.devices.library import Library
from telemetry.devices.writing import WriteRule
from telemetry.readings import Batch, Reading, Value
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DATATYPE_OF
from tests.edge.programs.samples import program, schedule
from tests.edge.programs.test_schedule import at

CLASS = Library.shipped().classes["streetlight"]
LAMP = "sl-000001"
LUX = "Solar/Illuminance"


class SetClock:
    """Real monotonic time; the wall clock stands where a test puts it, and goes on from there."""

    def __init__(self, local: str) -> None:
        self.set(local)

    def set(self, local: str) -> None:
        self._offset_ms = at(local) - time.monotonic_ns() // 1_000_000

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 + self._offset_ms

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Lamps:
    """Lamps that take what is written; some may be silent."""

    values: dict[tuple[str, str], Value] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    writes: list[tuple[str, str, Value]] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0

    async def write(
        self,
        device: str,
        metric: str,
        value: Value,
        *,
        before: float | None = None,
        hold_s: float | None = None,
    ) -> None:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        await asyncio.sleep(0.005)
        self.busy -= 1
        if device in self.silent:
            raise BusTimeout(f"{device} does not answer")
        self.writes.append((device, metric, value))
        self.values[device, metric] = value

    def timer_s(self, device: str, metric: str, value: Value) -> float | None:
        return None

    async def read(self, device: str, metric: str) -> Reading:
        await asyncio.sleep(0)
        if device in self.silent:
            raise BusTimeout(f"{device} does not answer")
        default: Value = False if metric == ON else 0
        value = self.values.get((device, metric), default)
        return Reading(device, metric, CLASS.by_metric[metric].type, value, time.time_ns() // 1_000_000)


class Site:
    """Command service and programs on some lamps, and what they reported."""

    def __init__(
        self,
        folder: Path,
        lamps: Lamps,
        clock: SetClock,
        *,
        lamp: Lamp | None = None,
        given: Program | None = None,
        count: int = 1,
        rules: dict[str, WriteRule] | None = None,
        boot: str = "boot-1",
    ) -> None:
        self.lamps = lamps
        self.clock = clock
        self.is_clock_known = True
        self.told: list[dict[str, Value]] = []
        kind = lamp or Lamp(LAMP, "bus", has_switch=False, has_dimmer=True)
        ids = [f"sl-{number + 1:06}" for number in range(count)]
        self.up = set(ids)
        made = tuple(Lamp(each, kind.bus, kind.has_switch, kind.has_dimmer) for each in ids)
        chosen = given or program()
        writable = {metric for metric in (ON, LEVEL) if metric == LEVEL or kind.has_switch}
        points = {metric: CLASS.by_metric[metric] for metric in (*writable, *REPORTED)}
        settle = {metric: WriteRule(settle_s=0.2) for metric in writable}
        definitions = {
            each: DeviceDefinition(
                each, "streetlight", 1, each, "test", points, frozenset(writable), rules=rules or settle
            )
            for each in ids
        }
        self.commands = Commands(
            GatewayDefinition("p060", "eg-0001", definitions),
            lamps,
            folder,
            self._take,
            clock,
            is_up=lambda name: name in self.up,
            is_clock_known=lambda: self.is_clock_known,
            plans=[Plan(chosen, schedule(chosen), made, 0)],
            boot=boot,
        )

    async def _take(self, batch: Batch) -> Future[int | None]:
        self.told.append({"device": batch.device, **{each.metric: each.value for each in batch.readings}})
        done: Future[int | None] = Future()
        done.set_result(1)
        return done

    def order(
        self, metric: str, value: Value, command_id: str = "c-1", revert_after_s: float | None = None
    ) -> None:
        now_ms = self.clock.now_ms()
        command = Command(LAMP, metric, value, command_id, now_ms + 30_000, "lan", revert_after_s)
        kind = DATATYPE_OF[CLASS.by_metric[metric].type]
        self.commands.submit(DeviceCommand(LAMP, command_metric(command, kind, now_ms), now_ms))

    def results(self) -> list[tuple[str, int]]:
        """Ids and states of everything that acted."""
        return [
            (str(each[names.COMMAND_LAST_ID]), int(each[names.COMMAND_STATUS] or 0))
            for each in self.told
            if names.COMMAND_STATUS in each
        ]

    def last(self, metric: str) -> Value:
        """What was reported last of the lamp's metric."""
        return next((each[metric] for each in reversed(self.told) if metric in each), None)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not holds():
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(site: Site) -> AsyncIterator[Site]:
    """The site at work; at the end it is cut off as by the end of its process."""
    task = asyncio.create_task(site.commands.run())
    try:
        yield site
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        site.commands.close()
