"""A command executor on a device made of plain values, with the real journal."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.commands.service import Commands
from edge.errors import BusLate, BusTimeout
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition
from edge.uplink.inbound import DeviceCommand
from telemetry.clock import Clock, SystemClock
from telemetry.commands import Command, command_metric
from telemetry.devices.classes import Point, Text
from telemetry.devices.writing import WriteRule, joined
from telemetry.readings import Batch, Reading, Value, ValueType
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DATATYPE_OF, DataType, Metric

DEVICE = "wm-000001"
TEXT = Text(vi="Thử", en="Test")
_STATES = {0: Text(vi="đóng", en="closed"), 1: Text(vi="mở", en="open")}
VALVE = Point(metric="Valve/Position", type=ValueType.INT32, writable=True, title=TEXT, states=_STATES)
OPENING = Point(
    metric="Valve/Opening", type=ValueType.DOUBLE, unit="%", range=(0, 100), writable=True, title=TEXT
)
FLOW = Point(metric="Flow/Rate", type=ValueType.DOUBLE, unit="m3/h", title=TEXT)
PROGRAM = Point(metric="Lamp/Program", type=ValueType.STRING, writable=True, title=TEXT)
LOCAL = Point(metric="Cabinet/Local Control", type=ValueType.BOOLEAN, title=TEXT)
SIREN = Point(metric="Alarm/Siren", type=ValueType.BOOLEAN, writable=True, title=TEXT)
POINTS = {point.metric: point for point in (VALVE, OPENING, FLOW, PROGRAM, LOCAL, SIREN)}


def definition(
    settle_s: float = 1.0, rules: Mapping[str, WriteRule] | None = None, lockout: str = ""
) -> DeviceDefinition:
    given = rules or {}
    return DeviceDefinition(
        DEVICE,
        "water_meter",
        1,
        "Đồng hồ",
        "test",
        points=POINTS,
        writable=frozenset({VALVE.metric, OPENING.metric, PROGRAM.metric, SIREN.metric}),
        rules={each: joined(WriteRule(settle_s=settle_s), given.get(each, WriteRule())) for each in POINTS},
        lockout=lockout,
    )


@dataclass
class FakeDevice:
    """Values that move to what is written after `travel_s`; it may be silent, stuck, or lose answers."""

    values: dict[str, Value] = field(default_factory=lambda: {VALVE.metric: 0, OPENING.metric: 0.0})
    travel_s: float = 0.0
    stuck: bool = False
    silent: bool = False
    swallows_answers: bool = False
    writes: list[tuple[str, Value]] = field(default_factory=list)
    holds: list[float | None] = field(default_factory=list)
    longest_hold_s: float | None = None
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
        await asyncio.sleep(0.01)
        self.busy -= 1
        if before is not None and time.monotonic() > before:
            raise BusLate("the line was not free in time")
        if self.silent:
            raise BusTimeout(f"{device} does not answer")
        self.writes.append((metric, value))
        self.holds.append(hold_s)
        if not self.stuck:
            asyncio.get_running_loop().call_later(
                self.travel_s, self.values.__setitem__, metric, value
            ) if self.travel_s else self.values.__setitem__(metric, value)
        if self.swallows_answers:
            raise BusTimeout(f"{device} does not answer")

    def timer_s(self, device: str, metric: str, value: Value) -> float | None:
        return self.longest_hold_s if isinstance(value, bool) else None

    async def read(self, device: str, metric: str) -> Reading:
        await asyncio.sleep(0)
        if self.silent:
            raise BusTimeout(f"{device} does not answer")
        point = POINTS[metric]
        return Reading(device, metric, point.type, self.values.get(metric), int(time.time() * 1000))


def order(
    metric: str = VALVE.metric,
    value: Value = 1,
    *,
    command_id: str | None = "c-1",
    life_s: float = 30,
    device: str = DEVICE,
    datatype: DataType | None = None,
    revert_after_s: float | None = None,
) -> DeviceCommand:
    now_ms = int(time.time() * 1000)
    point = POINTS.get(metric)
    kind = datatype or (DataType.INT32 if point is None else DATATYPE_OF[point.type])
    expires_ms = now_ms + round(life_s * 1000)
    command = Command(device, metric, value, command_id, expires_ms, "operator", revert_after_s)
    return DeviceCommand(device, command_metric(command, kind, now_ms), now_ms)


def plain(metric: str, value: Value) -> DeviceCommand:
    return DeviceCommand(DEVICE, Metric(metric, DataType.UNKNOWN, value), None)


@dataclass(frozen=True)
class Told:
    """One report, taken apart."""

    command_id: str
    status: int
    error: str
    values: dict[str, Value]


class Rig:
    """The command service under test, and what it reported."""

    def __init__(
        self,
        folder: Path,
        device: FakeDevice,
        *,
        accept_plain: bool = False,
        settle_s: float = 1.0,
        rules: Mapping[str, WriteRule] | None = None,
        lockout: str = "",
        clock: Clock | None = None,
        boot: str = "boot-1",
    ) -> None:
        self.told: list[Told] = []
        self.batches: list[Batch] = []
        self.up = {DEVICE}
        self.device = device
        self.is_clock_known = True
        self._news = asyncio.Event()
        self.commands = Commands(
            GatewayDefinition("p060", "eg-0001", {DEVICE: definition(settle_s, rules, lockout)}),
            device,
            folder,
            self._take,
            clock or SystemClock(),
            is_up=lambda name: name in self.up,
            is_clock_known=lambda: self.is_clock_known,
            accept_plain=accept_plain,
            boot=boot,
        )

    def sees(self, metric: str, value: Value) -> None:
        """A scan brought a value."""
        reading = Reading(DEVICE, metric, POINTS[metric].type, value, int(time.time() * 1000))
        self.commands.values.note(Batch(DEVICE, (reading,)))

    async def _take(self, batch: Batch) -> Future[int | None]:
        self.batches.append(batch)
        values = {reading.metric: reading.value for reading in batch.readings}
        told = Told(
            str(values.pop(names.COMMAND_LAST_ID)),
            int(values.pop(names.COMMAND_STATUS) or 0),
            str(values.pop(names.COMMAND_ERROR)),
            values,
        )
        self.told.append(told)
        self._news.set()
        done: Future[int | None] = Future()
        done.set_result(len(self.told))
        return done

    def statuses(self, command_id: str = "c-1") -> list[int]:
        return [told.status for told in self.told if told.command_id == command_id]

    async def until(self, count: int) -> None:
        """Wait for `count` reports."""
        async with asyncio.timeout(10):
            while len(self.told) < count:
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def rig_on(folder: Path, device: FakeDevice | None = None, **options: Any) -> AsyncIterator[Rig]:
    """A running command service; at the end it is cut off as by the end of its process."""
    rig = Rig(folder, device or FakeDevice(), **options)
    running = asyncio.create_task(rig.commands.run())
    try:
        yield rig
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        rig.commands.close()
