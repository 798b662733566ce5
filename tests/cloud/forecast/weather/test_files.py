"""CSV files of weather: what is read, and every fault named by place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cloud.forecast.errors import WeatherFault
from cloud.forecast.weather.files import read_daily, read_hourly


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weather.csv"


def test_both_spellings_of_days_and_unknown_cells(file: Path) -> None:
    file.write_text(
        "YYYYMMDD,TEMP,RHUM,RAIN,W\n20000701,25,NA,1,3\n2000-07-02,,80,0,\n", encoding="utf-8-sig"
    )
    weather = read_daily(file)
    assert [str(day) for day in weather.days] == ["2000-07-01", "2000-07-02"]
    np.testing.assert_array_equal(weather.temperature, [25, np.nan])
    assert weather.wet_hours is not None
    np.testing.assert_array_equal(weather.wet_hours, [3, np.nan])


def test_one_of_several_sites(file: Path) -> None:
    file.write_text("idsite,YYYYMMDD,TEMP,RHUM,RAIN\n12,2000-07-01,25,80,1\n14,2000-07-01,26,80,1\n")
    assert read_daily(file, "14").temperature.tolist() == [26]
    with pytest.raises(WeatherFault, match="holds sites 12, 14"):
        read_daily(file)
    with pytest.raises(WeatherFault, match="no site 15"):
        read_daily(file, "15")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no rows"),
        ("YYYYMMDD,TEMP,RHUM,RAIN\n", "no rows"),
        ("YYYYMMDD,TEMP,RAIN\n2000-07-01,25,0\n", "no column RHUM"),
        ("YYYYMMDD,TEMP,RHUM,RAIN\n2000-07-01,25,80\n2000-07-01,25,80,0\n", "do not rise at 2000-07-01"),
        ("YYYYMMDD,TEMP,RHUM,RAIN\n2000-07-32,25,80,0\n", ":2: YYYYMMDD: '2000-07-32' is no date"),
        (
            "YYYYMMDD,TEMP,RHUM,RAIN\n2000-07-01,25,80,0\n2000-07-02,warm,80,0\n",
            ":3: TEMP: 'warm' is no number",
        ),
        ("YYYYMMDD,TEMP,RHUM,RAIN\n2000-07-01,inf,80,0\n", "'inf' is no number"),
    ],
)
def test_faults_of_daily_files(file: Path, content: str, message: str) -> None:
    file.write_text(content)
    with pytest.raises(WeatherFault, match=message):
        read_daily(file)


def test_site_of_a_file_without_sites(file: Path) -> None:
    file.write_text("YYYYMMDD,TEMP,RHUM,RAIN\n2000-07-01,25,80,0\n")
    with pytest.raises(WeatherFault, match="no column idsite"):
        read_daily(file, "12")


def test_file_that_is_no_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(WeatherFault, match="cannot be read"):
        read_daily(file)


def test_hours_with_an_offset_come_to_the_local_clock(file: Path) -> None:
    file.write_text("TIME,TEMP,RHUM,WIND\n2026-06-30T17:00Z,25,90,1\n2026-07-01T02:00:00+07:00,24,91,2\n")
    weather = read_hourly(file)
    assert [str(hour) for hour in weather.hours] == ["2026-07-01T00", "2026-07-01T01", "2026-07-01T02"]
    np.testing.assert_array_equal(weather.temperature, [25, np.nan, 24])
    assert weather.rain is None


@pytest.mark.parametrize(
    ("time", "message"), [("2026-07-01T00:30", "no full hour"), ("yesterday", "is no time")]
)
def test_faults_of_hourly_files(file: Path, time: str, message: str) -> None:
    file.write_text(f"TIME,TEMP,RHUM\n{time},25,90\n")
    with pytest.raises(WeatherFault, match=message):
        read_hourly(file)
