"""The codec: what goes out comes back, and nothing that comes in breaks it."""

from __future__ import annotations

import gzip
import random
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.errors import CodecError
from telemetry.readings import Value
from telemetry.sparkplug.fields import PayloadMessage
from telemetry.sparkplug.payload import (
    COMPRESSED_UUID,
    MAX_INFLATED_BYTES,
    DataType,
    Metric,
    Payload,
    Property,
    Unsupported,
    decode,
    encode,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TIMES = st.integers(0, 2**63 - 1)
TYPED: st.SearchStrategy[tuple[DataType, Value]] = st.one_of(
    st.tuples(st.just(DataType.DOUBLE), st.floats(allow_nan=False)),
    st.tuples(st.just(DataType.BOOLEAN), st.booleans()),
    st.tuples(st.just(DataType.INT32), st.integers(0, 2**31 - 1)),
    st.tuples(st.just(DataType.INT64), st.integers(0, 2**63 - 1)),
    st.tuples(st.just(DataType.DATETIME), TIMES),
    st.tuples(st.just(DataType.STRING), TEXT),
)


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    datatype, value = draw(TYPED)
    is_null = draw(st.booleans())
    typed = draw(st.dictionaries(TEXT, TYPED, max_size=3))
    return Metric(
        name=draw(TEXT.filter(bool)),
        type=datatype,
        value=None if is_null else value,
        time_ms=draw(st.none() | TIMES),
        is_historical=draw(st.booleans()),
        is_transient=draw(st.booleans()),
        is_null=is_null,
        properties={key: Property(kind, each) for key, (kind, each) in typed.items()},
    )


PAYLOADS = st.builds(
    Payload,
    time_ms=st.none() | TIMES,
    metrics=st.lists(metrics(), max_size=6).map(tuple),
    seq=st.none() | st.integers(0, 255),
    uuid=st.none() | TEXT.filter(lambda text: text != COMPRESSED_UUID),
)


@given(PAYLOADS)
@settings(max_examples=300)
def test_what_is_encoded_is_decoded(payload: Payload) -> None:
    assert decode(encode(payload)) == payload


@given(PAYLOADS)
@settings(max_examples=300)
def test_the_bytes_are_those_that_protobuf_writes(payload: Payload) -> None:
    data = encode(payload)
    message = PayloadMessage()
    message.ParseFromString(data)
    assert message.SerializeToString() == data


def test_100_000_random_byte_strings_raise_nothing_but_codec_errors() -> None:
    chance = random.Random(20260105)
    refused = 0
    for _ in range(100_000):
        data = chance.randbytes(chance.randrange(60))
        try:
            decode(data)
        except CodecError:
            refused += 1
    assert refused > 50_000


def rich_message() -> Any:
    """A payload with everything that the standard allows in it."""
    message = PayloadMessage(timestamp=1_780_000_000_000, seq=3, uuid="3f9a62d1:7")
    message.metrics.add(name="Air/PM2 5", datatype=10, timestamp=1, double_value=12.5)
    message.metrics.add(alias=3, datatype=3, int_value=2**32 - 4, is_historical=True)
    props = message.metrics[0].properties
    props.keys.append("sub")
    props.values.add(type=20).propertyset_value.keys.append("x")
    table = message.metrics.add(name="table", datatype=16).dataset_value
    table.num_of_columns = 1
    table.columns.append("c")
    table.types.append(12)
    table.rows.add().elements.add(string_value="é")
    template = message.metrics.add(name="pump", datatype=19).template_value
    template.template_ref = "Pump"
    template.metrics.add(name="speed", datatype=9, float_value=1.5)
    template.parameters.add(name="p", type=12, string_value="v")
    message.metrics.add(name="blob", datatype=17, bytes_value=b"\x00\xff")
    message.metrics.add(name="numbers", datatype=24, bytes_value=b"\x00" * 8)
    return message


def test_mutated_payloads_raise_nothing_but_codec_errors() -> None:
    chance = random.Random(7)
    packed = PayloadMessage(uuid=COMPRESSED_UUID, body=gzip.compress(rich_message().SerializeToString()))
    for whole in (rich_message().SerializeToString(), packed.SerializeToString()):
        for _ in range(20_000):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 5)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            data = data[: chance.randrange(len(data) + 1)] if chance.random() < 0.2 else data
            try:
                decode(bytes(data))
            except CodecError:
                continue


def test_data_sets_templates_and_bytes_survive_as_unsupported() -> None:
    payload = decode(rich_message().SerializeToString())
    kinds = {metric.name: metric.value for metric in payload.metrics}
    for name in ("table", "pump", "blob", "numbers"):
        assert isinstance(kinds[name], Unsupported), name
    assert "dataset" in repr(kinds["table"])
    assert payload.metrics[1].alias == 3
    assert payload.metrics[1].name == ""
    assert payload.metrics[1].value == -4
    assert isinstance(payload.metrics[0].properties["sub"].value, Unsupported)


@pytest.mark.parametrize(
    ("datatype", "field", "wire", "value"),
    [
        (1, "int_value", 2**32 - 1, -1),
        (1, "int_value", 0xFF, -1),
        (2, "int_value", 2**32 - 300, -300),
        (3, "int_value", 2**32 - 1, -1),
        (3, "int_value", 2**31, -(2**31)),
        (4, "long_value", 2**64 - 5, -5),
        (5, "int_value", 200, 200),
        (6, "int_value", 60_000, 60_000),
        (7, "int_value", 4_000_000_000, 4_000_000_000),
        (7, "long_value", 4_000_000_000, 4_000_000_000),
        (8, "long_value", 2**64 - 1, 2**64 - 1),
        (9, "float_value", 1.5, 1.5),
        (13, "long_value", 1_780_000_000_000, 1_780_000_000_000),
        (14, "string_value", "chữ", "chữ"),
        (15, "string_value", "a-b", "a-b"),
        (0, "long_value", 5, 5),
        (0, "boolean_value", True, True),
        (99, "string_value", "x", "x"),
    ],
)
def test_numbers_of_all_types_are_read(datatype: int, field: str, wire: Value, value: Value) -> None:
    message = PayloadMessage()
    message.metrics.add(name="a", datatype=datatype, **{field: wire})
    metric = decode(message.SerializeToString()).metrics[0]
    assert metric.value == value
    assert type(metric.value) is type(value)


