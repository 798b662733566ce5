"""The bytes of what we send, written by hand in the order of field numbers, as protobuf itself writes them.

A gateway encodes the same names again and again, and only values and times change. Copying known pieces costs
a quarter of building protobuf messages; the tests hold that the bytes are the same.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from telemetry.errors import CodecError

_LARGEST: Final = (1 << 64) - 1
_DOUBLE: Final = struct.Struct("<d")
_TRUE: Final = b"\x01"

# Tags of the fields: number << 3 | wire type.
_PAYLOAD_TIME: Final = b"\x08"
_PAYLOAD_METRIC: Final = b"\x12"
_PAYLOAD_SEQ: Final = b"\x18"
_PAYLOAD_UUID: Final = b"\x22"
_NAME: Final = b"\x0a"
_TIME: Final = b"\x18"
_DATATYPE: Final = b"\x20"
_IS_HISTORICAL: Final = b"\x28\x01"
_IS_TRANSIENT: Final = b"\x30\x01"
_IS_NULL: Final = b"\x38\x01"
_PROPERTIES: Final = b"\x4a"
_PROPERTY_KEY: Final = b"\x0a"
_PROPERTY_VALUE: Final = b"\x12"
_PROPERTY_TYPE: Final = b"\x08"
_PROPERTY_IS_NULL: Final = b"\x10\x01"
METRIC_DOUBLE: Final = b"\x20\x0a\x69"
"""Datatype Double and the tag of its value; the value is the metric's last field."""
SHORT_METRIC: Final = tuple(_PAYLOAD_METRIC + bytes((size,)) for size in range(128))
"""What stands before a metric of fewer than 128 bytes."""
_VALUE_FIELDS: Final = {"int": 10, "long": 11, "double": 13, "boolean": 14, "string": 15}
_PROPERTY_OFFSET: Final = 7
"""A value's field in a property has a number this much smaller than in a metric."""
pack_double: Final = _DOUBLE.pack


def varint(number: int) -> bytes:
    """`number` in groups of seven bits, lowest first.

    Raises:
        CodecError: it is no whole number of 64 bits without sign.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _LARGEST:
        raise CodecError(f"{number!r} cannot be sent: expected a whole number, 0 … 2⁶⁴ - 1")
    if number < 0x80:
        return bytes((number,))
    groups = bytearray()
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _sized(tag: bytes, data: bytes) -> bytes:
    return tag + varint(len(data)) + data


def _text(text: str) -> bytes:
    try:
        return text.encode()
    except (UnicodeEncodeError, AttributeError) as error:
        raise CodecError(f"{text!r} cannot be sent as text: {error}") from None


@lru_cache(maxsize=8192)
def name_field(name: str) -> bytes:
    """A metric's name. Remembered: a gateway has a few hundred of them.

    Raises:
        CodecError: the name is empty, or no text.
    """
    if not name:
        raise CodecError("a metric without a name cannot be sent: names are never replaced by aliases")
    return _sized(_NAME, _text(name))


def time_field(time_ms: int) -> bytes:
    """A metric's time. Raises `CodecError` as `varint`."""
    return _TIME + varint(time_ms)


def value_field(kind: str, value: object, *, in_property: bool = False) -> bytes:
    """A value that was checked to be of `kind`: int, long, double, boolean or string."""
    number = _VALUE_FIELDS[kind] - (_PROPERTY_OFFSET if in_property else 0)
    if isinstance(value, str):
        return _sized(bytes((number << 3 | 2,)), _text(value))
    if kind == "double":
        assert isinstance(value, int | float)
        return bytes((number << 3 | 1,)) + pack_double(value)
    assert isinstance(value, int)
    return bytes((number << 3,)) + varint(int(value))


def property_set(properties: list[tuple[str, int, bytes | None]]) -> bytes:
    """A metric's properties: key, datatype, and the value's field, or None where it is null."""
    keys = b"".join(_sized(_PROPERTY_KEY, _text(key)) for key, _, _ in properties)
    values = b"".join(
        _sized(
            _PROPERTY_VALUE,
            _PROPERTY_TYPE + varint(datatype) + (_PROPERTY_IS_NULL if value is None else value),
        )
        for _, datatype, value in properties
    )
    return _sized(_PROPERTIES, keys + values)


def metric_body(
    name: str,
    datatype: int,
    time_ms: int | None,
    value: bytes,
    properties: bytes = b"",
    *,
    is_historical: bool = False,
    is_transient: bool = False,
    is_null: bool = False,
) -> bytes:
    """A metric of ready-made fields, in the order of their numbers."""
    return b"".join(
        (
            name_field(name),
            b"" if time_ms is None else time_field(time_ms),
            _DATATYPE,
            varint(datatype),
            _IS_HISTORICAL if is_historical else b"",
            _IS_TRANSIENT if is_transient else b"",
            _IS_NULL if is_null else b"",
            properties,
            value,
        )
    )


def metric_field(body: bytes) -> bytes:
    """A metric as a field of its payload."""
    size = len(body)
    return SHORT_METRIC[size] + body if size < 128 else _sized(_PAYLOAD_METRIC, body)


def payload(time_ms: int | None, metrics: bytes, seq: int | None, uuid: str | None) -> bytes:
    """A payload around its metrics. Raises `CodecError` where a number or text cannot be sent."""
    return b"".join(
        (
            b"" if time_ms is None else _PAYLOAD_TIME + varint(time_ms),
            metrics,
            b"" if seq is None else _PAYLOAD_SEQ + varint(seq),
            b"" if uuid is None else _sized(_PAYLOAD_UUID, _text(uuid)),
        )
    )
