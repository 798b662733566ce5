"""Layouts of payloads' bytes, learnt from payloads, that read the next ones of the same layout by offsets.

A device sends the same metrics again and again: of 800 bytes only times, values, `seq` and the batch's number
differ. A `Shape` is one such layout: which bytes stay, and where times and values stand. It is taken from a
payload that was decoded and checked the careful way, and says of another one either exactly what the careful
way would say, or that it does not fit: every byte that could change the meaning is compared, in one mask.

It covers the usual case only: one time for all metrics; Double, Int32, Int64, DateTime and Boolean with a
good value inside its range. All else (qualities, unknown values, texts, aliases, compression) is read the
careful way.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import le
from typing import Final, TypeAlias

from cloud.ingest.validation import Rule
from telemetry.readings import ValueType
from telemetry.sparkplug.payload import DataType

MAX_SHAPES: Final = 1024
"""Of one book; past it all are forgotten, and those in use are learnt again at once."""
MAX_ALIKE: Final = 16
"""Shapes of the same length; past it the one that was used longest ago is forgotten."""

_SELDOM: Final = 32

Values: TypeAlias = Sequence[bool | int | float]
Kind: TypeAlias = type[bool | int | float]

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_NAME, _TIME, _TYPE, _HISTORICAL = 1, 3, 4, 5
_INT, _LONG, _DOUBLE, _BOOLEAN = 10, 11, 13, 14
_UUID_TAG: Final = b'"'
_SEQ_TAG: Final = 0x18
_TIME_BYTES: Final = 6
"""Of a time from 1971 to 2109 as a varint."""
_TIME_ENDS, _TIME_MARKS = 0x808080808080, 0x008080808080
"""The bit of each byte that tells whether a varint goes on, and how it must be in those six bytes."""
_LONGEST: Final = {_INT: 4, _LONG: 9}
"""Bytes of an integer that cannot be negative."""
_FITS: Final[Mapping[tuple[int, ValueType], int]] = {
    (DataType.INT32, ValueType.INT32): _INT,
    (DataType.INT64, ValueType.INT64): _LONG,
    (DataType.DATETIME, ValueType.DATETIME): _LONG,
    (DataType.DOUBLE, ValueType.DOUBLE): _DOUBLE,
    (DataType.BOOLEAN, ValueType.BOOLEAN): _BOOLEAN,
}
"""Datatype on the wire and type of the point → protobuf field that must hold the value."""
_WIRE_TYPE: Final = {_NAME: _BYTES, _DOUBLE: _FIXED64}
_KIND: Final[Mapping[int, Kind]] = {_INT: int, _LONG: int, _DOUBLE: float, _BOOLEAN: bool}


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The fields of a shape in their order; one object for all shapes of a book that have the same."""

    fields: tuple[str, ...]
    kinds: tuple[Kind, ...]


Reading: TypeAlias = tuple[Layout, int, Values, bytes]
"""Layout, time, values and uuid of a payload whose shape is known; the values are good and in range."""


@dataclass(frozen=True, slots=True)
class _Value:
    """Where a value stands."""

    rule: Rule
    number: int
    place: int
    size: int


class _NotUsualError(Exception):
    """The payload is not of the kind that shapes can read."""