def test_a_value_of_another_kind_than_its_datatype_is_unsupported() -> None:
    message = PayloadMessage()
    message.metrics.add(name="a", datatype=int(DataType.DOUBLE), string_value="12")
    assert (
        repr(decode(message.SerializeToString()).metrics[0].value) == "<unsupported string_value for DOUBLE>"
    )


def test_a_metric_without_a_value_is_none() -> None:
    message = PayloadMessage()
    message.metrics.add(name="a", datatype=10)
    assert decode(message.SerializeToString()).metrics[0].value is None


def compressed(body: bytes, algorithm: str | None = None) -> bytes:
    message = PayloadMessage(uuid=COMPRESSED_UUID, body=body)
    if algorithm:
        message.metrics.add(name="algorithm", datatype=12, string_value=algorithm)
    encoded: bytes = message.SerializeToString()
    return encoded


@pytest.mark.parametrize(
    ("pack", "algorithm"), [(gzip.compress, None), (gzip.compress, "GZIP"), (zlib.compress, "DEFLATE")]
)
def test_compressed_payloads_are_read(pack: Any, algorithm: str | None) -> None:
    inner = Payload(5, (Metric("a", DataType.DOUBLE, 1.5, 4),), seq=9)
    assert decode(compressed(pack(encode(inner)), algorithm)) == inner


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"not gzip", "cannot be inflated"),
        (gzip.compress(b"\x00" * (MAX_INFLATED_BYTES + 1)), "grows past"),
        (gzip.compress(encode(Payload(5, ()))[:2] + b"\x28" * 40)[:-9], "cut short"),
        (gzip.compress(b"\xff\xff"), "no Sparkplug B message"),
        (gzip.compress(compressed(gzip.compress(b""))), "inside a compressed"),
    ],
    # gzip writes the time into its header: an id made of it would differ between the workers of one run
    ids=["not-gzip", "too-large", "cut-short", "no-payload", "twice-compressed"],
)
def test_bad_compressed_payloads_are_refused(body: bytes, cause: str) -> None:
    with pytest.raises(CodecError, match=cause):
        decode(compressed(body))


@pytest.mark.parametrize(
    "data",
    [
        b"\x12\x04\x0a\x02\xff\xff",  # a metric's name
        b"\x22\x02\xff\xfe",  # the uuid
        b"\x12\x08\x0a\x01a\x20\x0c\x7a\x01\xff",  # a value
        b"\x12\x05\x4a\x03\x0a\x01\xff",  # a property's key
    ],
)
def test_text_that_is_no_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(CodecError, match="no Sparkplug B message"):
        decode(data)


def test_property_keys_without_values_are_refused() -> None:
    message = PayloadMessage()
    message.metrics.add(name="a", datatype=10, double_value=1).properties.keys.append("k")
    with pytest.raises(CodecError, match="'a': 1 property keys, 0 values"):
        decode(message.SerializeToString())


@pytest.mark.parametrize(
    ("metric", "cause"),
    [
        (Metric("", DataType.DOUBLE, 1.0, 1), "without a name"),
        (Metric("a", DataType.INT32, -1, 1), "a: -1 is no INT32: expected 0"),
        (Metric("a", DataType.INT32, 2**31, 1), "expected 0"),
        (Metric("a", DataType.INT64, 2**63, 1), "expected 0"),
        (Metric("a", DataType.INT32, 1.0, 1), "whole number"),
        (Metric("a", DataType.INT32, True, 1), "whole number"),
        (Metric("a", DataType.BOOLEAN, 1, 1), "true or false"),
        (Metric("a", DataType.DOUBLE, True, 1), "expected a number"),
        (Metric("a", DataType.DOUBLE, "1", 1), "expected a number"),
        (Metric("a", DataType.DOUBLE, 10**400, 1), "a: 1000"),
        (Metric("a", DataType.STRING, 5, 1), "5 is no STRING"),
        (Metric("a", DataType.STRING, "\ud800", 1), "surrogates"),
        (Metric("a", DataType.UINT32, 5, 1), "X-ENC-2"),
        (Metric("a", DataType.DOUBLE, Unsupported("x"), 1), "expected a number"),
        (Metric("a", DataType.DOUBLE, 1.0, -1), "cannot be sent"),
        (Metric("a\ud800", DataType.DOUBLE, 1.0, 1), "cannot be sent"),
        (Metric("a", DataType.DOUBLE, 1.0, 1, properties={"p": Property(DataType.INT32, -1)}), "property p"),
    ],
)
def test_what_must_not_be_sent_is_refused(metric: Metric, cause: str) -> None:
    with pytest.raises(CodecError, match=cause):
        encode(Payload(1, (metric,)))


@pytest.mark.parametrize("payload", [Payload(-1, ()), Payload(1, (), seq=-1), Payload(1, (), uuid="\ud800")])
def test_bad_payload_fields_are_refused(payload: Payload) -> None:
    with pytest.raises(CodecError, match="cannot be sent"):
        encode(payload)
