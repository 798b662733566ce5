"""Native values to class points and back."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decoding.binding import BoundInstrument, lone_instrument
from edge.decoding.readings import readings_of, unknown_readings
from edge.drivers.base import NativePoint
from edge.errors import NotWritable
from telemetry.devices.library import Library
from telemetry.readings import Quality, Reading, Value

LIBRARY = Library.shipped()


@functools.cache
def instrument(profile_id: str) -> BoundInstrument:
    profile = LIBRARY.profile(profile_id)
    return lone_instrument(profile, LIBRARY.classes[profile.device_class])


def read(profile_id: str, key: str, value: Value, metric: str | None = None) -> Reading:
    readings = readings_of(instrument(profile_id), [NativePoint(key, value)], 1_700_000_000_000)
    return next(reading for reading in readings if metric in (None, reading.metric))


@pytest.mark.parametrize(
    ("profile", "key", "native", "metric", "value"),
    [
        ("eastron_sdm120", "import_energy", 12.345, "Energy/Total", 12_345),
        ("schneider_iem3000", "active_power", 1.5, "Power/Active", 1500.0),
        ("peacefair_pzem016", "import_energy", 38, "Energy/Total", 38),
        ("tuf2000m", "positive_volume", 1234.567, "Volume/Total", 1_234_567),
        ("tuf2000m", "quality_step", 0x4355, "Signal/Quality", 85.0),
        ("siemens_mag8000", "flow_rate", 10.0, "Flow/Rate", 36.0),
        ("siemens_mag8000", "velocity", 250.0, "Flow/Velocity", 0.25),
        ("cwt_soil_7in1_variant_b", "ec", 1250, "Soil/Conductivity", 1.25),
        ("ecowitt_wn90lp", "rain_fine", 0.18, "Rain/Total", 18),
        ("ecowitt_wn69lp", "rain", 35.306, "Rain/Total", 3531),
        ("waveshare_ai8", "in_1_raw", 12_000, "Water/Pressure", 8.0),
        ("waveshare_ao8", "out_1_mv", 5_000, "Lamp/Level", 50),
        ("waveshare_relay8", "relay_1", True, "Lamp/On", True),
        ("belimo_mod_actuator", "position", 1.9, "Valve/Position", 0),
        ("belimo_mod_actuator", "position", 50.0, "Valve/Position", 2),
        ("belimo_mod_actuator", "position", 99.0, "Valve/Position", 1),
        ("belimo_mod_actuator", "position", 50.0, "Valve/Opening", 50.0),
        ("belimo_mod_actuator", "malfunction", 0x100 | 0x4, "Valve/Fault", 4),
        ("intesis_dali_modbus", "ballast_status", 0x04, "Lamp/On", True),
        ("intesis_dali_modbus", "ballast_status", 0x80, "Lamp/On", False),
        ("intesis_dali_modbus", "ballast_status", 0x03, "Lamp/Fault", 2),
        ("intesis_dali_modbus", "ballast_status", 0x06, "Lamp/Fault", 1),
        ("dfrobot_sen0662", "status", 2, "Station/Status", 0),
        ("dfrobot_sen0662", "status", 0, "Station/Status", 1),
        ("dfrobot_sen0662", "status", 5, "Station/Status", 2),
        ("nmea_gnss", "satellites", 8, "Position/Satellites", 8),
    ],
)
def test_units_bits_and_states(profile: str, key: str, native: Value, metric: str, value: Value) -> None:
    reading = read(profile, key, native, metric)
    assert reading.value == value
    assert type(reading.value) is type(value)
    assert reading.quality is Quality.GOOD


def test_value_outside_the_range_is_marked_says_why_and_stays_visible() -> None:
    reading = read("eastron_sdm120", "voltage", 2302.0)
    assert (reading.value, reading.quality) == (2302.0, Quality.OUT_OF_RANGE)
    assert "outside 0 … 500" in reading.reason


def test_negative_total_cannot_travel() -> None:
    reading = read("tuf2000m", "negative_volume", -3.0)
    assert (reading.value, reading.quality) == (None, Quality.OUT_OF_RANGE)


def test_quality_of_the_instrument_is_kept() -> None:
    point = NativePoint("latitude", 10.93, Quality.STALE, "the receiver has no fix")
    reading = readings_of(instrument("nmea_gnss"), [point], 1)[0]
    assert (reading.value, reading.quality, reading.reason) == (10.93, Quality.STALE, point.reason)


def test_nothing_is_known_is_said_of_every_metric() -> None:
    bound = instrument("eastron_sdm120")
    readings = unknown_readings(bound, "no answer", 5)
    assert {reading.metric for reading in readings} == set(bound.by_metric)
    assert {(r.value, r.quality, r.reason, r.time_ms) for r in readings} == {
        (None, Quality.STALE, "no answer", 5)
    }


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**40), 2**40) | st.booleans())
def test_whatever_the_instrument_says_a_good_reading_fits_its_point(native: float) -> None:
    for profile_id in ("eastron_sdm120", "tuf2000m", "belimo_mod_actuator", "waveshare_relay8"):
        bound = instrument(profile_id)
        for mapping in bound.mappings:
            reading = mapping.reading("dev-000001", NativePoint(mapping.key, native), 1)
            if reading.quality is Quality.GOOD:
                assert reading.value is not None
                assert not mapping.point.check(reading.value)
            else:
                assert reading.reason


@pytest.mark.parametrize(
    ("profile", "metric", "value", "key", "native"),
    [
        ("belimo_mod_actuator", "Valve/Position", 0, "setpoint", 0),
        ("belimo_mod_actuator", "Valve/Position", 1, "setpoint", 100),
        ("belimo_mod_actuator", "Valve/Opening", 37.5, "setpoint", 37.5),
        ("waveshare_ao8", "Lamp/Level", 50, "out_1_mv", 5000),
        ("waveshare_relay8", "Lamp/On", True, "relay_1", True),
        ("intesis_dali_modbus", "Lamp/On", True, "arc_power", 100),
        ("intesis_dali_modbus", "Lamp/On", False, "arc_power", 0),
        ("intesis_dali_modbus", "Lamp/Level", 60, "arc_power", 60),
    ],
)
def test_orders_find_their_register(profile: str, metric: str, value: Value, key: str, native: float) -> None:
    mapping = instrument(profile).by_metric[metric]
    assert mapping.write_key == key
    assert mapping.native(value) == native


@pytest.mark.parametrize(
    ("profile", "metric", "value"),
    [
        ("belimo_mod_actuator", "Valve/Position", 2),
        ("belimo_mod_actuator", "Valve/Position", 1.0),
        ("belimo_mod_actuator", "Valve/Opening", 120.0),
        ("belimo_mod_actuator", "Valve/Fault", 0),
        ("waveshare_relay8", "Lamp/On", None),
        ("waveshare_relay8", "Lamp/On", "on"),
        ("waveshare_relay8", "Lamp/On", 1),
        ("eastron_sdm120", "Power/Voltage", 230.0),
    ],
)
def test_orders_that_make_no_sense_are_refused(profile: str, metric: str, value: Value) -> None:
    with pytest.raises(NotWritable):
        instrument(profile).by_metric[metric].native(value)
