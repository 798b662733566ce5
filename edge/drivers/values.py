"""What every driver does with a number from the wire: sentinels, limits, and values that others disprove."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from edge.drivers.base import NativePoint
from telemetry.devices.profiles import Profile, ProfilePoint
from telemetry.readings import Quality


def native_point(profile: Profile, key: str, raw: float, data: bytes = b"") -> NativePoint:
    """The point `key` for the number `raw`: scaled, or bad where the instrument means "no value" or nonsense.

    Args:
        profile: the instrument's.
        key: one of its points.
        raw: the number on the wire, before scale and offset.
        data: the bytes it came in.
    """
    point = profile.by_key[key]
    if not math.isfinite(raw):
        return NativePoint(key, None, Quality.BAD, "the instrument reports no number", data)
    if raw in point.invalid or raw in profile.invalid:
        return NativePoint(key, None, Quality.BAD, f"the instrument reports {raw:g}: no value", data)
    return in_range(point, NativePoint(key, point.native(raw), raw=data))


def in_range(point: ProfilePoint, native: NativePoint) -> NativePoint:
    """`native`, marked bad where the instrument cannot mean it."""
    value = native.value
    if isinstance(value, str | bool | None):
        return native
    for limit, outside, word in (
        (point.min, point.min is not None and value < point.min, "below"),
        (point.max, point.max is not None and value > point.max, "above"),
    ):
        if outside:
            reason = f"{value:g} {point.unit} is {word} {limit:g}, which the instrument cannot mean"
            return NativePoint(native.key, value, Quality.BAD, reason, native.raw)
    return native


def spoil(
    profile: Profile, points: Sequence[NativePoint], expected: frozenset[str] = frozenset()
) -> list[NativePoint]:
    """The points of one scan, without the values that other values of the scan disprove.

    Args:
        profile: the instrument's.
        points: what one scan brought.
        expected: keys that the scan should have brought; where a witness among them is missing, what it
            vouches for cannot be believed either.
    """
    values = {point.key: point.value for point in points if point.quality is Quality.GOOD}
    reasons: dict[str, str] = {}
    for rule in profile.spoils:
        if rule.when in values:
            reason = rule.reason if rule.applies(values[rule.when]) else ""
        else:
            reason = f"{rule.when} is unknown" if rule.when in expected else ""
        if reason:
            reasons.update({key: reason for key in rule.spoils if key not in reasons})
    return [
        point.spoiled(f"{reasons[point.key]} (the instrument says {_told(point)})")
        if point.key in reasons and point.value is not None
        else point
        for point in points
    ]


def _told(point: NativePoint) -> str:
    return f"{point.value:g}" if isinstance(point.value, int | float) else str(point.value)


def witnesses(profile: Profile, keys: Iterable[str]) -> set[str]:
    """Keys of the points that can disprove one of `keys`."""
    wanted = set(keys)
    return {rule.when for rule in profile.spoils if wanted & set(rule.spoils)}
