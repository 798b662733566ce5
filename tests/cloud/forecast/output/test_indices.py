"""What the station shares: splash, season, storms, windows, the site's usual."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.forecast.crop.plot import Count, Method
from cloud.forecast.insects.stages import species_named, window_dates
from cloud.forecast.output.indices import season_prior, site_usual, splash_factor, storm_wounds
from cloud.forecast.output.parameters import crop_risks
from cloud.forecast.output.station import station
from cloud.forecast.output.windows import crossing, trap_peak, treatment_window
from tests.cloud.forecast.output.made_up import weather

BROWN_SPOT = crop_risks("dragon_fruit").diseases["dragon_fruit_brown_spot"]
BLIGHT = crop_risks("rice").diseases["bacterial_blight"]


def test_splash_needs_rain_in_the_last_day_or_gusts() -> None:
    assert BROWN_SPOT.splash is not None
    rain, wind = np.zeros((60, 1)), np.zeros((60, 1))
    rain[10:12] = 1.0
    wind[50] = 6.0
    found = splash_factor(BROWN_SPOT.splash, rain, wind)[:, 0]
    assert found[9] == pytest.approx(0.3)
    assert (found[11:34] == 1.0).all()
    assert found[35] == pytest.approx(0.3)
    assert found[50] == pytest.approx(0.5)
    assert (splash_factor(BROWN_SPOT.splash, rain * np.nan, wind * np.nan) == 0.3).all()


def test_the_seasonal_prior_is_half_at_its_middle_and_where_rain_is_unknown() -> None:
    assert BROWN_SPOT.season is not None
    past = weather(())
    assert past.rain is not None
    past.rain[::24] = 98 / 30
    held = station(past, None, wind_height_m=None).past
    days = held.days[-1:] + 1
    assert season_prior(BROWN_SPOT.season, held, days)[0] == pytest.approx(0.5)
    wetter = replace(held, rain=held.rain * 2)
    assert season_prior(BROWN_SPOT.season, wetter, days)[0] > 0.95
    assert season_prior(BROWN_SPOT.season, replace(held, rain=held.rain * np.nan), days)[0] == 0.5
    assert season_prior(BROWN_SPOT.season, held, held.days[5:6])[0] == 0.5


def test_wounds_stay_open_for_days_after_a_storm() -> None:
    assert BLIGHT.storm is not None
    past = weather((20,), wind=7.0)
    wounded = storm_wounds(BLIGHT.storm, station(past, None, wind_height_m=None).past)[:, 0]
    assert list(np.flatnonzero(wounded)) == [20, 21, 22]
    assert not storm_wounds(BLIGHT.storm, station(weather((20,)), None, wind_height_m=None).past).any()


def test_the_middle_infection_day_of_a_site_is_a_risk_of_a_third() -> None:
    risk = crop_risks("rice").diseases["leaf_blast"]
    found = site_usual(risk, station(weather(), None, wind_height_m=2))
    assert found.own
    infecting = found.risks[found.risks > 0]
    assert np.median(infecting) == pytest.approx(0.3, abs=0.02)
    few = site_usual(risk, station(weather((5, 9)), None, wind_height_m=2))
    assert not few.own
    assert few.strength == risk.usual_k


def test_the_window_of_one_column_is_that_of_the_stage_tables() -> None:
    risk = crop_risks("rice").insects["brown_planthopper"].model_copy(update={"needs_error": 0.0})
    of = station(weather(()), None, wind_height_m=2)
    found = treatment_window(risk, of, date(2026, 8, 1))
    assert found is not None
    assert found.dates is not None
    extremes = of.past.extremes
    since = 31
    told = window_dates(
        species_named("brown_planthopper"),
        extremes.days[since:],
        extremes.lowest[since:, 0],
        extremes.highest[since:, 0],
    )
    assert str(told[0].begins) == str(found.dates[0])
    assert str(told[0].ends) == str(found.dates[1])
    assert treatment_window(risk, of, date(2026, 1, 1)) is None


@given(
    steps=st.lists(st.floats(0.1, 20), min_size=3, max_size=40),
    position=st.floats(0, 2),
    needed=st.floats(0.1, 100),
)
def test_crossing_finds_where_the_sum_is_reached(steps: list[float], position: float, needed: float) -> None:
    gained = np.concatenate(([0.0], np.cumsum(steps)))[:, None]
    found = crossing(gained, np.array([position]), np.array([needed]))[0]
    rows = np.arange(len(gained))
    start = np.interp(position, rows, gained[:, 0])
    if start + needed > gained[-1, 0] + 1e-6:
        assert np.isnan(found)
    elif not np.isnan(found):
        assert np.interp(found, rows, gained[:, 0]) == pytest.approx(start + needed, abs=1e-6)


def test_peaks_of_the_light_trap() -> None:
    def peak(*values: float) -> date | None:
        nights = [
            Count(
                pest="leaf_folder",
                day=date(2026, 8, 1) + timedelta(at),
                method=Method.LIGHT_TRAP,
                value=value,
            )
            for at, value in enumerate(values)
        ]
        return trap_peak(nights, "leaf_folder")

    assert peak(5, 40, 6) == date(2026, 8, 2)
    assert peak(5, 40, 6, 5, 60, 7) == date(2026, 8, 5)
    assert peak(5, 6, 40) is None
    assert peak(40, 5) is None
    assert peak(10, 12, 11, 10) is None
    assert peak(0, 0, 0, 0) is None
