"""Plants: what is switched, moves and breaks behaves as physics has it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from simulators.errors import SimConfigError
from simulators.faults import Faults, Kind
from simulators.plants.field import Field
from simulators.plants.lamp import Lamp
from simulators.plants.main import WaterMain
from simulators.plants.station import AirStation
from simulators.plants.truck import Truck
from simulators.settings import DATA
from simulators.world.routes import read_routes
from simulators.world.world import World
from tests.simulators.support import EVENING, NOON

HOUR = 3600


@pytest.fixture
def faults() -> Faults:
    return Faults(
        {
            "sl-1": "streetlight",
            "wm-1": "water_meter",
            "aq-1": "air_station",
            "fs-1": "farm_sensor",
            "gt-1": "truck",
        }
    )


def lamp(world: World, faults: Faults, *, follows_sun: bool = True) -> Lamp:
    return Lamp("sl-1", world, faults, rated_w=100.0, feeder="f", follows_sun=follows_sun)


def main(world: World, faults: Faults) -> WaterMain:
    return WaterMain("wm-1", world, faults, demand_m3h=12.0, travel_s=30.0, valve=True)


def test_a_lamp_follows_the_sun(world: World, faults: Faults) -> None:
    one = lamp(world, faults)
    assert one.at(NOON).power_w < 1
    state = one.at(EVENING)
    assert state.on
    assert state.power_w == pytest.approx(100, rel=0.05)
    assert state.power_w == pytest.approx(state.voltage_v * state.current_a * state.power_factor)


def test_a_switched_lamp_holds_until_the_sun_moves_it(world: World, faults: Faults) -> None:
    one = lamp(world, faults)
    one.set(True, NOON)
    assert one.is_on(NOON + 4 * HOUR)
    one.set(False, EVENING)
    assert not one.is_on(EVENING + 5 * HOUR)
    assert one.is_on(EVENING + 24 * HOUR)


def test_without_a_dusk_switch_only_commands_move_a_lamp(world: World, faults: Faults) -> None:
    one = lamp(world, faults, follows_sun=False)
    assert not one.at(EVENING).on
    one.set(True, EVENING)
    assert one.at(EVENING + 20 * HOUR).on


def test_energy_is_the_integral_of_power(world: World, faults: Faults) -> None:
    one = lamp(world, faults)
    before = one.at(NOON).energy_wh
    one.set(True, NOON)
    one.dim(50, NOON + HOUR)
    after = one.at(NOON + 2 * HOUR).energy_wh
    assert after - before == pytest.approx(100 + 55 + 2 * 0.4, rel=0.01)
    faults.set(Kind.LAMP_OUT, "sl-1", NOON + 2 * HOUR, None, None)
    assert one.at(NOON + 3 * HOUR).energy_wh - after == pytest.approx(1.3 + 0.4, rel=0.01)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["on", "off", "pulse", "dim", "wait", "break", "mend"]), st.floats(1, 40_000)
        ),
        max_size=25,
    )
)
@hypothesis_settings(max_examples=60)
def test_an_energy_meter_never_runs_backwards(world: World, acts: list[tuple[str, float]]) -> None:
    faults = Faults({"sl-1": "streetlight"})
    one = lamp(world, faults)
    time = NOON
    totals = [(one.at(time).energy_wh, one.at(time).burning_h)]
    for act, wait in acts:
        match act:
            case "on" | "off":
                one.set(act == "on", time)
            case "pulse":
                one.pulse(True, time, wait / 2)
            case "dim":
                one.dim(wait % 100, time)
            case "break":
                faults.set(Kind.LAMP_OUT, "sl-1", time, wait, None)
            case "mend":
                faults.clear(None, None, time)
        time += wait
        totals.append((one.at(time).energy_wh, one.at(time).burning_h))
    for (energy, burnt), (more, longer) in pairwise(totals):
        assert more >= energy - 1e-6
        assert longer >= burnt - 1e-9


def test_a_valve_takes_its_time_and_stops_the_flow(world: World, faults: Faults) -> None:
    one = main(world, faults)
    assert one.at(NOON).flow_m3h > 1
    one.move_valve(0, NOON)
    assert one.at(NOON + 15).opening_pct == pytest.approx(50)
    assert one.at(NOON + 31).opening_pct == 0
    closed = one.at(NOON + 40)
    assert closed.flow_m3h == closed.velocity_m_s == 0
    assert one.at(NOON + 4000).volume_m3 == pytest.approx(closed.volume_m3, abs=1e-6)
    assert closed.pressure_bar > 3, "pressure in front of a closed valve is the works' own"


def test_a_throttled_valve_lets_less_through_when_more_is_wanted(world: World, faults: Faults) -> None:
    one = main(world, faults)
    faults.set(Kind.LEAK, "wm-1", NOON, None, 400.0)
    flows = []
    for step, opening in enumerate((100, 75, 50, 25, 0)):
        one.move_valve(opening, NOON + 100 * step)
        flows.append(one.at(NOON + 100 * step + 99).flow_m3h)
    assert all(more > less for more, less in pairwise(flows))


def test_a_leak_raises_flow_and_sinks_pressure_until_the_valve_closes(world: World, faults: Faults) -> None:
    one = main(world, faults)
    healthy = one.at(NOON)
    faults.set(Kind.LEAK, "wm-1", NOON + 10, None, None)
    leaking = one.at(NOON + 20)
    assert leaking.flow_m3h > healthy.flow_m3h + 60
    assert leaking.pressure_bar < 1.0 < healthy.pressure_bar
    one.move_valve(0, NOON + 30)
    shut = one.at(NOON + 70)
    assert shut.flow_m3h == 0
    assert shut.pressure_bar > 3


def test_a_stuck_valve_stays_where_it_is(world: World, faults: Faults) -> None:
    one = main(world, faults)
    one.at(NOON)
    faults.set(Kind.VALVE_STUCK, "wm-1", NOON, None, None)
    one.move_valve(0, NOON)
    assert one.at(NOON + 100).opening_pct == 100
    assert one.at(NOON + 100).valve_stuck
    faults.clear(None, None, NOON + 100)
    assert one.at(NOON + 200).opening_pct == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["valve", "leak", "mend"]), st.floats(0, 1), st.floats(1, 90_000)),
        max_size=20,
    )
)
@hypothesis_settings(max_examples=60)
def test_a_water_meter_never_runs_backwards(world: World, acts: list[tuple[str, float, float]]) -> None:
    faults = Faults({"wm-1": "water_meter"})
    one = main(world, faults)
    time = NOON
    volumes = [one.at(time).volume_m3]
    for act, size, wait in acts:
        if act == "valve":
            one.move_valve(100 * size, time)
        elif act == "leak":
            faults.set(Kind.LEAK, "wm-1", time, wait, 1 + 99 * size)
        else:
            faults.clear(None, None, time)
        time += wait
        state = one.at(time)
        assert state.flow_m3h >= 0
        assert 0 <= state.opening_pct <= 100
        volumes.append(state.volume_m3)
    assert all(more >= less - 1e-6 for less, more in pairwise(volumes))


def test_irrigation_by_command_wets_the_soil(world: World) -> None:
    watered, left = (Field("fs-1", world, water_below_pct=20.0) for _ in range(2))
    start = NOON
    watered.at(start)
    left.at(start)
    watered.pulse(True, start, 2 * HOUR)
    assert watered.is_on(start + HOUR)
    end = start + 3 * HOUR
    assert not watered.is_on(end)
    assert watered.at(end).moisture_pct > left.at(end).moisture_pct + 3
    assert watered.at(end).conductivity_us_cm > left.at(end).conductivity_us_cm


def test_smoke_comes_within_seconds_and_fades(world: World, faults: Faults) -> None:
    station = AirStation("aq-1", world, faults, series=0)
    clear = station.air(NOON).pm2_5
    faults.set(Kind.SMOKE, "aq-1", NOON, 60, None)
    assert station.air(NOON + 10).pm2_5 > clear + 200
    smoky = station.air(NOON + 50)
    assert smoky.pm1 <= smoky.pm2_5 <= smoky.pm10
    assert station.air(NOON + 600).pm2_5 < clear * 1.5 + 5


def truck(world: World, faults: Faults) -> Truck:
    return Truck("gt-1", world, faults, route=read_routes(DATA / "truck_routes.geojson")["noi-o"])


def _apart(first: tuple[float, float], second: tuple[float, float]) -> float:
    return 111_320 * ((first[0] - second[0]) ** 2 + ((first[1] - second[1]) * 0.98) ** 2) ** 0.5


def _place(one: Truck, time: float) -> tuple[float, float]:
    fix = one.at(time).fix
    assert fix is not None
    return fix.latitude, fix.longitude


def test_a_truck_drives_and_halts(world: World, faults: Faults) -> None:
    one = truck(world, faults)
    told = 0.0
    halts = 0
    for second in range(4 * HOUR):
        fix = one.at(NOON + second).fix
        assert fix is not None
        assert 0 <= fix.speed_m_s < 12
        told += fix.speed_m_s
        halts += fix.speed_m_s == 0
    assert told > 1000, "in four hours a truck that rests four hours a day drives at some time"
    assert halts > 100


def test_a_truck_is_where_its_speed_took_it(world: World, faults: Faults) -> None:
    one = truck(world, faults)
    for second in range(0, 6 * HOUR, 1):
        here, there = _place(one, NOON + second), _place(one, NOON + second + 1)
        assert _apart(here, there) < 12


def test_a_truck_off_its_route_drifts_and_comes_back(world: World, faults: Faults) -> None:
    one, planned = truck(world, faults), truck(world, Faults({"gt-1": "truck"}))
    one.at(NOON)
    faults.set(Kind.OFF_ROUTE, "gt-1", NOON, None, None)
    assert _apart(_place(one, NOON + 30), _place(planned, NOON + 30)) == pytest.approx(270, abs=5)
    assert _apart(_place(one, NOON + 200), _place(planned, NOON + 200)) == pytest.approx(600, abs=5)
    faults.clear(None, None, NOON + 200)
    assert _apart(_place(one, NOON + 210), _place(planned, NOON + 210)) == pytest.approx(510, abs=5)
    assert _apart(_place(one, NOON + 400), _place(planned, NOON + 400)) < 5


def test_without_satellites_there_is_no_place(world: World, faults: Faults) -> None:
    one = truck(world, faults)
    faults.set(Kind.NO_FIX, "gt-1", NOON, 10, None)
    assert one.at(NOON + 5).fix is None
    assert one.at(NOON + 11).fix is not None


def test_routes_are_measured_from_end_to_end() -> None:
    for route in read_routes(DATA / "truck_routes.geojson").values():
        assert 1500 < route.length_m < 20_000
        assert route.fix(-5) == route.fix(0)
        assert route.fix(1e9).latitude == pytest.approx(route.fix(route.length_m).latitude)
        steps = [route.fix(each * 10) for each in range(int(route.length_m // 10))]
        for here, there in pairwise(steps):
            assert _apart((here.latitude, here.longitude), (there.latitude, there.longitude)) < 11


_A_POINT = (
    '{"features": [{"properties": {"name": "a"}, "geometry": {"type": "Point", "coordinates": [1, 2]}}]}'
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no GeoJSON of routes"),
        ('{"features": []}', "holds no route"),
        (
            _A_POINT,
            "no LineString",
        ),
        ('{"features": [{"geometry": null}]}', "is no GeoJSON of routes"),
    ],
)
def test_a_route_file_that_is_none_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "routes.geojson"
    file.write_text(text)
    with pytest.raises(SimConfigError, match=words):
        read_routes(file)
    with pytest.raises(SimConfigError, match="cannot be read"):
        read_routes(tmp_path / "none.geojson")
