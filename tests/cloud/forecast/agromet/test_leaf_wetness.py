"""Leaf wetness: the published rule, the choice of source, wet days and gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.forecast.agromet.gaps import bridge_temperature
from cloud.forecast.agromet.leaf_wetness import Source, cart_sld_wind, estimate, humidity_rule
from cloud.forecast.agromet.wet_day import daily_weather, wet_days
from cloud.forecast.weather.series import HourlyWeather
from tests.cloud.forecast.reference import column, rows

NOON = np.datetime64("2026-07-01T12", "h")


def test_every_vector_of_cart_sld_wind() -> None:
    vectors = rows("cart_sld_wind_vectors.csv")
    found = cart_sld_wind(*(column(vectors, name) for name in ("T_c", "RH_pct", "wind_ms")))
    assert len(vectors) == 199
    np.testing.assert_array_equal(found.wet, column(vectors, "wet"))
    np.testing.assert_allclose(found.depression, column(vectors, "DPD_c"), atol=5.1e-5)
    # The printed scores rest on the printed, rounded depression.
    np.testing.assert_allclose(found.calm_score, column(vectors, "lhs1"), atol=5e-4)
    np.testing.assert_allclose(found.windy_score, column(vectors, "lhs2"), atol=5e-4)


def test_edges_of_cart_sld_wind() -> None:
    found = cart_sld_wind([25, np.nan, 25, 25, -2], [100, 95, np.nan, 95, 99], [0, 1, 1, np.nan, 1])
    np.testing.assert_array_equal(found.wet, [1, np.nan, np.nan, np.nan, np.nan])


def test_humidity_rule() -> None:
    np.testing.assert_array_equal(humidity_rule([89.9, 90, np.nan]), [0, 1, np.nan])
    np.testing.assert_array_equal(humidity_rule([88], limit=87), [1])


def weather() -> HourlyWeather:
    nan = np.nan
    return HourlyWeather(
        hours=NOON + np.arange(6),
        temperature=np.full(6, 25.0),
        humidity=np.array([96.0, 96, 60, 60, 96, nan]),
        wind=np.array([1.0, 1, 1, 1, nan, nan]),
        rain=np.array([0.0, 0, 0.4, 0, nan, nan]),
        wetness=np.array([0.1, nan, nan, nan, nan, nan]),
    )


def test_each_hour_takes_the_best_source_and_says_so() -> None:
    found = estimate(weather(), wind_height_m=2)
    np.testing.assert_array_equal(found.wet, [0, 1, 1, 0, 1, np.nan])
    assert found.source.tolist() == [
        Source.SENSOR,
        Source.CART,
        Source.RAIN,
        Source.CART,
        Source.HUMIDITY,
        Source.UNKNOWN,
    ]
    assert found.shares() == {"unknown": 1, "sensor": 1, "rain": 1, "cart": 2, "humidity": 1}


def test_wind_of_unknown_height_is_not_used() -> None:
    found = estimate(replace(weather(), wetness=None), wind_height_m=None)
    assert Source.CART not in found.source


def test_the_height_of_the_wind_matters() -> None:
    windy = replace(weather(), wetness=None, rain=None, wind=np.full(6, 4.0), humidity=np.full(6, 93.0))
    assert np.nansum(estimate(windy, wind_height_m=10).wet) == 6
    assert np.nansum(estimate(windy, wind_height_m=0.3).wet) == 0


def test_a_night_of_dew_is_one_wet_day_named_after_its_morning() -> None:
    hours = NOON + np.arange(48)
    wet = np.zeros(48)
    wet[8:19] = 1  # 20 h to 7 h
    found = wet_days(hours, wet)
    assert [str(day) for day in found.days] == ["2026-07-02", "2026-07-03"]
    assert found.wet_hours.tolist() == [11, 0]
    assert found.unknown_hours.tolist() == [0, 0]


def test_hours_before_the_record_are_unknown_not_dry() -> None:
    found = wet_days(NOON + np.arange(6, 30), np.ones(24))
    np.testing.assert_array_equal(found.wet_hours, [np.nan, np.nan])
    assert found.unknown_hours.tolist() == [6, 18]


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=24, max_size=96), st.data())
def test_unknown_hours_never_add_wetness(wet: list[float], data: st.DataObject) -> None:
    hours = NOON + np.arange(len(wet))
    holed = np.array(wet)
    holed[data.draw(st.lists(st.integers(0, len(wet) - 1), max_size=20))] = np.nan
    known, lost = wet_days(hours, np.array(wet)), wet_days(hours, holed)
    told = ~np.isnan(lost.wet_hours)
    assert (lost.wet_hours[told] <= known.wet_hours[told]).all()
    assert (lost.unknown_hours >= known.unknown_hours).all()


def test_days_for_epirice() -> None:
    hours = np.datetime64("2026-07-01T00", "h") + np.arange(72)
    rain = np.zeros(72)
    rain[30], rain[50] = 7.5, np.nan
    temperature = np.repeat([24.0, 26, 28], 24)
    temperature[48:54] = np.nan
    source = HourlyWeather(hours, temperature, np.full(72, 85.0), rain=rain)
    wet = np.zeros(72)
    wet[20:31] = 1
    daily = daily_weather(source, wet)
    np.testing.assert_array_equal(daily.temperature, [24, 26, np.nan])
    np.testing.assert_array_equal(daily.rain, [0, 7.5, np.nan])
    assert daily.wet_hours is not None
    np.testing.assert_array_equal(daily.wet_hours, [np.nan, 11, 0])
    assert np.isnan(daily_weather(replace(source, rain=None), wet).rain).all()


def test_only_short_inner_holes_of_temperature_are_bridged() -> None:
    nan = np.nan
    values = np.array([nan, 20, nan, nan, nan, 28, nan, nan, nan, nan, 30, nan])
    filled, bridged = bridge_temperature(values)
    np.testing.assert_array_equal(filled, [nan, 20, 22, 24, 26, 28, nan, nan, nan, nan, 30, nan])
    assert np.flatnonzero(bridged).tolist() == [2, 3, 4]
    assert np.isnan(values[2])


@pytest.mark.parametrize("count", [0, 3])
def test_a_record_without_a_value_has_nothing_to_bridge(count: int) -> None:
    filled, bridged = bridge_temperature(np.full(count, np.nan))
    assert np.isnan(filled).all()
    assert not bridged.any()