class Shape:
    """One layout of the bytes in front of `seq`."""

    __slots__ = ("_base", "_convert", "_highs", "_lows", "_mask", "_repeat", "_time", "_unpack", "layout")

    def __init__(
        self,
        layout: Layout,
        data: bytes,
        free: Sequence[tuple[int, int]],
        times: Sequence[int],
        values: Sequence[_Value],
    ) -> None:
        """`free`: place and size of varints whose number means nothing; `times`: where times stand."""
        mask, base = bytearray(b"\xff" * len(data)), bytearray(data)
        for place, size in free:
            mask[place : place + size] = b"\x80" * size
        for value in values:
            bits = {_DOUBLE: 0, _BOOLEAN: 0xFE}.get(value.number, 0x80)
            mask[value.place : value.place + value.size] = bytes((bits,)) * value.size
        for place in times:
            base[place : place + _TIME_BYTES] = bytes(_TIME_BYTES)
        self.layout = layout
        self._mask = int.from_bytes(mask, "little")
        self._base = int.from_bytes(base, "little") & self._mask
        self._time = 8 * times[0]
        self._repeat = sum(1 << 8 * place for place in times)
        self._unpack = struct.Struct(_format(values)).unpack_from
        self._convert: list[tuple[int, Callable[[bytes], int]]] = [
            (at, _short_varint if value.size <= 4 else _varint)
            for at, value in enumerate(values)
            if value.number in _LONGEST and value.size > 1
        ]
        self._lows = tuple(value.rule.low for value in values)
        self._highs = tuple(value.rule.high for value in values)

    def read(self, payload: bytes, number: int) -> tuple[int, Values] | None:
        """Time and values of `payload`, whose bytes in front of `seq` are the little-endian `number`."""
        time = number >> self._time & 0xFFFFFFFFFFFF
        if number & self._mask != self._base + time * self._repeat or time & _TIME_ENDS != _TIME_MARKS:
            return None
        values: Values = self._unpack(payload)
        if self._convert:
            values = list(values)
            for at, convert in self._convert:
                values[at] = convert(values[at])  # type: ignore[arg-type]
        if all(map(le, self._lows, values)) and all(map(le, values, self._highs)):
            return _time_ms(time), values
        return None


