"""Scans are encoded by a short way; it must not be seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import CodecError
from telemetry.readings import Quality, Reading, ValueType
from telemetry.sparkplug.metrics import metric_of
from telemetry.sparkplug.payload import Payload, encode
from telemetry.sparkplug.scans import encode_readings
from tests.telemetry.test_metrics import VALUES

NAMES = st.sampled_from(["Power/Active", "Gió/Tốc độ", "Group/" + "Long Name " * 20])


@st.composite
def scans(draw: st.DrawFn) -> list[Reading]:
    times = st.sampled_from([0, 127, 1_780_000_000_000, 1_780_000_000_001])
    doubles = st.tuples(st.just(ValueType.DOUBLE), st.floats(allow_nan=False) | st.integers(-(2**60), 2**60))
    typed = draw(st.lists(VALUES | doubles, max_size=8))
    return [
        Reading("sl-000001", draw(NAMES), kind, value, draw(times), draw(st.sampled_from(Quality)))
        for kind, value in typed
    ]


@given(scans())
def test_the_short_way_gives_the_bytes_of_the_long_one(scan: list[Reading]) -> None:
    assert encode_readings(scan) == encode(Payload(None, tuple(metric_of(each) for each in scan)))


@pytest.mark.parametrize(
    "reading",
    [
        Reading("sl-000001", "", ValueType.DOUBLE, 1.0, 1),
        Reading("sl-000001", "Power/Active", ValueType.DOUBLE, "much", 1),
        Reading("sl-000001", "Power/Active", ValueType.DOUBLE, True, 1),
        Reading("sl-000001", "Power/Active", ValueType.DOUBLE, 10**400, 1),
        Reading("sl-000001", "Power/Active", ValueType.DOUBLE, 1.0, -1),
        Reading("sl-000001", "\ud800", ValueType.DOUBLE, 1.0, 1),
        Reading("sl-000001", "Lamp/On", ValueType.BOOLEAN, 1, 1),
        Reading("sl-000001", "Energy/Total", ValueType.INT64, -1, 1),
    ],
)
def test_what_does_not_fit_is_refused(reading: Reading) -> None:
    with pytest.raises(CodecError):
        encode_readings([reading])
