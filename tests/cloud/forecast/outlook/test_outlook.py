"""The station's outlook: skill on recorded hours, no look ahead, honest answers when little is known."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.forecast.arrays import FloatArray
from cloud.forecast.errors import ModelInputFault, WeatherFault
from cloud.forecast.outlook.anomaly_ridge import fit, predict
from cloud.forecast.outlook.climatology import last_same_hour, usual
from cloud.forecast.outlook.outlook import look_ahead
from cloud.forecast.weather.series import HourlyWeather
from tests.cloud.forecast.reference import DATA

SPLIT = 0.65
REFERENCE = {  # RMSE of the reference benchmark's anomaly ridge on the same hours
    ("T", 1): 0.4962,
    ("T", 6): 1.6115,
    ("T", 24): 2.1689,
    ("RH", 1): 3.098,
    ("RH", 6): 8.3973,
    ("RH", 24): 9.7513,
}


def hanoi() -> tuple[FloatArray, FloatArray]:
    table = gzip.decompress((DATA / "weather_hourly_hanoi_2024_2025.csv.gz").read_bytes()).decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    return (
        np.array([float(row["TEMP"]) for row in rows]),
        np.array([float(row["RHUM"]) for row in rows]),
    )


def record(temperature: FloatArray, humidity: FloatArray, **others: FloatArray) -> HourlyWeather:
    hours = np.datetime64("2024-01-01T00") + np.arange(len(temperature))
    return HourlyWeather(hours, temperature, humidity, **others)


@pytest.mark.parametrize(("quantity", "ahead"), REFERENCE)
def test_skill_reaches_the_reference(quantity: str, ahead: int) -> None:
    temperature, humidity = hanoi()
    values, companion = (temperature, humidity) if quantity == "T" else (humidity, temperature)
    start, count = int(SPLIT * len(values)), len(values)
    expected = np.full(count, np.nan)
    for origin in range(start, count, 24 * 10):  # learns anew every ten days, from the past alone
        learnt = fit(values[: origin + 1], companion[: origin + 1], 0, ahead)
        span = np.arange(origin, min(count, origin + 24 * 10))
        expected[span] = predict(learnt, values[: span[-1] + 1], companion[: span[-1] + 1], 0, span)
    origins = np.arange(start, count - ahead)
    rmse = float(np.sqrt(np.mean((expected[origins] - values[origins + ahead]) ** 2)))
    persistence = float(
        np.sqrt(np.mean((last_same_hour(values, ahead)[origins] - values[origins + ahead]) ** 2))
    )
    assert rmse <= REFERENCE[quantity, ahead] * 1.01
    assert rmse < persistence


@given(seed=st.integers(0, 2**32 - 1), ahead=st.sampled_from([1, 5, 24, 50, 72]))
@settings(max_examples=20, deadline=None)
def test_the_future_is_never_looked_at(seed: int, ahead: int) -> None:
    chance = np.random.default_rng(seed)
    values, companion = chance.normal(20, 3, 1200), chance.normal(80, 9, 1200)
    origin = 1000
    learnt = fit(values[: origin + 1], companion[: origin + 1], 5, ahead)
    honest = predict(learnt, values, companion, 5, np.array([origin]))
    values[origin + 1 :], companion[origin + 1 :] = 1e6, -1e6
    assert predict(learnt, values, companion, 5, np.array([origin])) == honest
    assert np.array_equal(
        usual(values, ahead)[: origin + 1], usual(values[: origin + 1], ahead), equal_nan=True
    )


def test_members_surround_the_expectation_and_stay_possible() -> None:
    temperature, humidity = hanoi()
    rain = np.where(np.arange(4000) % 50 < 3, 2.0, 0.0)
    past = record(temperature[:4000], humidity[:4000], rain=rain, wind=np.full(4000, 2.0))
    found = look_ahead(past, members=200)
    assert found is not None
    assert found.hours[0] == past.hours[-1] + 1
    assert found.temperature_members.shape == (200, 72)
    low, high = np.quantile(found.temperature_members, (0.02, 0.98), axis=0)
    assert ((low <= found.temperature) & (found.temperature <= high)).mean() > 0.95
    assert found.humidity_members.min() >= 0
    assert found.humidity_members.max() <= 100
    assert ((found.wet_probability >= 0) & (found.wet_probability <= 1)).all()
    assert found.rain_members is not None
    assert set(np.unique(found.rain_members)) <= {0.0, 2.0}
    assert found.member(3).wind is not None
    again = look_ahead(past, members=200)
    assert again is not None
    assert np.array_equal(again.temperature_members, found.temperature_members)


def test_spread_grows_with_the_horizon() -> None:
    temperature, humidity = hanoi()
    found = look_ahead(record(temperature[:6000], humidity[:6000]), members=300)
    assert found is not None
    spread = found.temperature_members.std(axis=0)
    assert spread[0] < spread[23] < spread[71]  # at one hour of the day: afternoons are always less sure


def test_a_young_station_gets_its_climate_and_a_newborn_none() -> None:
    temperature, humidity = hanoi()
    young = look_ahead(record(temperature[:120], humidity[:120]), members=5)
    assert young is not None
    assert young.learnt_hours == 0
    assert set(young.source) == {"climate"}
    assert look_ahead(record(temperature[:60], humidity[:60]), members=5) is None


def test_gaps_are_no_news_and_a_silent_station_is_refused() -> None:
    temperature, humidity = hanoi()
    holed = temperature[:3000].copy()
    holed[1000:1100] = np.nan
    holed[-5:] = np.nan
    found = look_ahead(record(holed, humidity[:3000]), 24, 5)
    assert found is not None
    assert np.isfinite(found.temperature).all()
    holed[-24:] = np.nan
    with pytest.raises(WeatherFault, match="last known at 2024-05-03T23"):
        look_ahead(record(holed, humidity[:3000]), 24, 5)


@pytest.mark.parametrize(
    ("hours", "members", "cause"), [(0, 1, "hours: 0"), (73, 1, "hours: 73"), (1, 0, "members: 0")]
)
def test_impossible_wishes_are_refused(hours: int, members: int, cause: str) -> None:
    temperature, humidity = hanoi()
    with pytest.raises(ModelInputFault, match=cause):
        look_ahead(record(temperature[:1000], humidity[:1000]), hours, members)
