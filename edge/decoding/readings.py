"""One scan of an instrument as readings of its device."""

from __future__ import annotations

from collections.abc import Iterable

from edge.decoding.binding import BoundInstrument
from edge.drivers.base import NativePoint
from telemetry.readings import Quality, Reading


def readings_of(
    instrument: BoundInstrument, points: Iterable[NativePoint], time_ms: int
) -> tuple[Reading, ...]:
    """The readings that the points of one scan are; points that map to nothing are left out."""
    by_key = {point.key: point for point in points}
    device = instrument.device
    return tuple(
        [
            mapping.reading(device, by_key[mapping.key], time_ms)
            for mapping in instrument.mappings
            if mapping.key in by_key
        ]
    )


def unknown_readings(instrument: BoundInstrument, reason: str, time_ms: int) -> tuple[Reading, ...]:
    """Readings that say: nothing is known of this instrument's points any more."""
    return tuple(
        Reading(instrument.device, mapping.metric, mapping.point.type, None, time_ms, Quality.STALE, reason)
        for mapping in instrument.mappings
    )