class ShapeBook:
    """The shapes of one set of rules. Not thread-safe: belongs to the thread that routes."""

    def __init__(self, rules: Mapping[str, Rule], *, most: int = MAX_SHAPES) -> None:
        """`most` shapes are kept; fewer where the rules are those of one device."""
        self._rules = rules
        self._most = most
        self._shapes: dict[int, list[Shape]] = {}
        self._layouts: dict[tuple[tuple[str, ...], tuple[Kind, ...]], Layout] = {}
        self._missed: dict[int, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def read(self, payload: bytes) -> Reading | None:
        """What `payload` holds; None where it must be read the careful way."""
        tail = payload.rfind(_UUID_TAG)
        end = _end_of_metrics(payload, tail)
        alike = self._shapes.get(end)
        if alike is None:
            return None
        number = int.from_bytes(payload[:end], "little")
        for at, shape in enumerate(alike):
            found = shape.read(payload, number)
            if found is not None:
                if at:
                    alike.insert(0, alike.pop(at))
                return shape.layout, found[0], found[1], payload[tail + 2 :]
        return None

    def learn(self, payload: bytes) -> None:
        """Take the shape of `payload`, which the careful way has found good.

        A length that is met for the first time is only noted: what never comes again is not worth a shape.
        Where learning does not help, it is tried seldom, so that it costs little.
        """
        end = _end_of_metrics(payload, payload.rfind(_UUID_TAG))
        if end < 0 or self.read(payload) is not None:
            return
        if self._count >= self._most or len(self._missed) >= self._most:
            self._forget()
        misses = self._missed[end] = self._missed.get(end, 0) + 1
        if misses == 1 or (misses > MAX_ALIKE and misses % _SELDOM):
            return
        try:
            shape = self._shape(payload[:end])
        except (_NotUsualError, IndexError, UnicodeDecodeError):
            self._missed[end] += MAX_ALIKE
            return
        alike = self._shapes.setdefault(end, [])
        alike.insert(0, shape)
        self._count += 1
        if len(alike) > MAX_ALIKE:
            alike.pop()
            self._count -= 1

    def _forget(self) -> None:
        self._shapes.clear()
        self._missed.clear()
        self._layouts.clear()
        self._count = 0

    def _shape(self, data: bytes) -> Shape:
        free: list[tuple[int, int]] = []
        times: list[int] = []
        values: list[_Value] = []
        for number, kind, place, size in _fields(data, 0, len(data)):
            if (number, kind) == (1, _VARINT):
                free.append((place, size))
            elif (number, kind) == (2, _BYTES):
                time, value = self._metric(data, place, place + size)
                times.append(time)
                values.append(value)
            else:
                raise _NotUsualError
        fields = tuple(value.rule.field for value in values)
        if not values or len(set(fields)) != len(fields):
            raise _NotUsualError
        if len({data[place : place + _TIME_BYTES] for place in times}) != 1:
            raise _NotUsualError
        key = (fields, tuple(_KIND[value.number] for value in values))
        layout = self._layouts.setdefault(key, Layout(*key))
        return Shape(layout, data, free, times, values)

    def _metric(self, data: bytes, start: int, end: int) -> tuple[int, _Value]:
        """Where time and value of the metric in `data[start:end]` stand."""
        met: dict[int, tuple[int, int]] = {}
        for number, kind, place, size in _fields(data, start, end):
            if number in met or kind != _WIRE_TYPE.get(number, _VARINT):
                raise _NotUsualError
            met[number] = (place, size)
        try:
            name_at, name_size = met.pop(_NAME)
            time_at, time_size = met.pop(_TIME)
            type_at, type_size = met.pop(_TYPE)
        except KeyError:
            raise _NotUsualError from None
        met.pop(_HISTORICAL, None)
        rule = self._rules.get(data[name_at : name_at + name_size].decode())
        if rule is None or len(met) != 1 or time_size != _TIME_BYTES:
            raise _NotUsualError
        ((number, (place, size)),) = met.items()
        if _FITS.get((_varint(data[type_at : type_at + type_size]), rule.kind)) != number:
            raise _NotUsualError
        if size > _LONGEST.get(number, 8) or (number == _BOOLEAN and (size != 1 or data[place] > 1)):
            raise _NotUsualError
        return time_at, _Value(rule, number, place, size)


def _end_of_metrics(payload: bytes, tail: int) -> int:
    """Where `seq` begins, if nothing but it and the uuid at `tail` follows the metrics; else -1."""
    if tail < 3 or tail + 2 > len(payload) or payload[tail + 1] != len(payload) - tail - 2:
        return -1
    if payload[tail - 2] == _SEQ_TAG and payload[tail - 1] < 0x80:
        return tail - 2
    if payload[tail - 3] == _SEQ_TAG and payload[tail - 2] >= 0x80 and payload[tail - 1] < 0x80:
        return tail - 3
    return -1


def _fields(data: bytes, place: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, place and size of each field of a protobuf message, the value's without its tag."""
    while place < end:
        tag = data[place]
        place += 1
        if tag >= 0x80:
            raise _NotUsualError  # a field above 15: not one that we use
        kind = tag & 7
        if kind == _FIXED64:
            size = 8
        elif kind == _VARINT:
            size = _varint_size(data, place)
        elif kind == _BYTES:
            length = _varint_size(data, place)
            size = _varint(data[place : place + length])
            place += length
        else:
            raise _NotUsualError
        if place + size > end:
            raise _NotUsualError
        yield tag >> 3, kind, place, size
        place += size


def _varint_size(data: bytes, place: int) -> int:
    size = 1
    while data[place + size - 1] >= 0x80:
        size += 1
    return size


def _varint(data: bytes) -> int:
    number = 0
    for byte in reversed(data):
        number = number << 7 | byte & 0x7F
    return number


def _short_varint(data: bytes) -> int:
    """As `_varint`, of at most four bytes."""
    raw = int.from_bytes(data, "little")
    return raw & 0x7F | raw >> 1 & 0x3F80 | raw >> 2 & 0x1FC000 | raw >> 3 & 0xFE00000


def _time_ms(raw: int) -> int:
    """The number in a varint of six bytes, read as little-endian `raw`."""
    pairs = raw & 0x007F007F007F | raw >> 1 & 0x3F803F803F80
    return pairs & 0x3FFF | pairs >> 2 & 0xFFFC000 | pairs >> 4 & 0x3FFF0000000


def _format(values: Sequence[_Value]) -> str:
    """`struct` format that takes the values out of a payload."""
    parts = ["<"]
    at = 0
    for value in values:
        code = {_DOUBLE: "d", _BOOLEAN: "?"}.get(value.number, "B" if value.size == 1 else f"{value.size}s")
        parts.append(f"{value.place - at}x{code}")
        at = value.place + value.size
    return "".join(parts)
