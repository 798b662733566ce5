"""CSV files of people: good ones loop, bad ones are named with line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.errors import SeriesError
from simulators.inputs import make_world
from simulators.settings import AirColumns, AirCsv, SimSettings, WeatherCsv
from simulators.world.series import read_hourly
from tests.simulators.support import NOON


def _write(file: Path, rows: list[str], header: str = "time,value") -> Path:
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def _days(count: int, first_hour: int = 0) -> list[str]:
    hours = range(first_hour, first_hour + 24 * count)
    return [f"2024-05-{1 + hour // 24:02d}T{hour % 24:02d}:00,{hour % 24}" for hour in hours]


def test_hour_of_day_is_kept_whatever_hour_the_file_begins_with(tmp_path: Path) -> None:
    for first in (0, 5, 23):
        series = read_hourly(_write(tmp_path / "a.csv", _days(3, first)), "time", ["value"])["value"]
        for local_hour in (0, 7, 23, 24 * 1000 + 13):
            assert series.at(local_hour * 3600.0) == local_hour % 24


def test_values_between_hours_lie_between_them(tmp_path: Path) -> None:
    series = read_hourly(_write(tmp_path / "a.csv", _days(2)), "time", ["value"])["value"]
    assert series.at(7.5 * 3600) == pytest.approx(7.5)


def test_gaps_are_bridged_and_the_rest_of_a_day_is_cut(tmp_path: Path) -> None:
    rows = _days(2)
    rows[5] = rows[5].split(",")[0] + ","
    rows[10] = rows[10].split(",")[0] + ",nan"
    del rows[20]
    rows.append("2024-05-03T00:00,99")
    series = read_hourly(_write(tmp_path / "a.csv", rows), "time", ["value"])["value"]
    assert len(series.values) == 48
    assert list(series.values[:24]) == pytest.approx(list(range(24)))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "at least one whole day"),
        (_days(1)[:-1], "at least one whole day"),
        ([*_days(1), "yesterday,4"], "26: time: 'yesterday' is no time"),
        ([*_days(1), "2024-05-02T00:00,warm"], "26: value: 'warm' is no number"),
        ([*_days(1), "2024-05-01T00:00,4"], "26: time: '2024-05-01T00:00' does not come after"),
        ([*_days(1), "9999-05-01T00:00,4"], "26: time: '9999-05-01T00:00' lies more than"),
        ([row.split(",")[0] + "," for row in _days(1)], "value: has no value at all"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, rows: list[str], words: str) -> None:
    file = _write(tmp_path / "bad.csv", rows)
    with pytest.raises(SeriesError) as caught:
        read_hourly(file, "time", ["value"])
    assert words in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_column_names_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match=r"no column 'humidity'; the file has 'time', 'value'"):
        read_hourly(_write(tmp_path / "a.csv", _days(1)), "time", ["value", "humidity"])


def test_a_missing_or_binary_file_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match="cannot be read"):
        read_hourly(tmp_path / "none.csv", "time", ["value"])
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01" * 100)
    with pytest.raises(SeriesError, match="no CSV text"):
        read_hourly(tmp_path / "b.csv", "time", ["value"])


def test_files_of_ones_own_make_the_world(tmp_path: Path, world_settings: SimSettings) -> None:
    weather = _write(tmp_path / "w.csv", [f"{row},77" for row in _days(2)], "when,degrees,damp")
    weather.write_text(weather.read_text().replace("time,", "when,"))
    air = _write(tmp_path / "a.csv", [f"{row},20,30" for row in _days(2)], "when,fine,coarse,gas")
    given = world_settings.model_copy(
        update={
            "weather_csv": WeatherCsv(file=weather, time="when", temperature="degrees", humidity="damp"),
            "air_csv": AirCsv(
                file=air, time="when", stations=[AirColumns(pm2_5="fine", pm10="coarse", no2="gas")]
            ),
            "air_factor": 2.0,
        }
    )
    world = make_world(given)
    assert world.weather.at(NOON).temperature_c == pytest.approx(12, abs=0.3)
    assert world.weather.at(NOON).humidity_pct == pytest.approx(77, abs=0.7)
    assert world.air.at(NOON, 0, "aq").no2 == pytest.approx(60, rel=0.07)
