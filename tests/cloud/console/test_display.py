"""Values, times and ages as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.console.display import (
    age_text,
    clock_time,
    date_time,
    number,
    quality_text,
    since_text,
    unit_sign,
    value_text,
)
from cloud.console.models import PointInfo, Sample
from cloud.console.texts import Words

VI, EN = Words("vi"), Words("en")
NOON = int(datetime(2026, 1, 5, 5, 0, 7, tzinfo=UTC).timestamp() * 1000)
"""12:00:07 in Phan Thiết."""


def point(**fields: Any) -> PointInfo:
    told = {"field": "f", "metric": "F/F", "type": "double", "title": {"vi": "Điểm", "en": "Point"}}
    return PointInfo.model_validate({**told, **fields})


@pytest.mark.parametrize(
    ("of", "value", "vi", "en"),
    [
        (point(unit="W", decimals=1), 1234.56, "1.234,6 W", "1,234.6 W"),
        (point(unit="Cel"), 29.04, "29,0 °C", "29.0 °C"),
        (point(unit="deg", decimals=0), 45.2, "45°", "45°"),
        (point(unit="1", decimals=2), 0.955, "0,95", "0.95"),
        (point(type="int64", unit="W.h"), 12345, "12.345 Wh", "12,345 Wh"),
        (point(type="boolean"), True, "có", "yes"),
        (point(type="boolean"), False, "không", "no"),
        (point(type="string"), "đêm", "đêm", "đêm"),
        (point(), None, "không có giá trị", "no value"),
        (
            point(type="int32", states={0: {"vi": "đóng", "en": "closed"}}),
            0,
            "đóng",
            "closed",
        ),
        (point(type="int32", states={0: {"vi": "đóng", "en": "closed"}}), 9, "9", "9"),
        (point(type="datetime"), NOON, "05/01/2026 12:00:07", "05/01/2026 12:00:07"),
    ],
)
def test_values(of: PointInfo, value: Any, vi: str, en: str) -> None:
    assert (value_text(of, value, VI), value_text(of, value, EN)) == (vi, en)


def test_a_unit_that_nobody_knows_stays_as_it_is() -> None:
    assert unit_sign("mol/L") == "mol/L"
    assert unit_sign(None) == ""


@given(st.floats(-1e12, 1e12), st.integers(0, 7))
def test_both_languages_write_the_same_number(value: float, decimals: int) -> None:
    vi, en = number(value, decimals, "vi"), number(value, decimals, "en")
    assert vi.translate(str.maketrans(",.", ".,")) == en
    assert float(en.replace(",", "")) == pytest.approx(value, abs=10**-decimals)


@pytest.mark.parametrize(
    ("sample", "vi"),
    [
        ({"value": 1, "time_ms": 1}, ""),
        ({"value": 1, "time_ms": 1, "quality": 0}, "không tin cậy"),
        ({"value": 1, "time_ms": 1, "quality": "bad"}, "không tin cậy"),
        ({"value": 1, "time_ms": 1, "quality": 500}, "đã cũ"),
        ({"value": 1, "time_ms": 1, "quality": 77}, "không tin cậy"),
        ({"value": None, "time_ms": 1, "quality": 192}, "không tin cậy"),
    ],
)
def test_only_a_good_value_goes_without_a_word(sample: dict[str, Any], vi: str) -> None:
    assert quality_text(Sample.model_validate(sample), VI) == vi


@pytest.mark.parametrize(
    ("age_s", "vi", "en"),
    [
        (-5, "vừa xong", "just now"),
        (1, "vừa xong", "just now"),
        (45, "45 giây trước", "45 s ago"),
        (600, "10 phút trước", "10 min ago"),
        (7200, "2 giờ trước", "2 h ago"),
        (86_400 * 5, "5 ngày trước", "5 d ago"),
    ],
)
def test_ages(age_s: int, vi: str, en: str) -> None:
    then = NOON - age_s * 1000
    assert (age_text(then, NOON, VI), age_text(then, NOON, EN)) == (vi, en)


def test_times_are_those_of_the_province() -> None:
    assert clock_time(NOON) == "12:00"
    assert clock_time(NOON, seconds=True) == "12:00:07"
    assert date_time(NOON) == "05/01/2026 12:00:07"
    assert since_text(NOON, NOON + 1000) == "12:00:07"
    assert since_text(NOON - 13 * 3_600_000, NOON) == "04/01 23:00"
