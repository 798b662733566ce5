"""The data of one block as points: compiled once, because the same block is read again and again."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Final

from edge.drivers.base import NativePoint
from edge.drivers.modbus.frames import READ_BITS
from edge.drivers.values import in_range
from telemetry.devices.profiles import Profile, ProfilePoint
from telemetry.devices.registers import RegisterType
from telemetry.readings import Quality

_CODES: Final = {
    RegisterType.U16: "H",
    RegisterType.S16: "h",
    RegisterType.BITS16: "H",
    RegisterType.U32_BE: "I",
    RegisterType.S32_BE: "i",
    RegisterType.F32_BE: "f",
    RegisterType.U64_BE: "Q",
    RegisterType.S64_BE: "q",
}
_LOW_WORD_FIRST: Final = {
    RegisterType.U32_LW: struct.Struct(">I"),
    RegisterType.S32_LW: struct.Struct(">i"),
    RegisterType.F32_LW: struct.Struct(">f"),
}
_FLOAT: Final = struct.Struct(">f")


class _Field:
    """One point of a block. What it meant last is kept: most registers say the same as a moment ago."""

    __slots__ = (
        *("end", "invalid", "is_plain", "is_ranged", "is_scaled", "key", "last", "last_raw", "point"),
        *("start", "swapped"),
    )

    def __init__(self, profile: Profile, point: ProfilePoint, start: int) -> None:
        assert point.type is not None
        self.point = point
        self.start = start
        self.end = start + 2 * point.words
        self.swapped = _LOW_WORD_FIRST.get(point.type)
        size = 2 * point.words
        sentinels = {int(each) for each in (*profile.invalid, *point.invalid) if each == int(each)}
        self.invalid = frozenset(n.to_bytes(size, "big") for n in sentinels if 0 <= n < 1 << (8 * size))
        self.is_scaled = point.scale != 1 or point.offset != 0
        self.is_ranged = point.min is not None or point.max is not None
        self.key = point.key
        self.is_plain = _CODES.get(point.type, "f") != "f" and not (
            self.is_scaled or self.is_ranged or self.invalid
        )
        self.last_raw = b""
        self.last = NativePoint(point.key, None)

    def meaning(self, number: float | bytes, raw: bytes) -> NativePoint:
        """The point for what the struct made of `raw`."""
        key = self.point.key
        if raw in self.invalid:
            reason = f"the instrument reports {int.from_bytes(raw, 'big'):#x}: no value"
            return NativePoint(key, None, Quality.BAD, reason, raw)
        if isinstance(number, bytes):
            assert self.swapped is not None
            number = self.swapped.unpack(number[2:] + number[:2])[0]
            assert not isinstance(number, bytes)
        if isinstance(number, float):
            if not math.isfinite(number):
                return NativePoint(key, None, Quality.BAD, "the instrument reports no number", raw)
            number = shortest(number)
        native = NativePoint(key, self.point.native(number) if self.is_scaled else number, raw=raw)
        return in_range(self.point, native) if self.is_ranged else native


class _Layer:
    """Fields that do not overlap, behind one struct."""

    def __init__(self, profile: Profile, points: Sequence[ProfilePoint], address: int, count: int) -> None:
        self.fields: list[_Field] = []
        layout, reached = ">", address
        for point in points:
            assert point.address is not None
            assert point.type is not None
            self.fields.append(_Field(profile, point, 2 * (point.address - address)))
            layout += f"{2 * (point.address - reached)}x{_CODES.get(point.type, '4s')}"
            reached = point.address + point.words
        self._struct = struct.Struct(f"{layout}{2 * (address + count - reached)}x")

    def decode(self, data: bytes, found: list[NativePoint]) -> None:
        for field, number in zip(self.fields, self._struct.unpack(data), strict=True):
            raw = data[field.start : field.end]
            if raw != field.last_raw:
                field.last = (
                    NativePoint(field.key, number, Quality.GOOD, "", raw)
                    if field.is_plain
                    else field.meaning(number, raw)
                )
                field.last_raw = raw
            found.append(field.last)


class BlockDecoder:
    """Gives the points that one read of `count` registers or bits from `address` brings."""

    def __init__(
        self, profile: Profile, points: Sequence[ProfilePoint], function: int, address: int, count: int
    ) -> None:
        """Compile.

        Args:
            profile: the points' own; its sentinels count.
            points: those to decode; all must lie within the read.
            function: 1-4.
            address: first address that is read.
            count: registers or bits that are read.
        """
        self._bits: list[tuple[str, int]] = []
        self._layers: list[_Layer] = []
        ordered = sorted(points, key=lambda point: point.address or 0)
        if function in READ_BITS:
            self._bits = [(point.key, (point.address or 0) - address) for point in ordered]
            return
        while ordered:
            layer: list[ProfilePoint] = []
            rest: list[ProfilePoint] = []
            reached = address
            for point in ordered:
                start = point.address or 0
                (layer if start >= reached else rest).append(point)
                reached = start + point.words if start >= reached else reached
            self._layers.append(_Layer(profile, layer, address, count))
            ordered = rest

    def decode(self, data: bytes) -> list[NativePoint]:
        """The points in `data`, the verified reply, lowest address first."""
        if self._bits:
            bits = int.from_bytes(data, "little")
            return [
                NativePoint(key, bool(bits >> place & 1), raw=b"\x01" if bits >> place & 1 else b"\x00")
                for key, place in self._bits
            ]
        found: list[NativePoint] = []
        for layer in self._layers:
            layer.decode(data, found)
        return found


def shortest(number: float) -> float:
    """The decimal with the fewest digits that is the same 32-bit float: 230.2, not 230.1999969482422."""
    exact = _FLOAT.pack(number)
    for digits in (6, 7, 8):
        candidate = float(f"{number:.{digits}g}")
        if _FLOAT.pack(candidate) == exact:
            return candidate
    return number
