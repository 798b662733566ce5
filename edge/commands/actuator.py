"""One write with its proof: commands, what takes them back and programs all act through here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from edge.commands.readback import ReadBack, matches, read_back, settle_s
from edge.errors import BusError, BusLate, NotWritable
from edge.ports import DevicePort
from edge.uplink.definitions import DeviceDefinition
from telemetry.clock import Clock
from telemetry.commands import CommandStatus
from telemetry.devices.classes import Point
from telemetry.readings import Quality, Reading, Value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a write."""

    status: CommandStatus
    error: str = ""
    reading: Reading | None = None
    may_have_acted: bool = True
    """Whether the write may have reached the device."""


class Actuator:
    """Writes and reads back; gives each device to one of its users at a time."""

    def __init__(self, port: DevicePort, clock: Clock) -> None:
        self._port = port
        self._clock = clock
        self._turns: dict[str, asyncio.Lock] = {}

    def turn(self, device: str) -> asyncio.Lock:
        """Hold this while acting on `device`."""
        return self._turns.setdefault(device, asyncio.Lock())

    async def apply(
        self,
        device: DeviceDefinition,
        metric: str,
        value: Value,
        *,
        before: float | None = None,
        hold_s: float | None = None,
    ) -> Outcome:
        """Write `value` once, not after `before` (monotonic), and wait until the device shows it."""
        write_error = ""
        try:
            _point(device, metric)
            await self._port.write(device.id, metric, value, before=before, hold_s=hold_s)
        except NotWritable as error:
            return Outcome(CommandStatus.REJECTED, str(error), may_have_acted=False)
        except BusLate as error:
            return Outcome(CommandStatus.EXPIRED, str(error), may_have_acted=False)
        except BusError as error:
            # The answer may have been lost behind a write that worked: what the device shows decides.
            write_error = f"write failed: {error}"
        found = await self.prove(device, metric, value, within_s=0.0 if write_error else None)
        if not found.error:
            return Outcome(CommandStatus.DONE, reading=found.reading)
        return Outcome(CommandStatus.FAILED, write_error or found.error, found.reading)

    async def prove(
        self, device: DeviceDefinition, metric: str, value: Value, *, within_s: float | None = None
    ) -> ReadBack:
        """Read until the device shows `value`, for as long as the point may need to settle."""
        rule = device.rule(metric)
        return await read_back(
            self._port,
            device.id,
            _point(device, metric),
            rule,
            value,
            within_s=settle_s(rule) if within_s is None else within_s,
            clock=self._clock,
        )

    async def shows(self, device: DeviceDefinition, metric: str, value: Value) -> Reading | None:
        """What the device shows now, where it is `value`; None where it is not. Raises `BusError`."""
        reading = await self._port.read(device.id, metric)
        is_good = reading.quality is Quality.GOOD
        return reading if is_good and self.agrees(device, metric, value, reading.value) else None

    def agrees(self, device: DeviceDefinition, metric: str, wanted: Value, seen: Value) -> bool:
        """Whether `seen` counts as `wanted`."""
        return matches(_point(device, metric), device.rule(metric), wanted, seen)

    async def hold(self, device: str, metric: str, value: Value, seconds: float) -> None:
        """Let the instrument's own timer hold `value` for longer. Raises `BusError`."""
        await self._port.write(device, metric, value, hold_s=seconds)

    async def present(self, device: str, metric: str) -> Reading:
        """What the device shows now. Raises `BusError`."""
        return await self._port.read(device, metric)

    def timer_s(self, device: str, metric: str, value: Value) -> float | None:
        """The longest time for which the instrument itself can hold `value`; None where it has no timer."""
        try:
            return self._port.timer_s(device, metric, value)
        except BusError:
            return None


def _point(device: DeviceDefinition, metric: str) -> Point:
    """The point; a change of the configuration may have taken it away. Raises `NotWritable`."""
    point = device.points.get(metric)
    if point is None:
        raise NotWritable(f"{device.id} has no {metric} any more")
    return point
