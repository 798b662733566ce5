"""An instrument as a Modbus slave sees it: the registers of its profile, computed when they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from simulators.devices.instrument import Instrument, Native, Refused
from simulators.wire.pdu import Code, ModbusRefusalError, Table
from telemetry.clock import Clock
from telemetry.devices.profiles import Access, Profile, ProfilePoint
from telemetry.devices.registers import RegisterType, decode_registers, encode_registers

_COIL_ON: Final = 0xFF00
_COIL_OFF: Final = 0x0000
_COIL_WRITES: Final = (5, 15)
_LIMITS: Final = {
    RegisterType.U16: (0, 0xFFFF),
    RegisterType.BITS16: (0, 0xFFFF),
    RegisterType.S16: (-0x8000, 0x7FFF),
    RegisterType.U32_BE: (0, 0xFFFF_FFFF),
    RegisterType.U32_LW: (0, 0xFFFF_FFFF),
    RegisterType.S32_BE: (-0x8000_0000, 0x7FFF_FFFF),
    RegisterType.S32_LW: (-0x8000_0000, 0x7FFF_FFFF),
    RegisterType.U64_BE: (0, 2**64 - 1),
    RegisterType.S64_BE: (-(2**63), 2**63 - 1),
}


class InstrumentRegisters:
    """The registers of one instrument. Addresses that its profile does not have answer exception 2.

    Where a profile of several models has two points at one address, the first is served.
    """

    def __init__(self, profile: Profile, instrument: Instrument, clock: Clock) -> None:
        self._profile = profile
        self._instrument = instrument
        self._clock = clock
        self._readable: dict[tuple[Table, int], tuple[ProfilePoint, int]] = {}
        self._writable: dict[tuple[Table, int], ProfilePoint] = {}
        for point in profile.expanded:
            if point.address is None:
                continue
            if point.access is not Access.WRITE and point.fc is not None:
                for word in range(point.words):
                    self._readable.setdefault((Table(point.fc), point.address + word), (point, word))
            if point.access is not Access.READ and point.write_fc is not None:
                table = Table.COIL if point.write_fc in _COIL_WRITES else Table.HOLDING
                self._writable.setdefault((table, point.address), point)

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """The words at an address, as they are now."""
        if count > (self._profile.limits.max_coils if table <= Table.DISCRETE else self._max_registers):
            raise ModbusRefusalError(Code.ILLEGAL_VALUE)
        places = []
        for each in range(address, address + count):
            place = self._readable.get((table, each))
            if place is None:
                raise ModbusRefusalError(Code.ILLEGAL_ADDRESS)
            places.append(place)
        values = self._instrument.values(self._clock.now_ms() / 1000)
        encoded: dict[str, list[int]] = {}
        words = []
        for point, word in places:
            if point.key not in encoded:
                encoded[point.key] = self._encode(point, values)
            words.append(encoded[point.key][word])
        return words

    def write(self, table: Table, address: int, words: Sequence[int], *, single: bool) -> None:
        """Write words to whole points, in the order of their addresses."""
        taken: list[tuple[ProfilePoint, float | bool]] = []
        place = 0
        while place < len(words):
            point = self._writable.get((table, address + place))
            if point is None or place + point.words > len(words):
                raise ModbusRefusalError(Code.ILLEGAL_ADDRESS)
            if table is Table.COIL and not single and not point.is_bit:
                raise ModbusRefusalError(Code.ILLEGAL_ADDRESS)
            taken.append((point, _written(point, words[place : place + point.words], single=single)))
            place += point.words
        now_s = self._clock.now_ms() / 1000
        for point, value in taken:
            if not isinstance(value, bool) and not _within(point, value):
                raise ModbusRefusalError(Code.ILLEGAL_VALUE)
            try:
                self._instrument.write(point.key, value, now_s)
            except Refused:
                raise ModbusRefusalError(Code.ILLEGAL_VALUE) from None

    @property
    def _max_registers(self) -> int:
        return self._profile.limits.max_registers

    def _encode(self, point: ProfilePoint, values: Mapping[str, Native]) -> list[int]:
        if point.key not in values:
            raise ModbusRefusalError(Code.ILLEGAL_ADDRESS)
        return encode_point(self._profile, point, values[point.key])


def encode_point(profile: Profile, point: ProfilePoint, value: Native) -> list[int]:
    """The words that carry a native value; what the type cannot hold saturates, as sensors do.

    Raises:
        ModbusRefusalError: the instrument has no value and the profile has no code to say so.
    """
    assert point.type is not None
    if value is None or isinstance(value, str):
        if not profile.invalid:
            raise ModbusRefusalError(Code.DEVICE_FAILURE)
        return [profile.invalid[0] & 0xFFFF] * point.words
    raw = point.raw(value)
    low, high = _LIMITS.get(point.type, (-math.inf, math.inf))
    return encode_registers(point.type, raw if isinstance(raw, bool) else min(max(raw, low), high))


def measured(profile: Profile, point: ProfilePoint, value: Native) -> Native:
    """A native value as a master reads it: rounded to what the registers can carry."""
    if point.type is None or value is None or isinstance(value, str):
        return value
    return point.native(decode_registers(point.type, encode_point(profile, point, value)))


def _written(point: ProfilePoint, words: Sequence[int], *, single: bool) -> float | bool:
    assert point.type is not None
    if point.is_bit and single:
        if words[0] not in (_COIL_ON, _COIL_OFF):
            raise ModbusRefusalError(Code.ILLEGAL_VALUE)
        return words[0] == _COIL_ON
    return point.native(decode_registers(point.type, words))


def _within(point: ProfilePoint, value: float) -> bool:
    if not math.isfinite(value):
        return False
    return (point.min is None or value >= point.min) and (point.max is None or value <= point.max)
