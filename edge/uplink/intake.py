"""The last check before the spool: types, times and importance of what a bus or a command brings."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from edge.spool.batches import NewBatch, Priority, encode_batch
from edge.uplink.definitions import GatewayDefinition
from telemetry.readings import Batch, Quality, Reading, Value, ValueType

_LOG: Final = logging.getLogger("edge.uplink")
CLOCK_KNOWN_MS: Final = 1_577_836_800_000
"""2020-01-01: a reading from before comes from a clock that was never set (rule X-TS-3)."""
STEP_BACK_MS: Final = 60_000
_LARGEST: Final = {ValueType.INT32: 2**31 - 1, ValueType.INT64: 2**63 - 1, ValueType.DATETIME: 2**63 - 1}


class Stamps:
    """Strictly increasing times of each device (rule X-TS-1)."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def learn(self, times: Mapping[str, int]) -> None:
        """Newest times of former lives of the agent."""
        for device, time_ms in times.items():
            self._last[device] = max(time_ms, self._last.get(device, 0))

    def shift_ms(self, device: str, oldest_ms: int, newest_ms: int) -> int:
        """Milliseconds to add so that all times of a batch come after those before it.

        A clock that was set back by more than a minute is followed: to hold on to times from a wrong future
        would make every later reading wrong.
        """
        last = self._last.get(device, 0)
        shift = 0
        if oldest_ms <= last:
            if last - newest_ms > STEP_BACK_MS:
                _LOG.warning("clock-stepped-back", extra={"device": device, "by_ms": last - newest_ms})
            else:
                shift = last + 1 - oldest_ms
        self._last[device] = newest_ms + shift
        return shift


class Intake:
    """Makes a batch fit for the spool."""

    def __init__(self, gateway: GatewayDefinition) -> None:
        self._gateway = gateway
        self.stamps = Stamps()
        self._alarm_values: dict[tuple[str, str], Value] = {}

    def prepare(self, batch: Batch, *, is_result: bool = False) -> NewBatch | None:
        """`batch` checked, stamped and encoded; None where it holds no reading.

        A value that does not fit its type becomes none, of quality BAD, with the reason. `is_result`: it
        reports a command and is kept longest.
        """
        if not batch.readings:
            return None
        readings = [_checked(reading) for reading in batch.readings]
        times = [reading.time_ms for reading in readings]
        shift = self.stamps.shift_ms(batch.device, min(times), max(times))
        if shift:
            readings = [replace(reading, time_ms=reading.time_ms + shift) for reading in readings]
        important = self._alarm_changed(batch.device, readings) or is_result
        return encode_batch(
            Batch(batch.device, tuple(readings)), Priority.IMPORTANT if important else Priority.ORDINARY
        )

    def _alarm_changed(self, device: str, readings: list[Reading]) -> bool:
        definition = self._gateway.devices.get(device)
        if definition is None:
            return False
        changed = False
        for reading in readings:
            alarm = definition.alarm_values.get(reading.metric)
            if alarm is None or reading.value is None:
                continue
            before = self._alarm_values.get((device, reading.metric))
            self._alarm_values[device, reading.metric] = reading.value
            changed |= reading.value != before and alarm in (reading.value, before)
        return changed


def _checked(reading: Reading) -> Reading:
    cause = _misfit(reading.type, reading.value)
    if cause:
        return replace(reading, value=None, quality=Quality.BAD, reason=cause)
    if reading.time_ms < CLOCK_KNOWN_MS and reading.quality is Quality.GOOD:
        return replace(reading, quality=Quality.BAD, reason="the gateway's clock is not set")
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
