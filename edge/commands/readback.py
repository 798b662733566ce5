"""Whether the device really did it: read until the value is there, or the time to settle is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from edge.errors import BusError
from edge.ports import DevicePort
from telemetry.clock import Clock
from telemetry.devices.classes import Point
from telemetry.devices.writing import WriteRule
from telemetry.readings import Quality, Reading, Value, ValueType

SETTLE_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0


def settle_s(rule: WriteRule) -> float:
    """How long the point may take to show a new value."""
    return SETTLE_S if rule.settle_s is None else rule.settle_s


def matches(point: Point, rule: WriteRule, wanted: Value, seen: Value) -> bool:
    """Whether `seen` shows that `wanted` has been reached.

    Without a tolerance in the rule, a Double may differ by its dead band, half its last shown digit or 1 %;
    a percentage by one, for instruments count in 254 steps. Everything else must be equal.
    """
    if isinstance(wanted, bool | str) or isinstance(seen, bool | str) or wanted is None or seen is None:
        return type(wanted) is type(seen) and wanted == seen
    tolerance = rule.tolerance
    if tolerance is None:
        tolerance = point.dead_band
        if point.type is ValueType.DOUBLE:
            tolerance = max(tolerance, 0.5 * 10**-point.decimals, 0.01 * abs(wanted))
        if point.unit == "%":
            tolerance = max(tolerance, 1.0)
    return abs(wanted - seen) <= tolerance + 1e-9


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read last, and why it does not prove the command; `error` is empty where it does."""

    reading: Reading | None
    error: str


async def read_back(
    port: DevicePort,
    device: str,
    point: Point,
    rule: WriteRule,
    wanted: Value,
    *,
    within_s: float,
    clock: Clock,
) -> ReadBack:
    """Read `point` until it shows `wanted`, for at most `within_s`, at least once."""
    deadline = clock.monotonic() + within_s
    pause_s = _FIRST_PAUSE_S
    last: Reading | None = None
    while True:
        try:
            last = await port.read(device, point.metric)
        except BusError as error:
            cause = f"read-back failed: {error}"
        else:
            if last.quality is not Quality.GOOD:
                cause = f"read-back is not good: {last.reason or last.quality.name.lower()}"
            elif matches(point, rule, wanted, last.value):
                return ReadBack(last, "")
            else:
                cause = f"read back {last.value!r} instead of {wanted!r} after {within_s:g} s"
        left_s = deadline - clock.monotonic()
        if left_s <= 0:
            return ReadBack(last, cause)
        await asyncio.sleep(min(pause_s, left_s))
        pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)
