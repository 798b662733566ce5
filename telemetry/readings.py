"""A reading: what one device said of one point at one time, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeAlias

from telemetry.records import record

Value: TypeAlias = bool | int | float | str | None


class Quality(IntEnum):
    """How far a value may be believed. Only a good one enters means and alarms.

    The codes of bad, good and stale are Sparkplug's; those of the finer ones are OPC's, of which Sparkplug
    took its own. On the wire the finer ones are bad, and say more in a property of their own (see
    `telemetry.sparkplug.metrics`).
    """

    BAD = 0
    TIME_ESTIMATED = 64
    """Measured well, but the clock was not set: the time is an estimate. OPC: uncertain."""
    OUT_OF_RANGE = 84
    """Outside what is physically possible. OPC: engineering unit range exceeded."""
    GOOD = 192
    STALE = 500

    @property
    def standard(self) -> Quality:
        """What of bad, good and stale a tool is told that knows no more."""
        return self if self in (Quality.GOOD, Quality.STALE) else Quality.BAD


class ValueType(StrEnum):
    """The types that travel as telemetry (rule X-ENC-2). A signed quantity is a DOUBLE."""

    BOOLEAN = "boolean"
    INT32 = "int32"
    """Enumerations and codes, 0 … 2³¹ - 1."""
    INT64 = "int64"
    """Counters, 0 … 2⁶³ - 1."""
    DOUBLE = "double"
    STRING = "string"
    DATETIME = "datetime"
    """UTC milliseconds since 1970."""


@record
class Reading:
    """One value of one point of one device, at the time it was measured."""

    device: str
    metric: str
    """Metric name as the class declares it, such as `Power/Active`."""
    type: ValueType
    value: Value
    """`None` where nothing is known; the quality is then never GOOD."""
    time_ms: int
    """UTC milliseconds of the measurement, not of the sending."""
    quality: Quality = Quality.GOOD
    reason: str = ""
    """Why the quality is not GOOD, in words for a technician."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one payload carries: readings of one device, of one scan when it is live."""

    device: str
    readings: tuple[Reading, ...]
