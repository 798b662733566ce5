"""Sparkplug B payloads as typed values, and their bytes.

Sending keeps to rules X-ENC-1…3 (names, never aliases; datatype always; six types only). Reading accepts all
that the standard allows: aliases, both encodings of UInt32, negative integers, data sets and templates (kept
as `UNSUPPORTED`), and payloads compressed by the Tahu convention.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.message import DecodeError

from telemetry.errors import CodecError
from telemetry.readings import Value, ValueType
from telemetry.sparkplug import wire
from telemetry.sparkplug.fields import PayloadMessage

MAX_INFLATED_BYTES: Final = 4 * 1024 * 1024
"""A compressed payload that would grow past this is refused (a bomb, or a mistake)."""
COMPRESSED_UUID: Final = "SPBV1.0_COMPRESSED"


class DataType(IntEnum):
    """Sparkplug's metric datatypes; arrays and templates are read but carry no value for us."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTYSET = 20
    PROPERTYSETLIST = 21


DATATYPE_OF: Final[Mapping[ValueType, DataType]] = {
    ValueType.BOOLEAN: DataType.BOOLEAN,
    ValueType.INT32: DataType.INT32,
    ValueType.INT64: DataType.INT64,
    ValueType.DOUBLE: DataType.DOUBLE,
    ValueType.STRING: DataType.STRING,
    ValueType.DATETIME: DataType.DATETIME,
}


