"""What instruments said, as plain objects; the same for live and for captured bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edge.decoding.binding import BoundInstrument
from edge.drivers.base import NativePoint
from telemetry.readings import Quality


def describe(
    instrument: BoundInstrument, points: Iterable[NativePoint], time_ms: int = 0
) -> list[dict[str, Any]]:
    """One object a point: the maker's value, how good it is, and what it is for the device's class."""
    return [_describe(instrument, point, time_ms) for point in points]


def _describe(instrument: BoundInstrument, point: NativePoint, time_ms: int) -> dict[str, Any]:
    definition = instrument.profile.by_key[point.key]
    canonical = [
        {
            "metric": reading.metric,
            "value": reading.value,
            "unit": mapping.point.unit,
            "quality": quality_name(reading.quality),
            "reason": reading.reason,
        }
        for mapping in instrument.mappings
        if mapping.key == point.key
        for reading in (mapping.reading(instrument.device, point, time_ms),)
    ]
    described: dict[str, Any] = {
        "key": point.key,
        "value": point.value,
        "unit": definition.unit,
        "quality": quality_name(point.quality),
        "reason": point.reason,
        "canonical": canonical[0] if canonical else None,
    }
    if len(canonical) > 1:
        described["also"] = canonical[1:]
    if meaning := meaning_of(definition.enum, definition.bits, point):
        described["meaning"] = meaning
    if point.raw:
        described["raw"] = point.raw.hex(" ").upper()
    return described


def quality_name(quality: Quality) -> str:
    """`good`, `bad` or `stale`."""
    return quality.name.lower()


def meaning_of(enum: dict[int, str] | None, bits: dict[int, str] | None, point: NativePoint) -> str:
    """What a code stands for by the profile; empty where it is no code."""
    if not isinstance(point.value, int) or isinstance(point.value, bool):
        return ""
    if enum is not None:
        return enum.get(point.value, "unknown code")
    if bits is not None:
        return ", ".join(name for bit, name in bits.items() if point.value >> bit & 1)
    return ""


def shown(value: object) -> str:
    """A value in a cell."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.8g}" if isinstance(value, float) else str(value)
