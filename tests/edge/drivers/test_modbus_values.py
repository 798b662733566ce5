"""Words to values and back, frames, and the traps of real instruments."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.base import Captured, NativePoint
from edge.drivers.modbus import DRIVER
from edge.drivers.modbus.frames import (
    Framing,
    Request,
    check_reply,
    crc16,
    parse_request,
    reply_in,
    unwrap,
    words_of,
    wrap,
)
from edge.drivers.modbus.points import decode_points, encode_write
from edge.drivers.values import spoil, witnesses
from edge.errors import BusCrcError, BusException, BusMismatch, EdgeError, FrameError, NotWritable
from telemetry.devices.library import Library
from telemetry.devices.registers import RegisterType, decode_registers, encode_registers
from telemetry.readings import Quality, Value

LIBRARY = Library.shipped()
UNIT = st.integers(1, 247)
WORD = st.integers(0, 0xFFFF)


def rtu(text: str) -> bytes:
    """A frame from hex, its checksum computed: published ones are often wrong."""
    return wrap(bytes.fromhex(text)[0], bytes.fromhex(text)[1:], Framing.RTU)


def explain(
    profile: str, response: str, request: str = "", base: int | None = None
) -> dict[str, NativePoint]:
    explained = DRIVER.explain(
        LIBRARY.profile(profile), Captured(rtu(request) if request else b"", rtu(response), base)
    )
    return {point.key: point for point in explained.points}


@given(st.data(), st.sampled_from(RegisterType))
def test_registers_round_trip(data: st.DataObject, kind: RegisterType) -> None:
    values: dict[str, st.SearchStrategy[float]] = {
        "f32_be": st.floats(width=32, allow_nan=False), "f32_lw": st.floats(width=32, allow_nan=False),
        "bool": st.integers(0, 1), "bits16": st.integers(0, 0xFFFF), "u16": st.integers(0, 0xFFFF),
        "s16": st.integers(-0x8000, 0x7FFF), "u64_be": st.integers(0, 2**64 - 1),
        "s64_be": st.integers(-(2**63), 2**63 - 1),
    }  # fmt: skip
    default = st.integers(-(2**31), 2**31 - 1) if kind.value.startswith("s32") else st.integers(0, 2**32 - 1)
    number = data.draw(values.get(kind.value, default))
    words = encode_registers(kind, number)
    assert len(words) == kind.words
    assert decode_registers(kind, words) == number


def test_word_orders_differ_by_maker() -> None:
    """Trap 1: ABCD for energy meters, CDAB for the flow meter, low word first for PZEM integers."""
    assert explain("eastron_sdm120", "01 04 04 43 66 33 33", base=0)["voltage"].value == 230.2
    assert explain("tuf2000m", "01 03 04 85 1F 41 45", base=0)["flow_rate"].value == 12.345
    assert explain("peacefair_pzem016", "01 04 04 00 01 00 01", base=3)["active_power"].value == 6553.7


def test_dead_flow_meter_is_unknown_and_not_zero() -> None:
    """Trap 3: without an echo the meter says 0 m³/h."""
    profile = LIBRARY.profile("tuf2000m")
    flow = NativePoint("flow_rate", 0.0)
    for bits in (0x01, 0x04, 0x08, 0x0D):
        spoiled = spoil(profile, [flow, NativePoint("error_bits", bits)])[0]
        assert spoiled.value is None
        assert spoiled.quality is Quality.BAD
        assert "says 0" in spoiled.reason
    assert spoil(profile, [flow, NativePoint("error_bits", 0x02)])[0].quality is Quality.GOOD
    assert spoil(profile, [flow, NativePoint("quality_step", 0x4321)])[0].quality is Quality.BAD
    assert spoil(profile, [flow, NativePoint("quality_step", 0x4360)])[0].quality is Quality.GOOD


def test_flow_is_not_believed_while_its_witness_is_unknown() -> None:
    profile = LIBRARY.profile("tuf2000m")
    keys = frozenset({"flow_rate", *witnesses(profile, {"flow_rate"})})
    assert keys == {"flow_rate", "error_bits", "quality_step"}
    spoiled = spoil(profile, [NativePoint("flow_rate", 0.0)], keys)[0]
    assert spoiled.quality is Quality.BAD
    assert "error_bits is unknown" in spoiled.reason


def test_broken_current_loop_is_bad() -> None:
    """Trap 3: NAMUR NE 43; 0 mA is a broken wire, not an empty pipe."""
    for microamperes, quality in (
        (0, "BAD"),
        (3599, "BAD"),
        (4000, "GOOD"),
        (20_000, "GOOD"),
        (21_500, "BAD"),
    ):
        point = explain("waveshare_ai8", f"01 04 02 {microamperes:04X}", base=0)["in_1_raw"]
        assert point.quality is Quality[quality]


def test_soil_probes_that_look_alike_have_other_maps() -> None:
    """Trap 4."""
    assert explain("jxct_7in1_variant_a", "01 03 02 02 BC", base=6)["ph"].value == 7.0
    assert explain("cwt_soil_7in1_variant_b", "01 03 02 00 46", base=3)["ph"].value == 7.0


def test_wrong_published_checksum_is_named_with_the_right_one() -> None:
    """Trap 5."""
    with pytest.raises(BusCrcError, match="12 34 is wrong, these bytes need 64 0B"):
        DRIVER.explain(LIBRARY.profile("jxct_7in1_variant_a"), Captured(bytes.fromhex("0103000600011234")))


def test_same_address_other_unit_by_model() -> None:
    """Trap 7: millivolts or microamperes; tipping spoons of 0.254 and 0.01 mm."""
    points = explain("waveshare_ao8", "01 03 02 13 88", base=0)
    assert points["out_1_mv"].value == points["out_1_ua"].value == 5000
    assert explain("ecowitt_wn69lp", "24 03 02 00 01", base=0x187)["rain"].value == 0.254
    assert explain("ecowitt_wn90lp", "90 03 02 00 01", base=0x16E)["rain_fine"].value == 0.01


def test_all_ones_mean_no_value_on_the_weather_station_only() -> None:
    point = explain("ecowitt_wn90lp", "90 03 02 FF FF", base=0x167)["temperature"]
    assert (point.value, point.quality) == (None, Quality.BAD)
    assert explain("peacefair_pzem016", "01 04 02 FF FF", base=9)["alarm"].value == 0xFFFF


@pytest.mark.parametrize("words", ["7F C0 00 00", "7F 80 00 00", "FF 80 00 00"])
def test_no_number_is_bad(words: str) -> None:
    point = explain("eastron_sdm120", f"01 04 04 {words}", base=0)["voltage"]
    assert (point.value, point.quality) == (None, Quality.BAD)


def test_luminaire_is_found_by_its_address() -> None:
    points = explain("intesis_dali_modbus", "01 03 04 00 04 00 3C", "01 03 01 31 00 02")
    assert points["ballast_status"].value == 4
    assert points["actual_level"].value == 60
    moved = LIBRARY.profile("intesis_dali_modbus").at(7300)
    assert moved.by_key["arc_power"].address == 7315
    assert moved.by_key["broadcast_on_off"].address == 6801


def test_relay_takes_on_and_off_and_a_pulse_but_knows_no_toggle() -> None:
    """Traps 10 and 12."""
    profile = LIBRARY.profile("waveshare_relay8")
    assert encode_write(profile, "relay_3", True, 1).pdu == bytes.fromhex("05 0002 FF00")
    assert encode_write(profile, "relay_3", False, 1).pdu == bytes.fromhex("05 0002 0000")
    assert encode_write(profile, "flash_on_1", 7, 1).pdu == bytes.fromhex("05 0200 0007")
    with pytest.raises(NotWritable, match="32767"):
        encode_write(profile, "flash_on_1", 0x8000, 1)
    toggled = DRIVER.explain(profile, Captured(rtu("01 05 00 00 55 00")))
    assert "kega never sends it" in toggled.request
    assert toggled.written == ()


@pytest.mark.parametrize(
    ("profile", "key", "value"),
    [
        ("belimo_mod_actuator", "position", 50.0),
        ("belimo_mod_actuator", "setpoint", 100.01),
        ("belimo_mod_actuator", "setpoint", float("nan")),
        ("belimo_mod_actuator", "override", 70_000),
        ("belimo_mod_actuator", "nothing", 1),
        ("waveshare_ao8", "out_1_mv", -1),
    ],
)
def test_what_cannot_be_written_is_refused(profile: str, key: str, value: float) -> None:
    with pytest.raises(NotWritable):
        encode_write(LIBRARY.profile(profile), key, value, 1)


def test_float_registers_are_written_by_function_16() -> None:
    request = encode_write(LIBRARY.profile("eastron_sdm120"), "cfg_unit_id", 5, 1)
    assert request.pdu == bytes.fromhex("10 0014 0002 04 40A00000")


def test_senseair_error_spoils_the_gas() -> None:
    points = explain("senseair_s8", "FE 04 08 00 20 00 00 00 00 02 64", base=0)
    assert points["co2"].value is None
    assert points["meter_status"].value == 0x20


@pytest.mark.parametrize(
    ("request_hex", "response", "error", "says"),
    [
        ("01 04 00 00 00 02", "02 04 04 43 66 33 33", BusMismatch, "unit 2 answered"),
        ("01 04 00 00 00 02", "01 03 04 43 66 33 33", BusMismatch, "for function 3"),
        ("01 04 00 00 00 02", "01 04 02 43 66", BusMismatch, "2 data bytes instead of 4"),
        ("01 04 00 00 00 02", "01 84 02", BusException, r"exception 2 \(illegal data address\)"),
        ("", "01 84 0B", BusException, "the target does not answer"),
        ("", "01 04 06 00 01 00 02 00 03", FrameError, "--base"),
        ("01 2B 0E 01 00", "01 04 04 43 66 33 33", FrameError, "no request"),
    ],
)
def test_what_is_wrong_with_an_exchange_is_named(
    request_hex: str, response: str, error: type[EdgeError], says: str
) -> None:
    with pytest.raises(error, match=says):
        explain("eastron_sdm120", response, request_hex)


def test_modbus_tcp_frames_are_understood_too() -> None:
    request = wrap(1, bytes.fromhex("0400000002"), Framing.MBAP, 77)
    response = wrap(1, bytes.fromhex("040443663333"), Framing.MBAP, 77)
    explained = DRIVER.explain(LIBRARY.profile("eastron_sdm120"), Captured(request, response))
    assert explained.points[0].value == 230.2


requests = st.one_of(
    st.builds(
        Request, UNIT, st.sampled_from([1, 2, 3, 4]), WORD, st.integers(1, 125)
    ),
    st.builds(
        lambda unit, function, address, value: Request(unit, function, address, 1, (value,)),
        st.integers(1, 247), st.sampled_from([5, 6]), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF),
    ),
    st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20).map(
        lambda values: Request(1, 16, 5, len(values), tuple(values))
    ),
    st.lists(st.integers(0, 1), min_size=1, max_size=40).map(
        lambda values: Request(1, 15, 5, len(values), tuple(values))
    ),
)  # fmt: skip


@given(requests, st.sampled_from(Framing))
def test_requests_round_trip_through_frames(request: Request, framing: Framing) -> None:
    assert parse_request(unwrap(wrap(request.unit, request.pdu, framing, 3))) == request


@given(st.binary(max_size=40))
def test_random_bytes_are_refused_by_name(data: bytes) -> None:
    profile = LIBRARY.profile("eastron_sdm120")
    for captured in (Captured(data), Captured(response=data), Captured(data, data, 0)):
        with contextlib.suppress(EdgeError):
            DRIVER.explain(profile, captured)


@given(
    st.binary(max_size=30), st.binary(max_size=30), st.lists(st.integers(0, 0xFFFF), min_size=2, max_size=2)
)
def test_answer_is_found_in_noise_or_refused_but_never_changed(
    before: bytes, after: bytes, words: list[int]
) -> None:
    request = Request(1, 3, 100, 2)
    right = wrap(1, b"\x03\x04" + struct.pack(">2H", *words), Framing.RTU)
    try:
        frame = reply_in(before + right + after, request)
        data = check_reply(request, frame)
    except (BusCrcError, BusMismatch, BusException):
        return
    assert words_of(data) == tuple(words)


@given(st.integers(0, 0xFFFF), st.integers(0, 7))
def test_one_flipped_bit_never_passes(word: int, bit: int) -> None:
    right = bytearray(wrap(1, b"\x03\x02" + word.to_bytes(2, "big"), Framing.RTU))
    for place in range(len(right)):
        damaged = bytearray(right)
        damaged[place] ^= 1 << bit
        with pytest.raises((BusCrcError, FrameError)):
            unwrap(bytes(damaged))


def test_checksum_is_the_published_one() -> None:
    assert crc16(bytes.fromhex("010400000002")) == 0xCB71


def test_coils_of_a_block_are_told_apart() -> None:
    profile = LIBRARY.profile("waveshare_relay8")
    request = Request(1, 1, 0, 8)
    values: dict[str, Value] = {p.key: p.value for p in decode_points(profile, request, b"\x05")}
    assert [values[f"relay_{n}"] for n in range(1, 9)] == [True, False, True] + [False] * 5
