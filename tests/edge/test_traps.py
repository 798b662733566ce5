"""The sixteen traps of field devices, each met by the product: one test or more for every one of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.config import InstrumentConfig
from edge.counters.continuity import Total
from edge.decoding.binding import lone_instrument
from edge.decoding.readings import readings_of
from edge.drivers.base import Captured, NativePoint
from edge.drivers.modbus.frames import Request, crc16
from edge.drivers.modbus.planner import TCP_COST, plan_blocks
from edge.drivers.modbus.points import decode_points, encode_write
from edge.drivers.registry import MODBUS, find_driver
from edge.drivers.values import spoil
from edge.errors import NotWritable
from telemetry.devices.library import Library
from telemetry.devices.profiles import Access, Profile
from telemetry.devices.registers import RegisterType, encode_registers
from telemetry.errors import KegaError
from telemetry.readings import Quality
from tests.edge.bus.gateways import gateway

LIBRARY = Library.shipped()
PROFILES = [LIBRARY.profile(profile_id) for profile_id in LIBRARY.profile_ids()]
ON_MODBUS = [profile for profile in PROFILES if profile.driver == MODBUS]
SWITCHING = [profile for profile in ON_MODBUS if any(point.write_fc == 5 for point in profile.expanded)]


def decoded(profile_id: str, key: str, words: list[int]) -> Any:
    profile = LIBRARY.profile(profile_id)
    point = profile.by_key[key]
    assert point.fc is not None
    assert point.address is not None
    data = b"".join(word.to_bytes(2, "big") for word in words)
    (told,) = decode_points(profile, Request(1, point.fc, point.address, len(words)), data, [key])
    return told.value


def read_all(profile: Profile) -> list[Request]:
    blocks = plan_blocks(
        [p for p in profile.expanded if p.access is not Access.WRITE], profile.limits, TCP_COST
    )
    return [block.request(profile.unit_id) for block in blocks]


# 1 ---------------------------------------------------------------------------------------------------------


def test_trap_01_word_order_differs_by_maker() -> None:
    high, low = encode_registers(RegisterType.F32_BE, 12.345)
    for profile_id, key in (("eastron_sdm120", "voltage"), ("qdw90a_pressure", "pressure")):
        assert decoded(profile_id, key, [high, low]) == pytest.approx(12.345)
    assert decoded("chint_dtsu666", "active_power", [high, low]) == pytest.approx(1.2345)
    assert decoded("tuf2000m", "flow_rate", [low, high]) == pytest.approx(12.345)
    assert decoded("peacefair_pzem016", "import_energy", [0x86A0, 0x0001]) == 100_000


# 2 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile_id", "key", "number_in_manual", "counted_from"),
    [
        ("tuf2000m", "flow_rate", 1, 1),
        ("tuf2000m", "positive_volume", 115, 1),
        ("belimo_mod_actuator", "setpoint", 1, 1),
        ("belimo_mod_actuator", "position", 5, 1),
        ("campbell_metsens200", "wind_speed", 40_003, 40_001),
        ("schneider_iem3000", "voltage_l1", 3028, 1),
        ("siemens_mag8000_one_based", "product_id", 79, 1),
        ("siemens_mag8000", "product_id", 79, 0),
    ],
)
def test_trap_02_manuals_count_from_one(
    profile_id: str, key: str, number_in_manual: int, counted_from: int
) -> None:
    assert LIBRARY.profile(profile_id).by_key[key].address == number_in_manual - counted_from


# 3 ---------------------------------------------------------------------------------------------------------


def test_trap_03_dead_meter_and_broken_wire_are_no_zero() -> None:
    tuf = LIBRARY.profile("tuf2000m")
    dead = [NativePoint("flow_rate", 0.0), NativePoint("error_bits", 0b001), NativePoint("quality_step", 90)]
    flow = next(point for point in spoil(tuf, dead) if point.key == "flow_rate")
    assert (flow.value, flow.quality) == (None, Quality.BAD)
    assert "no usable sound" in flow.reason
    told = decode_points(
        LIBRARY.profile("waveshare_ai8"), Request(1, 4, 0, 2), b"\x00\x00\x2e\xe0", ["in_1_raw", "in_2_raw"]
    )
    assert [point.quality for point in told] == [Quality.BAD, Quality.GOOD]
    assert told[0].value == 0, "0 of a 4-20 mA loop is a broken wire, and stays visible as such"


# 4 and 14 --------------------------------------------------------------------------------------------------


def test_trap_04_look_alike_soil_probes_name_each_other_and_what_is_plausible() -> None:
    one, other = LIBRARY.profile("jxct_7in1_variant_a"), LIBRARY.profile("cwt_soil_7in1_variant_b")
    assert (one.alike, other.alike) == ([other.id], [one.id])
    read = {"moisture": 35.6, "temperature": 28.5, "ph": 0.4}
    assert [sign.fault(read[sign.key]) for sign in other.signs] == ["", "", "ph is 0.4, below 3"]


# 5 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ON_MODBUS, ids=lambda profile: profile.id)
def test_trap_05_every_frame_we_publish_has_a_checksum_that_we_computed(profile: Profile) -> None:
    for vector in profile.vectors:
        for text in (vector.request, vector.response):
            if text:
                frame = bytes.fromhex(text)
                assert int.from_bytes(frame[-2:], "little") == crc16(frame[:-2]), vector.name


# 6 ---------------------------------------------------------------------------------------------------------


def test_trap_06_counters_that_restart_go_on() -> None:
    total = Total()
    told = [total.follow(count, 10.0 * at, None)[0] for at, count in enumerate((120, 126, 0, 1, 4, 5))]
    assert told == [120, 126, None, None, 130, 131]
    for profile_id, key in (("ecowitt_wn90lp", "rain_fine"), ("peacefair_pzem016", "import_energy")):
        profile = LIBRARY.profile(profile_id)
        assert profile.by_key[key].kind == "counter"
        assert profile.by_key[key].wraps_at
        instrument = lone_instrument(profile, LIBRARY.classes[profile.device_class])
        assert next(each for each in instrument.mappings if each.key == key).point.counter


# 7 ---------------------------------------------------------------------------------------------------------


def test_trap_07_same_address_other_unit() -> None:
    points = LIBRARY.profile("waveshare_ao8").by_key
    assert points["out_1_mv"].address == points["out_1_ua"].address
    assert (points["out_1_mv"].unit, points["out_1_ua"].unit) == ("mV", "uA")
    assert (points["out_1_mv"].max, points["out_1_ua"].max) == (10_000, 20_000)
    assert points["out_1_ua"].canonical is None, "which model it is says the gateway's configuration"
    assert decoded("ecowitt_wn69lp", "rain", [100]) == pytest.approx(25.4)
    assert decoded("ecowitt_wn90lp", "rain", [100]) == pytest.approx(10.0)


# 8 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("profile_id", "most"), [("qdw90a_pressure", 20), ("eastron_sdm120", 40)])
def test_trap_08_no_request_is_longer_than_the_instrument_bears(profile_id: str, most: int) -> None:
    profile = LIBRARY.profile(profile_id)
    assert all(request.count <= most for request in read_all(profile))


def test_trap_08_ranges_that_must_not_be_bridged_are_not() -> None:
    requests = read_all(LIBRARY.profile("eastron_sdm120"))
    inputs = [request for request in requests if request.function == 4]
    assert all(not (request.address < 0x50 and request.address + request.count > 0x50) for request in inputs)


# 9 ---------------------------------------------------------------------------------------------------------


def test_trap_09_corrupted_token_on_a_long_line_costs_only_itself() -> None:
    profile = LIBRARY.profile("vaisala_wxt536")
    line = b"0R1,Dn=0m=032D,Sm=0.1M,Sx=0..3M,Dm=1O0D,Ta=26.1C\r\n"
    explained = find_driver("wxt").explain(profile, Captured(response=line))
    assert {point.key: point.value for point in explained.points} == {"sm": 0.1, "ta": 26.1}


# 10 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", SWITCHING, ids=lambda profile: profile.id)
@given(value=st.one_of(st.booleans(), st.integers(-70_000, 70_000), st.floats(allow_nan=False)))
def test_trap_10_no_write_ever_toggles(profile: Profile, value: float | bool) -> None:
    for point in profile.expanded:
        if point.write_fc != 5:
            continue
        try:
            request = encode_write(profile, point.key, value, profile.unit_id)
        except NotWritable:
            continue
        if point.is_bit:
            assert request.values in ((0xFF00,), (0x0000,)), f"{point.key} can be toggled"
        else:
            assert "flash" in point.key, "only a board's timer takes a number where a coil is"


# 11: the dance itself, on a line, is in tests/edge/cli/test_mounting.py ------------------------------------


def test_trap_11_change_of_unit_id_is_declared_with_both_steps() -> None:
    way = LIBRARY.profile("qdw90a_pressure").readdress
    assert way is not None
    assert (way.key, way.save, way.save_value) == ("cfg_unit_id", "save", 0)


# 12 --------------------------------------------------------------------------------------------------------


def test_trap_12_board_itself_closes_after_a_time() -> None:
    profile = LIBRARY.profile("waveshare_relay8")
    instrument = lone_instrument(profile, LIBRARY.classes["streetlight"])
    relay = instrument.by_metric["Lamp/On"]
    longest_s = relay.timer_s(True, profile)
    assert longest_s == pytest.approx(3276.7)
    order = relay.order(True, 90.0)
    request = encode_write(profile, order.key, order.native, 1)
    assert (request.function, request.address, request.values) == (5, 0x0200, (900,))


def test_trap_12_positions_for_a_dead_gateway_can_be_set() -> None:
    for profile_id, key in (
        ("intesis_dali_modbus", "system_failure_level"),
        ("belimo_mod_actuator", "cfg_bus_fail_position"),
    ):
        assert LIBRARY.profile(profile_id).by_key[key].access is Access.READ_WRITE


# 13 --------------------------------------------------------------------------------------------------------


def test_trap_13_nothing_is_broadcast_because_nobody_would_answer() -> None:
    with pytest.raises(ValidationError, match="unit_id"):
        InstrumentConfig.model_validate({"profile": "xy_md02", "bus": "line", "unit_id": 0})
    dali = LIBRARY.profile("intesis_dali_modbus")
    for point in dali.expanded:
        if point.key.startswith("broadcast"):
            assert point.access is Access.WRITE
            assert not point.mappings
    bus = {"id": "line", "kind": "modbus-tcp", "host": "127.0.0.1", "port": 502}
    instrument = {
        "profile": dali.id,
        "bus": "line",
        "map": {"broadcast_arc_power": "Lamp/Level", "actual_level": None},
    }
    with pytest.raises(KegaError, match="cannot be read back"):
        gateway([bus], [{"id": "sl-000001", "class": "streetlight", "instruments": [instrument]}])


# 14 --------------------------------------------------------------------------------------------------------


def test_trap_14_mag8000_is_known_by_its_product_number_in_both_ways_of_counting() -> None:
    for profile_id in ("siemens_mag8000", "siemens_mag8000_one_based"):
        (sign,) = LIBRARY.profile(profile_id).signs
        assert (sign.key, sign.equals) == ("product_id", 10_779)
        assert sign.fault(0) == "product_id is 0, not 10779"
    assert "tuf2000m" in LIBRARY.profile("siemens_mag8000").alike


# 15 --------------------------------------------------------------------------------------------------------


def test_trap_15_sensor_that_answers_to_any_id_must_be_alone() -> None:
    bus = {"id": "line", "kind": "modbus-rtu", "port": "/dev/ttyUSB0"}
    other = {"profile": "xy_md02", "bus": "line", "unit_id": 3}
    air = {
        "id": "aq-000001",
        "class": "air_station",
        "instruments": [{"profile": "senseair_s8", "bus": "line"}],
    }
    assert gateway([bus], [air]).devices[0].instruments[0].unit == 0xFE
    with pytest.raises(KegaError, match="must be alone on its bus"):
        gateway([bus], [{**air, "instruments": [*air["instruments"], other]}])


def test_trap_15_unit_ids_above_the_usual_range_are_usable() -> None:
    bus = {"id": "line", "kind": "modbus-rtu", "port": "/dev/ttyUSB0"}
    station = {
        "id": "ws-000001",
        "class": "weather_station",
        "instruments": [{"profile": "ecowitt_wn90lp", "bus": "line"}],
    }
    assert gateway([bus], [station]).devices[0].instruments[0].unit == 0x90


# 16 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("click_mm", "expected"), [(0.2, 3.0), (0.254, 3.81)])
def test_trap_16_rain_click_is_an_option_of_the_station(click_mm: float, expected: float) -> None:
    shipped = LIBRARY.profile("davis_vantage")
    profile = shipped.model_copy(update={"options": {**shipped.options, "rain_click_mm": click_mm}})
    (vector,) = shipped.vectors
    assert vector.response is not None
    explained = find_driver("davis").explain(profile, Captured(response=bytes.fromhex(vector.response)))
    assert {point.key: point.value for point in explained.points}["rain_day"] == pytest.approx(expected)


# Sentinels belong to the third: a number that means "nothing" is never a value ------------------------------


def test_numbers_that_mean_nothing_are_no_values() -> None:
    profile = LIBRARY.profile("ecowitt_wn90lp")
    (told,) = decode_points(profile, Request(144, 3, 0x167, 1), b"\xff\xff", ["temperature"])
    assert (told.value, told.quality) == (None, Quality.BAD)
    sonar = LIBRARY.profile("maxbotix_hrxl_wr")
    explained = find_driver("maxbotix").explain(sonar, Captured(response=b"R5000\r"))
    assert explained.points[0].quality is Quality.BAD
    instrument = lone_instrument(sonar, LIBRARY.classes["water_meter"])
    (reading,) = readings_of(instrument, explained.points, 1)
    assert reading.value is None
