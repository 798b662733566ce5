"""Every instrument that can be simulated answers for every register of its profile."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from simulators.canonical import reported_by
from simulators.devices.catalogue import SLAVES, TALKERS
from simulators.province import Province
from simulators.wire.pdu import Code, ModbusRefusalError, Table
from simulators.wire.registers import InstrumentRegisters, encode_point, measured
from telemetry.devices.library import Library
from telemetry.devices.profiles import Access, ProfilePoint
from telemetry.devices.registers import RegisterType, decode_registers
from tests.simulators.support import NOON, SetClock, device, settings

CLASSES = {
    "eastron_sdm120": "streetlight",
    "waveshare_relay8": "streetlight",
    "waveshare_ao8": "streetlight",
    "tuf2000m": "water_meter",
    "qdw90a_pressure": "water_meter",
    "belimo_mod_actuator": "water_meter",
    "senseair_s8": "air_station",
    "xy_md02": "air_station",
    "cwt_soil_7in1_variant_b": "farm_sensor",
    "ecowitt_wn90lp": "weather_station",
}


def lonely(profile: str, folder: Path, clock: SetClock, **plant: Any) -> Province:
    """A province of one device with one instrument on Modbus TCP."""
    one = device("xx-000001", CLASSES[profile], {"profile": profile, "line": "tcp"}, **plant)
    given = settings(folder, [{"id": "tcp", "kind": "modbus-tcp", "port": 0}], [one])
    return Province(given, Library.shipped(), clock)


def test_every_slave_has_a_class_here() -> None:
    assert set(CLASSES) == set(SLAVES)


@pytest.mark.parametrize("profile_id", sorted(SLAVES))
def test_every_readable_register_answers_with_the_instruments_value(
    profile_id: str, tmp_path: Path, clock: SetClock
) -> None:
    readout = lonely(profile_id, tmp_path, clock).readouts[0]
    registers = InstrumentRegisters(readout.profile, readout.instrument, clock)
    values = readout.values(clock.time_s)
    taken: set[tuple[int, int]] = set()
    for point in readout.profile.expanded:
        if point.access is Access.WRITE:
            continue
        assert point.fc is not None
        assert point.address is not None
        if (point.fc, point.address) in taken:
            continue  # another model's meaning of the same address
        taken.add((point.fc, point.address))
        words = registers.read(Table(point.fc), point.address, point.words)
        assert point.type is not None
        seen = point.native(decode_registers(point.type, words))
        wanted = values[point.key]
        assert isinstance(wanted, int | float)
        assert seen == pytest.approx(wanted, rel=1e-6, abs=0.51 * point.scale), point.key


@pytest.mark.parametrize("profile_id", sorted(SLAVES))
def test_every_reported_value_is_one_that_the_class_can_have(
    profile_id: str, tmp_path: Path, clock: SetClock
) -> None:
    library = Library.shipped()
    readout = lonely(profile_id, tmp_path, clock).readouts[0]
    reported = reported_by(readout.profile, {}, library.classes[CLASSES[profile_id]])
    assert reported
    values = readout.values(clock.time_s)
    for each in reported:
        assert each.value(values[each.source.key]) is not None, each.target.metric


@pytest.mark.parametrize("profile_id", sorted(SLAVES))
def test_a_settings_register_keeps_what_is_written(profile_id: str, tmp_path: Path, clock: SetClock) -> None:
    readout = lonely(profile_id, tmp_path, clock).readouts[0]
    for point in readout.profile.expanded:
        if point.access is Access.READ_WRITE and point.key.startswith("cfg_") and "unit" not in point.key:
            readout.instrument.write(point.key, 1.0, clock.time_s)  # type: ignore[attr-defined]
            assert readout.values(clock.time_s)[point.key] == 1.0


def test_values_saturate_where_the_register_ends(tmp_path: Path, clock: SetClock) -> None:
    readout = lonely("cwt_soil_7in1_variant_b", tmp_path, clock).readouts[0]
    moisture = readout.profile.by_key["moisture"]
    assert encode_point(readout.profile, moisture, 1e9) == [0xFFFF]
    assert encode_point(readout.profile, moisture, -5.0) == [0]
    assert measured(readout.profile, moisture, 33.333) == 33.3


def test_no_value_is_the_code_of_the_profile_or_a_failure(tmp_path: Path, clock: SetClock) -> None:
    weather = lonely("ecowitt_wn90lp", tmp_path, clock).readouts[0].profile
    assert encode_point(weather, weather.by_key["humidity"], None) == [0xFFFF]
    soil = lonely("cwt_soil_7in1_variant_b", tmp_path, clock).readouts[0].profile
    with pytest.raises(ModbusRefusalError) as caught:
        encode_point(soil, soil.by_key["ph"], None)
    assert caught.value.code is Code.DEVICE_FAILURE


def test_a_float_that_is_none_is_refused(tmp_path: Path, clock: SetClock) -> None:
    readout = lonely("eastron_sdm120", tmp_path, clock).readouts[0]
    registers = InstrumentRegisters(readout.profile, readout.instrument, clock)
    with pytest.raises(ModbusRefusalError) as caught:
        registers.write(Table.HOLDING, 0x000C, [0x7FC0, 0], single=False)
    assert caught.value.code is Code.ILLEGAL_VALUE
    with pytest.raises(ModbusRefusalError) as caught:
        registers.write(Table.HOLDING, 0x000C, [1], single=False)  # half a float
    assert caught.value.code is Code.ILLEGAL_ADDRESS


def test_toggling_a_relay_is_refused(tmp_path: Path, clock: SetClock) -> None:
    readout = lonely("waveshare_relay8", tmp_path, clock).readouts[0]
    registers = InstrumentRegisters(readout.profile, readout.instrument, clock)
    with pytest.raises(ModbusRefusalError) as caught:
        registers.write(Table.COIL, 0, [0x5500], single=True)
    assert caught.value.code is Code.ILLEGAL_VALUE


def test_rain_counters_begin_again_at_their_sixteen_bits(tmp_path: Path, clock: SetClock) -> None:
    readout = lonely("ecowitt_wn90lp", tmp_path, clock).readouts[0]
    fines = [readout.values(NOON + hour * 3600)["rain_fine"] for hour in range(0, 24 * 365, 24)]
    falls = [b for a, b in pairwise(fines) if float(b or 0) < float(a or 0)]
    assert falls
    assert max(float(each or 0) for each in fines) < 655.36


def test_states_masks_and_types_of_the_mapping(tmp_path: Path, clock: SetClock) -> None:
    library = Library.shipped()
    valve = lonely("belimo_mod_actuator", tmp_path, clock).readouts[0].profile
    by_metric = {r.target.metric: r for r in reported_by(valve, {}, library.classes["water_meter"])}
    assert by_metric["Valve/Position"].value(100.0) == 1
    assert by_metric["Valve/Position"].value(0.0) == 0
    assert by_metric["Valve/Position"].value(50.0) == 2
    assert by_metric["Valve/Fault"].value(4) == 4
    assert by_metric["Valve/Fault"].value(1 << 8) == 0
    meter = lonely("tuf2000m", tmp_path, clock).readouts[0].profile
    flow = {r.target.metric: r for r in reported_by(meter, {}, library.classes["water_meter"])}
    assert flow["Signal/Quality"].value(0x125B) == 91
    assert flow["Volume/Total"].value(1.5) == 1500
    assert flow["Flow/Rate"].value(1e7) is None, "beyond the class's range"


def test_talkers_speak_by_the_keys_of_their_profiles() -> None:
    library = Library.shipped()
    for profile_id in TALKERS:
        points: list[ProfilePoint] = [p for p in library.profile(profile_id).expanded if p.mappings]
        assert points
        assert all(point.type is None or point.type is RegisterType.U16 for point in points)
