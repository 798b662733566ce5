"""Readings as metrics, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.readings import Quality, Reading, Value, ValueType
from telemetry.sparkplug.metrics import as_historical, metric_of, quality_of, reading_of
from telemetry.sparkplug.payload import DataType, Metric, Payload, Property, Unsupported, decode, encode

VALUES: st.SearchStrategy[tuple[ValueType, Value]] = st.one_of(
    st.tuples(st.just(ValueType.DOUBLE), st.floats(allow_nan=False)),
    st.tuples(st.just(ValueType.BOOLEAN), st.booleans()),
    st.tuples(st.just(ValueType.INT32), st.integers(0, 2**31 - 1)),
    st.tuples(st.just(ValueType.INT64), st.integers(0, 2**63 - 1)),
    st.tuples(st.just(ValueType.STRING), st.text(st.characters(exclude_categories=["Cs"]))),
    st.tuples(st.just(ValueType.DATETIME), st.integers(0, 2**63 - 1)),
)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    kind, value = draw(VALUES)
    quality = draw(st.sampled_from(Quality))
    if quality is not Quality.GOOD and draw(st.booleans()):
        value = None
    reason = draw(st.sampled_from(["", "timeout"])) if quality is not Quality.GOOD else ""
    return Reading("sl-000001", "Power/Active", kind, value, draw(st.integers(0, 2**62)), quality, reason)


@given(readings(), st.booleans())
def test_a_reading_comes_back_from_the_wire(reading: Reading, is_historical: bool) -> None:
    metric = metric_of(reading, is_historical=is_historical)
    received = decode(encode(Payload(1, (metric,), 0))).metrics[0]
    assert received.is_historical is is_historical
    assert reading_of("sl-000001", received, 0) == reading


def test_the_unit_is_given_where_asked_for() -> None:
    reading = Reading("a", "Power/Active", ValueType.DOUBLE, 1.0, 1)
    assert metric_of(reading).properties == {}
    assert metric_of(reading, unit="W").properties == {"engUnit": Property(DataType.STRING, "W")}


def test_a_missing_value_is_never_good() -> None:
    reading = reading_of("a", Metric("m", DataType.DOUBLE, None, 5, is_null=True), 9)
    assert reading is not None
    assert (reading.value, reading.quality, reading.time_ms) == (None, Quality.BAD, 5)


@pytest.mark.parametrize(
    ("datatype", "value", "kind", "expected"),
    [
        (DataType.INT16, -5, ValueType.DOUBLE, -5.0),
        (DataType.INT8, 3, ValueType.DOUBLE, 3.0),
        (DataType.UINT32, 4_000_000_000, ValueType.INT64, 4_000_000_000),
        (DataType.FLOAT, 1.5, ValueType.DOUBLE, 1.5),
        (DataType.TEXT, "x", ValueType.STRING, "x"),
    ],
)
def test_foreign_types_find_a_place(
    datatype: DataType, value: Value, kind: ValueType, expected: Value
) -> None:
    reading = reading_of("a", Metric("m", datatype, value), 9)
    assert reading is not None
    assert (reading.type, reading.value, reading.time_ms) == (kind, expected, 9)
    assert type(reading.value) is type(expected)


@pytest.mark.parametrize(
    "metric", [Metric("m", DataType.DATASET, Unsupported("x")), Metric("m", DataType.UNKNOWN, 1)]
)
def test_what_cannot_be_stored_is_no_reading(metric: Metric) -> None:
    assert reading_of("a", metric, 9) is None


@pytest.mark.parametrize("code", [64, 65, "bad", None, -1])
def test_an_unknown_quality_is_bad(code: Value) -> None:
    metric = Metric("m", DataType.DOUBLE, 1.0, properties={"Quality": Property(DataType.INT32, code)})
    assert quality_of(metric)[0] is Quality.BAD


def test_historical_changes_nothing_else() -> None:
    metric = Metric("m", DataType.DOUBLE, 1.0, 5)
    (marked,) = as_historical([metric])
    assert marked.is_historical
    assert (marked.name, marked.value, marked.time_ms) == ("m", 1.0, 5)
