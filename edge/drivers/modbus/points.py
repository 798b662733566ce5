"""Modbus words to native values and back, by a profile."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

from edge.drivers.base import NativePoint
from edge.drivers.modbus.decoder import BlockDecoder
from edge.drivers.modbus.frames import COIL_OFF, COIL_ON, Request
from edge.errors import NotWritable
from telemetry.devices.profiles import Access, Profile, ProfilePoint
from telemetry.devices.registers import encode_registers


def points_within(profile: Profile, function: int, address: int, count: int) -> list[ProfilePoint]:
    """The points that a read of `count` registers or bits from `address` brings whole."""
    return [
        point
        for point in profile.expanded
        if point.fc == function
        and point.address is not None
        and address <= point.address
        and point.address + point.words <= address + count
    ]


def decode_points(
    profile: Profile, request: Request, data: bytes, keys: Iterable[str] | None = None
) -> list[NativePoint]:
    """The points in `data`, the reply to the read `request`.

    Args:
        profile: the instrument's.
        request: what was asked.
        data: what `check_reply` gave.
        keys: points to decode; None for all that lie within.
    """
    wanted = None if keys is None else set(keys)
    points = [
        point
        for point in points_within(profile, request.function, request.address, request.count)
        if wanted is None or point.key in wanted
    ]
    return BlockDecoder(profile, points, request.function, request.address, request.count).decode(data)


def encode_write(profile: Profile, key: str, native: float | bool, unit: int) -> Request:
    """The request that writes `native`, in the profile's unit, to a point.

    Raises:
        NotWritable: the point cannot be written, or not with this value.
    """
    point = profile.by_key.get(key)
    if point is None or point.access is Access.READ or point.address is None or point.type is None:
        raise NotWritable(f"{profile.id}: point {key!r} cannot be written")
    if not math.isfinite(native):
        raise NotWritable(f"{profile.id}: {key}: {native} is no number")
    low, high = point.min, point.max
    if (low is not None and native < low) or (high is not None and native > high):
        raise NotWritable(f"{profile.id}: {key} takes {low} … {high} {point.unit}, not {native:g}")
    try:
        words = encode_registers(point.type, point.raw(native))
    except (struct.error, OverflowError) as error:
        raise NotWritable(f"{profile.id}: {native:g} does not fit {key} ({point.type.value})") from error
    if point.write_fc == 5:
        # a board's timed pulse takes its duration where a coil takes on or off
        coil = (COIL_ON if words[0] else COIL_OFF) if point.is_bit else words[0]
        return Request(unit, 5, point.address, 1, (coil,))
    if point.write_fc == 6 and len(words) > 1:
        raise NotWritable(f"{profile.id}: {key} needs {len(words)} registers, function 6 writes one")
    assert point.write_fc is not None
    return Request(unit, point.write_fc, point.address, len(words), tuple(words))
