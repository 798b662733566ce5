"""The world is repeatable, and its parts agree with each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.inputs import make_world
from simulators.settings import SimSettings
from simulators.world.noise import Noise
from simulators.world.soil import WILTING_PCT
from simulators.world.world import ORIGIN_S, World
from tests.simulators.support import EVENING, NOON

HOUR = 3600
DAY = 24 * HOUR
TIMES = st.floats(min_value=ORIGIN_S, max_value=ORIGIN_S + 10 * 365 * DAY, allow_nan=False)


def test_the_same_seed_is_the_same_world(world_settings: SimSettings, world: World) -> None:
    again = make_world(world_settings)
    for time in (NOON, EVENING, NOON + 12345.678):
        assert again.weather.at(time) == world.weather.at(time)
        assert again.air.at(time, 3, "aq-1") == world.air.at(time, 3, "aq-1")
        assert again.demand("wm-1", 10).volume_m3(time) == world.demand("wm-1", 10).volume_m3(time)


def test_another_seed_is_another_world(world_settings: SimSettings, world: World) -> None:
    other = make_world(world_settings.model_copy(update={"seed": 2}))
    assert other.weather.at(NOON) != world.weather.at(NOON)
    assert other.demand("wm-1", 10).flow_m3h(NOON) != world.demand("wm-1", 10).flow_m3h(NOON)


def test_the_order_of_questions_does_not_matter(world_settings: SimSettings) -> None:
    times = [NOON + hour * HOUR for hour in range(48)]
    forward, backward = make_world(world_settings), make_world(world_settings)
    ahead = [
        (forward.weather.at(time), forward.lamps.burnt_s(time), forward.demand("w", 9).volume_m3(time))
        for time in times
    ]
    behind = [
        (backward.weather.at(time), backward.lamps.burnt_s(time), backward.demand("w", 9).volume_m3(time))
        for time in reversed(times)
    ]
    assert ahead == behind[::-1]


@given(TIMES)
def test_weather_stays_within_what_can_be(world: World, time: float) -> None:
    now = world.weather.at(time)
    assert 15 < now.temperature_c < 45
    assert 0 < now.humidity_pct <= 100
    assert 990 < now.pressure_hpa < 1030
    assert 0 <= now.cloud <= 1
    assert 0 <= now.irradiance_w_m2 < 1200
    assert 0 <= now.uv_index < 16
    assert now.gust_m_s >= now.wind_m_s >= 0
    assert 0 <= now.wind_from_deg < 360
    assert 0 <= now.leaf_wetness <= 15
    if world.sun.elevation(time) <= 0:
        assert now.irradiance_w_m2 == now.illuminance_lx == now.uv_index == 0


def test_it_is_dark_at_night_and_bright_at_noon(world: World) -> None:
    assert world.weather.at(EVENING).irradiance_w_m2 == 0
    assert max(world.weather.at(NOON + day * DAY).irradiance_w_m2 for day in range(10)) > 400


def test_temperature_follows_the_file_by_hour_of_day(world: World) -> None:
    days = range(90)
    at_two = [world.weather.at(NOON + day * DAY + 2 * HOUR).temperature_c for day in days]
    at_five = [world.weather.at(NOON + day * DAY - 7 * HOUR).temperature_c for day in days]
    assert sum(at_two) / 90 > sum(at_five) / 90 + 3


def test_rain_only_adds_up_also_where_the_file_begins_again(world: World) -> None:
    totals = [world.weather.at(NOON + hour * HOUR).rain_total_mm for hour in range(2 * world.weather.hours)]
    assert all(before <= after for before, after in pairwise(totals))
    loop = totals[world.weather.hours] - totals[0]
    assert loop == pytest.approx(sum(world.weather.rain_mm))
    assert 100 < loop < 1500


def test_rain_wets_leaves_and_soil(world: World) -> None:
    wet = max(range(world.weather.hours), key=lambda hour: world.weather.rain_mm[hour])
    start = NOON - world.weather.index(NOON) * HOUR
    after = start + (wet + 1) * HOUR
    assert world.weather.at(after - 1).leaf_wetness > 12
    soil = world.soil(20.0, 1.0)
    assert soil.moisture_pct[(wet + 1) % world.weather.hours] > soil.moisture_pct[wet]


def test_soil_is_watered_when_dry_and_never_out_of_bounds(world: World) -> None:
    soil = world.soil(24.0, 0.9)
    assert all(WILTING_PCT <= content <= 48 for content in soil.moisture_pct)
    assert any(soil.watered)
    for hour, open_valve in enumerate(soil.watered):
        if open_valve:
            assert soil.moisture_pct[hour] < 24.0


@given(TIMES, st.integers(0, 30), st.floats(0, 500))
def test_fine_dust_is_part_of_coarse_dust(world: World, time: float, station: int, smoke: float) -> None:
    air = world.air.at(time, station, f"aq-{station}", smoke)
    assert 0 <= air.pm1 <= air.pm2_5 <= air.pm10
    assert air.pm2_5 >= smoke
    assert air.no2 >= 0
    assert 380 < air.co2_ppm < 900


def test_each_station_replays_its_own_series(world: World) -> None:
    values = {round(world.air.at(NOON, station, "same").no2, 6) for station in range(12)}
    assert len(values) > 8


def test_lamps_burn_by_night_and_their_hours_are_the_sum(world: World) -> None:
    assert world.lamps.on(EVENING)
    assert not world.lamps.on(NOON)
    step = 60
    burnt = sum(step for time in range(int(NOON), int(NOON + 3 * DAY), step) if world.lamps.on(time))
    counted = world.lamps.burnt_s(NOON + 3 * DAY) - world.lamps.burnt_s(NOON)
    assert counted == pytest.approx(burnt, abs=6 * step)
    assert 10.5 * HOUR < counted / 3 < 13 * HOUR


def test_lamps_change_when_they_say(world: World) -> None:
    change = world.lamps.next_change(NOON)
    assert not world.lamps.on(change - 1)
    assert world.lamps.on(change + 1)
    morning = world.lamps.next_change(change + 1)
    assert world.lamps.on(morning - 1)
    assert not world.lamps.on(morning + 1)


def test_volume_is_the_integral_of_flow(world: World) -> None:
    demand = world.demand("wm-1", 12.0)
    step = 30.0
    flows = [demand.flow_m3h(NOON + each * step + step / 2) for each in range(int(2 * DAY / step))]
    drawn = sum(flows) * step / HOUR
    assert demand.volume_m3(NOON + 2 * DAY) - demand.volume_m3(NOON) == pytest.approx(drawn, rel=1e-3)
    assert all(flow > 0 for flow in flows)


def test_water_is_drawn_by_day_and_seeps_by_night(world: World) -> None:
    demand = world.demand("wm-1", 12.0)
    assert demand.flow_m3h(NOON - 9 * HOUR) < 0.4 * demand.flow_m3h(NOON - 5 * HOUR)


def test_nothing_is_counted_before_the_beginning(world: World) -> None:
    before = ORIGIN_S - 30 * DAY
    assert world.lamps.burnt_s(before) == 0
    assert world.demand("wm-1", 12.0).volume_m3(before) == 0
    assert world.weather.at(before).rain_total_mm == 0


def test_voltage_sinks_in_the_evening(world: World) -> None:
    evening = sum(world.grid.voltage(EVENING - HOUR + day * DAY, "f") for day in range(20)) / 20
    night = sum(world.grid.voltage(NOON - 9 * HOUR + day * DAY, "f") for day in range(20)) / 20
    assert 215 < evening < night - 3 < 240


@given(st.integers(), st.text(), st.floats(-1e9, 1e10), st.floats(1, 1e6))
def test_noise_is_bounded_and_repeatable(seed: int, name: str, time: float, period: float) -> None:
    value = Noise(seed, name).smooth(time, period)
    assert -1 <= value <= 1
    assert value == Noise(seed, name).smooth(time, period)
