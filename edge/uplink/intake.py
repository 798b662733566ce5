"""The last check before the spool: types, times, news and importance of what a bus or a command brings."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from edge.report.alarms import AlarmWatch
from edge.report.filter import ReportFilter
from edge.spool.batches import NewBatch, Priority, encode_batch
from edge.time.stamps import CLOCK_KNOWN_MS, StrictTimes
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition
from telemetry.readings import Batch, Quality, Reading, Value, ValueType

_LARGEST_DOUBLE: Final = sys.float_info.max
_LARGEST: Final = {ValueType.INT32: 2**31 - 1, ValueType.INT64: 2**63 - 1, ValueType.DATETIME: 2**63 - 1}


class _Device:
    """What is remembered of one device between its scans."""

    def __init__(self, definition: DeviceDefinition) -> None:
        self.definition = definition
        self.alarms = AlarmWatch(definition.alarms)
        self.filter = None if definition.report is None else ReportFilter(definition.report)


class Intake:
    """Makes a batch fit for the spool."""

    def __init__(
        self,
        gateway: GatewayDefinition,
        *,
        boot: str,
        measured_ms: Callable[[int], int] = lambda now_ms: now_ms,
    ) -> None:
        """Take readings of `gateway`.

        Args:
            gateway: its devices.
            boot: readings from before 2020 are of milliseconds since the start of this boot.
            measured_ms: turns the time that a result of a command was given into one of the readings' clock.
        """
        self._gateway = gateway
        self._measured_ms = measured_ms
        self._boot = boot
        self.stamps = StrictTimes()
        self._devices: dict[str, _Device] = {}

    def prepare(self, batch: Batch, *, is_result: bool = False) -> NewBatch | None:
        """`batch` checked, stamped and encoded; None where nothing of it is worth sending.

        A value that does not fit its type becomes none, of quality BAD, with the reason. `is_result`: it
        reports a command, goes whole, and is kept longest.
        """
        # Nearly all are good finite numbers, and only the others need a closer look.
        readings = [
            each
            if type(each.value) is float
            and each.type is ValueType.DOUBLE
            and each.quality is Quality.GOOD
            and -_LARGEST_DOUBLE <= each.value <= _LARGEST_DOUBLE
            else _checked(each)
            for each in batch.readings
        ]
        if is_result:
            readings = [replace(each, time_ms=self._measured_ms(each.time_ms)) for each in readings]
        device = self._device(batch.device)
        is_alarm = device is not None and device.alarms.changed(readings)
        if device is not None and device.filter is not None and readings:
            if not (is_result or is_alarm):
                readings = device.filter.select(readings)
            device.filter.sent(readings)
        if not readings:
            return None
        times = [reading.time_ms for reading in readings]
        shift = self.stamps.shift_ms(batch.device, min(times), max(times))
        if shift:
            readings = [replace(reading, time_ms=reading.time_ms + shift) for reading in readings]
        return encode_batch(
            Batch(batch.device, tuple(readings)),
            Priority.IMPORTANT if is_alarm or is_result else Priority.ORDINARY,
            boot=self._boot if max(times) < CLOCK_KNOWN_MS else "",
        )

    def _device(self, name: str) -> _Device | None:
        definition = self._gateway.devices.get(name)
        if definition is None:
            return None
        known = self._devices.get(name)
        if known is None or known.definition is not definition:
            known = self._devices[name] = _Device(definition)
        return known


def _checked(reading: Reading) -> Reading:
    cause = _misfit(reading.type, reading.value)
    if cause:
        return replace(reading, value=None, quality=Quality.BAD, reason=cause)
    if reading.value is None and reading.quality is Quality.GOOD:
        return replace(reading, quality=Quality.BAD, reason=reading.reason or "no value")
    return reading


def _misfit(kind: ValueType, value: Value) -> str:
    """Why `value` cannot travel as `kind`; empty where it can."""
    if value is None:
        return ""
    is_bool = isinstance(value, bool)
    match kind:
        case ValueType.BOOLEAN:
            fits = is_bool
        case ValueType.STRING:
            fits = isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value)
        case ValueType.DOUBLE:
            fits = isinstance(value, int | float) and not is_bool and math.isfinite(value)
        case _:
            fits = isinstance(value, int) and not is_bool and 0 <= value <= _LARGEST[kind]
    return "" if fits else f"{str(value)[:40]!r} is no {kind.value}"