class Unsupported:
    """A value whose type we survive but do not use: data sets, templates, bytes, arrays."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what

    def __repr__(self) -> str:
        return f"<unsupported {self.what}>"


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a metric, such as `Quality` or `engUnit`."""

    type: DataType
    value: Value | Unsupported


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a payload. `type` is UNKNOWN where the sender left the datatype out."""

    name: str
    type: DataType
    value: Value | Unsupported
    time_ms: int | None = None
    is_historical: bool = False
    is_transient: bool = False
    is_null: bool = False
    properties: Mapping[str, Property] = field(default_factory=dict)
    alias: int | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """One Sparkplug payload. `seq` is None in NDEATH and in commands."""

    time_ms: int | None
    metrics: tuple[Metric, ...]
    seq: int | None = None
    uuid: str | None = None


def encode(payload: Payload) -> bytes:
    """The bytes of `payload`.

    Raises:
        CodecError: a metric has no name, an integer is out of its type's range, or a type is not one we send.
    """
    metrics = b"".join(wire.metric_field(_metric_body(metric)) for metric in payload.metrics)
    return wire.payload(payload.time_ms, metrics, payload.seq, payload.uuid)


def decode(data: bytes) -> Payload:
    """The payload in `data`.

    Raises:
        CodecError: the bytes are no Sparkplug B payload. No other exception, whatever the bytes.
    """
    return _read_payload(parse(data))


def parse(data: bytes) -> Any:
    """The protobuf message in `data`, for hot paths that read single fields.

    Raises:
        CodecError: the bytes are no Sparkplug B payload.
    """
    message = PayloadMessage()
    try:
        message.ParseFromString(data)
        if message.uuid == COMPRESSED_UUID:
            return parse(_inflate(message))
    except (DecodeError, UnicodeDecodeError) as error:
        raise CodecError(f"payload of {len(data)} bytes is no Sparkplug B message: {error}") from None
    return message


@lru_cache(maxsize=1)
def metric_names(data: bytes) -> frozenset[str]:
    """The names of the metrics in a payload, remembered for the next who asks of the same one.

    Raises:
        CodecError: as `parse`.
    """
    return frozenset([metric.name for metric in parse(data).metrics])


def _metric_body(metric: Metric) -> bytes:
    return wire.metric_body(
        metric.name,
        metric.type,
        metric.time_ms,
        b"" if metric.value is None else _value_field(metric.type, metric.value, metric.name),
        _property_set(metric) if metric.properties else b"",
        is_historical=metric.is_historical,
        is_transient=metric.is_transient,
        is_null=metric.value is None,
    )


def _property_set(metric: Metric) -> bytes:
    return wire.property_set(
        [
            (
                key,
                each.type,
                None
                if each.value is None
                else _value_field(each.type, each.value, f"{metric.name}, property {key}", in_property=True),
            )
            for key, each in metric.properties.items()
        ]
    )


def _value_field(
    datatype: DataType, value: Value | Unsupported, name: str, *, in_property: bool = False
) -> bytes:
    try:
        if datatype == DataType.DOUBLE:
            return wire.value_field("double", _checked_float(value), in_property=in_property)
        if datatype == DataType.BOOLEAN:
            return wire.value_field("boolean", _checked_bool(value), in_property=in_property)
        if datatype == DataType.INT32:
            return wire.value_field("int", _checked_int(value, 0x7FFF_FFFF), in_property=in_property)
        if datatype in (DataType.INT64, DataType.DATETIME):
            whole = _checked_int(value, 0x7FFF_FFFF_FFFF_FFFF)
            return wire.value_field("long", whole, in_property=in_property)
        if datatype == DataType.STRING:
            return wire.value_field("string", _checked_text(value), in_property=in_property)
    except (TypeError, ValueError, OverflowError, CodecError) as error:
        raise CodecError(f"{name}: {value!r} is no {datatype.name}: {error}") from None
    raise CodecError(f"{name}: datatype {datatype.name} is not sent by kega (rule X-ENC-2)")


def _checked_float(value: Value | Unsupported) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("expected a number")
    return float(value)


def _checked_text(value: Value | Unsupported) -> str:
    if not isinstance(value, str):
        raise TypeError("expected text")
    return value


def _checked_bool(value: Value | Unsupported) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected true or false")
    return value


def _checked_int(value: Value | Unsupported, largest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("expected a whole number")
    if not 0 <= value <= largest:
        raise ValueError(f"expected 0 … {largest}")
    return value


def _inflate(message: Any) -> bytes:
    algorithm = next(
        (metric.string_value for metric in message.metrics if metric.name == "algorithm"), "GZIP"
    )
    # 32 + MAX_WBITS: zlib finds out by itself whether the stream is gzip or zlib.
    inflater = zlib.decompressobj(32 + zlib.MAX_WBITS)
    try:
        data = inflater.decompress(message.body, MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise CodecError(f"compressed payload ({algorithm}) cannot be inflated: {error}") from None
    if inflater.unconsumed_tail:
        raise CodecError(f"compressed payload grows past {MAX_INFLATED_BYTES} bytes: refused")
    if not inflater.eof:
        raise CodecError(f"compressed payload ({algorithm}) is cut short")
    inner = PayloadMessage()
    inner.ParseFromString(data)
    if inner.uuid == COMPRESSED_UUID:
        raise CodecError("compressed payload inside a compressed payload: refused")
    return data


def _read_payload(message: Any) -> Payload:
    return Payload(
        time_ms=message.timestamp if message.HasField("timestamp") else None,
        metrics=tuple(_read_metric(metric) for metric in message.metrics),
        seq=message.seq if message.HasField("seq") else None,
        uuid=message.uuid if message.HasField("uuid") else None,
    )


def _read_metric(message: Any) -> Metric:
    datatype = _datatype(message.datatype)
    # Asking for presence costs more than reading, and a field that is not its default is present.
    value = message.double_value if datatype is DataType.DOUBLE else 0.0
    if not value or message.is_null:
        value = None if message.is_null else read_value(message, datatype)
    return Metric(
        message.name,
        datatype,
        value,
        message.timestamp or (0 if message.HasField("timestamp") else None),
        message.is_historical,
        message.is_transient,
        message.is_null,
        _read_properties(message) if message.HasField("properties") else _NO_PROPERTIES,
        message.alias or (0 if message.HasField("alias") else None),
    )


_NO_PROPERTIES: Final[Mapping[str, Property]] = MappingProxyType({})
_DATATYPES: Final = {datatype.value: datatype for datatype in DataType}


def _datatype(code: int) -> DataType:
    return _DATATYPES.get(code, DataType.UNKNOWN)


def _read_properties(message: Any) -> dict[str, Property]:
    properties = message.properties
    if len(properties.keys) != len(properties.values):
        raise CodecError(
            f"metric {message.name!r}: {len(properties.keys)} property keys, {len(properties.values)} values"
        )
    return {
        key: Property(
            type=(datatype := _datatype(value.type)),
            value=None if value.is_null else read_value(value, datatype),
        )
        for key, value in zip(properties.keys, properties.values, strict=True)
    }


_SIGNED_BITS: Final[Mapping[DataType, int]] = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32}
_SMALL: Final = frozenset({DataType.UINT8, DataType.UINT16})
_TEXT: Final = frozenset({DataType.STRING, DataType.TEXT, DataType.UUID})


def read_value(message: Any, datatype: DataType) -> Value | Unsupported:
    """The value of a metric or property message, by its datatype; None where no value field is set."""
    kind = message.WhichOneof("value")
    if kind is None:
        return None
    raw = getattr(message, kind)
    if datatype == DataType.UNKNOWN:
        return (
            raw if kind in ("int_value", "long_value", "double_value", "float_value") else _plain(raw, kind)
        )
    if kind in ("int_value", "long_value"):
        if datatype in _SIGNED_BITS:
            return _signed(raw & ((1 << _SIGNED_BITS[datatype]) - 1), _SIGNED_BITS[datatype])
        if datatype == DataType.INT64:
            return _signed(raw, 64)
        if datatype in _SMALL or datatype in (DataType.UINT32, DataType.UINT64, DataType.DATETIME):
            return int(raw)
    return _plain(raw, kind) if _agrees(kind, datatype) else Unsupported(f"{kind} for {datatype.name}")


def _agrees(kind: str, datatype: DataType) -> bool:
    return (
        (kind == "double_value" and datatype == DataType.DOUBLE)
        or (kind == "float_value" and datatype == DataType.FLOAT)
        or (kind == "boolean_value" and datatype == DataType.BOOLEAN)
        or (kind == "string_value" and datatype in _TEXT)
    )


def _plain(raw: Any, kind: str) -> Value | Unsupported:
    if isinstance(raw, bool | int | float | str):
        return raw
    return Unsupported(kind)


def _signed(raw: int, bits: int) -> int:
    return raw - (1 << bits) if raw >= 1 << (bits - 1) else raw
