"""Codecs of instruments that are asked: the documents' own examples, and garbage."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers import davis, kamstrup, mhz19, sdi12, wxt
from edge.drivers.base import Captured
from edge.drivers.checksums import crc16_ccitt, crc16_ibm, sdi12_signs
from edge.drivers.registry import find_ask_driver, find_driver
from edge.errors import BusCrcError, BusError, BusMismatch, DriverError, EdgeError, FrameError
from telemetry.devices.library import Library
from telemetry.devices.profiles import Profile
from telemetry.readings import Quality
from tests.edge.drivers.instruments import Console, crc_forward, crc_reflected, signs

LIBRARY = Library.shipped()
ASKED = ("winsen_mhz19", "sdi12_generic", "vaisala_wxt536", "davis_vantage", "kamstrup_kmp")


def profile(profile_id: str, **options: Any) -> Profile:
    shipped = LIBRARY.profile(profile_id)
    return shipped.model_copy(update={"options": {**shipped.options, **options}})


@given(st.binary(max_size=60))
def test_checksums_agree_with_their_definition(data: bytes) -> None:
    assert crc16_ibm(data) == crc_reflected(data)
    assert crc16_ccitt(data) == crc_forward(data)
    assert sdi12_signs(data) == signs(data)


def test_checksums_agree_with_the_makers_examples() -> None:
    assert sdi12_signs(b"1+2.7+85.2-0.2-2.7+770.5") == b"CAH"  # Vaisala WMT700, SDI-12
    assert [sdi12_signs(each) for each in (b"0r1", b"0r2", b"0r3", b"0r5", b"0r0")] == [
        b"Goe",
        b"Gje",
        b"Kid",
        b"Kcd",
        b"Kld",
    ]  # fmt: skip - Vaisala WXT530 user guide
    assert sdi12_signs(b"0tX,Use chksum Goe") == b"IU~"
    assert crc16_ccitt(bytes.fromhex("3F01")) == 0x058A  # Kamstrup, GetType
    assert crc16_ccitt(bytes.fromhex("3F02")) == 0x35E9
    assert crc16_ccitt(bytes.fromhex("3F1000801604 11012AF0246303")) == 0


@pytest.mark.parametrize("profile_id", ASKED)
@given(data=st.binary(max_size=120))
def test_garbage_is_refused_by_name_or_read_never_crashes(profile_id: str, data: bytes) -> None:
    shipped = LIBRARY.profile(profile_id)
    for captured in (Captured(response=data), Captured(request=data, response=b"")):
        with contextlib.suppress(EdgeError):
            find_driver(shipped.driver).explain(shipped, captured)


@pytest.mark.parametrize(
    ("profile_id", "options", "says"),
    [
        ("sdi12_generic", {"address": "10"}, "address"),
        ("sdi12_generic", {"command": "R0"}, "command"),
        ("sdi12_generic", {"crc": "yes"}, "crc"),
        ("sdi12_generic", {"break_s": 5}, "break_s"),
        ("vaisala_wxt536", {"address": ""}, "address"),
        ("vaisala_wxt536", {"command": "R9"}, "command"),
        ("davis_vantage", {"rain_click_mm": 0.25}, "rain_click_mm"),
        ("davis_vantage", {"packets": ["loop3"]}, "packets"),
        ("kamstrup_kmp", {"registers": {"nothing": 1}}, "no point"),
        ("kamstrup_kmp", {"registers": {"volume": 70000}}, "registers.volume"),
    ],
)
def test_options_that_do_not_fit_are_named(profile_id: str, options: dict[str, Any], says: str) -> None:
    shipped = profile(profile_id, **options)
    with pytest.raises(DriverError, match=says):
        find_ask_driver(shipped.driver).address(shipped)


# --- SDI-12


@given(st.lists(st.decimals(-9999, 9999, places=3), min_size=1, max_size=9), st.booleans())
def test_probe_values_come_back_with_sign_and_checksum(values: list[Decimal], crc: bool) -> None:
    line = ("3" + "".join(f"{value:+}" for value in values)).encode()
    whole = line + (sdi12_signs(line) if crc else b"") + b"\r\n"
    assert sdi12.read_values(whole, "3", crc=crc) == [float(value) for value in values]


@given(st.binary(min_size=1, max_size=30), st.integers(0, 29), st.integers(1, 255))
def test_damage_under_a_checksum_is_found(middle: bytes, place: int, change: int) -> None:
    line = b"0+1.5" + bytes(48 + each % 10 for each in middle)
    whole = bytearray(line + sdi12_signs(line) + b"\r\n")
    whole[place % len(line)] ^= change
    with pytest.raises(BusError):
        sdi12.read_values(bytes(whole), "0", crc=True)


@pytest.mark.parametrize("line", [b"0+1.2.3", b"0+", b"0+1+-2", b"0+1 +2", b"0+1e5", b"0++1", b"0+\xb11"])
def test_damaged_token_of_a_probe_is_no_value(line: bytes) -> None:
    with pytest.raises(BusCrcError):
        sdi12.read_values(line, "0", crc=False)


def test_another_probe_never_passes_for_the_asked_one() -> None:
    with pytest.raises(BusMismatch, match="probe 1 answered"):
        sdi12.read_values(b"1+2\r\n", "0", crc=False)
    with pytest.raises(BusMismatch):
        sdi12.read_promise(b"10013\r\n", "0")
    with pytest.raises(BusCrcError):
        sdi12.read_promise(b"0x13\r\n", "0")
    assert sdi12.read_promise(b"00213\r\n", "0") == (21, 3)
    assert sdi12.read_promise(b"000512\r\n", "0") == (5, 12)
    assert sdi12.setting_of(profile("sdi12_generic", command="C1", crc=True)).start == "0CC1!"


# --- Vaisala


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("Sm=36.0K", 10.0), ("Sm=10.0S", 4.4704), ("Sm=10.0N", 5.144444444), ("Ta=86.0F", 30.0),
        ("Pa=1.0058B", 1005.8), ("Pa=100000P", 1000.0), ("Rc=1.0I", 25.4), ("Ta=-0.5C", -0.5),
    ],
)  # fmt: skip
def test_units_follow_key_and_letter(token: str, value: float) -> None:
    points = wxt.read_line(LIBRARY.profile("vaisala_wxt536"), f"0R0,{token}".encode(), crc=False).points
    assert [point.value for point in points] == pytest.approx([value])


@given(st.text(alphabet="DnSmTaUaPaRc=0123456789.,-#MCDHP", max_size=80))
def test_line_of_tokens_gives_only_whole_ones(text: str) -> None:
    line = wxt.read_line(LIBRARY.profile("vaisala_wxt536"), f"0R0,{text}".encode(), crc=False)
    whole = [each for each in text.split(",") if wxt.TOKEN.fullmatch(each)]
    assert len(line.points) <= len(whole)


def test_line_with_a_wrong_checksum_is_refused() -> None:
    wind = b"0r1,Dn=236D,Dm=283D,Dx=031D,Sn=0.0M,Sm=1.0M,Sx=2.2M"
    shipped = LIBRARY.profile("vaisala_wxt536")
    assert wxt.read_line(shipped, wind + signs(wind) + b"\r\n", crc=True).damaged == 0
    with pytest.raises(BusCrcError, match="is right"):
        wxt.read_line(shipped, wind + b"LFj", crc=True)  # as the user guide prints it
    with pytest.raises(BusCrcError, match="does not begin"):
        wxt.read_line(shipped, b"tX,Unknown cmd error", crc=False)


# --- Davis


@given(st.integers(3, 98), st.integers(1, 255))
def test_damaged_packet_of_the_console_is_refused(place: int, change: int) -> None:
    packet = bytearray(Console().packet(0))
    packet[place] ^= change
    with pytest.raises(BusCrcError):
        davis.decode(LIBRARY.profile("davis_vantage"), bytes(packet))


def test_sensors_that_are_not_there_are_no_values() -> None:
    points = {each.key: each for each in davis.decode(profile("davis_vantage"), Console().packet(0))}
    assert points["soil_temp_1"].value == 77
    for key in ("soil_temp_2", "extra_temp_1", "solar", "uv", "leaf_wetness_4", "rain_rate"):
        assert (points[key].value, points[key].quality) == (None, Quality.BAD)
    later = {each.key: each.value for each in davis.decode(profile("davis_vantage"), Console().packet(1))}
    assert (later["gust10"], later["gust10_dir"], later["dew_point"]) == (14.3, 140, 75)
    assert "rain_year" not in later


def test_last_good_packet_among_others_is_explained() -> None:
    console = Console()
    broken = console.packet(0)[:-1] + b"\x00"
    explained = find_driver("davis").explain(
        profile("davis_vantage"), Captured(response=b"\x06" + console.packet(0) + broken)
    )
    assert {point.key: point.value for point in explained.points}["hum_out"] == 71
    with pytest.raises(BusCrcError):
        find_driver("davis").explain(profile("davis_vantage"), Captured(response=broken))


# --- Kamstrup


@given(st.binary(min_size=1, max_size=40))
def test_frames_of_the_meter_are_stuffed_and_found(body: bytes) -> None:
    framed = kamstrup.frame(body, kamstrup.ANSWER)
    assert framed[0] == 0x40
    assert framed[-1] == 0x0D
    assert not set(framed[1:-1]) & {0x06, 0x0D, 0x40, 0x80}
    assert kamstrup.unframe(b"\x80\x0d" + framed) == body


@given(st.binary(min_size=4, max_size=30), st.integers(0, 29), st.integers(1, 255))
def test_damaged_frames_of_the_meter_are_refused(body: bytes, place: int, change: int) -> None:
    framed = bytearray(kamstrup.frame(body, kamstrup.ANSWER))
    at = 1 + place % (len(framed) - 2)
    framed[at] ^= change
    try:
        assert kamstrup.unframe(bytes(framed)) == body
    except EdgeError:
        return
    assert 0x1B in framed, "only a byte stuffed without need can mean the same"


@pytest.mark.parametrize(
    ("hexadecimal", "value"),
    [
        ("04C200003039", "-123.45"),
        ("040305397FB1", "87654321000"),
        ("0103FF", "255000"),
        ("0443 0012D687", "1234.567"),
    ],
)
def test_numbers_of_the_meter_are_decimal(hexadecimal: str, value: str) -> None:
    number = bytes.fromhex(hexadecimal)
    body = kamstrup.GET_REGISTERS + bytes((0, 0x44, 0x28)) + number
    assert [each.value for each in kamstrup.read_registers(body)] == [Decimal(value)]


def test_example_of_the_meters_document() -> None:
    assert kamstrup.ask_registers([0x80]) == bytes.fromhex("803F1001001B7FD4080D")
    answer = bytes.fromhex("403F10001B7F160411012AF02463030D")
    (register,) = kamstrup.read_registers(kamstrup.unframe(answer))
    assert (register.number, register.unit) == (0x80, "kW")


def test_units_are_converted_or_refused() -> None:
    shipped = LIBRARY.profile("kamstrup_kmp")
    litres = kamstrup.Register(0x44, "l", Decimal(2500))
    heat = kamstrup.Register(0x4A, "GJ", Decimal(1))
    volume, flow = kamstrup.points_of(shipped, [litres, heat])
    assert volume.value == 2.5
    assert (flow.value, flow.quality) == (None, Quality.BAD)
    assert "GJ" in flow.reason


def test_short_answers_are_named() -> None:
    with pytest.raises(FrameError, match="9 and begins"):
        mhz19.DRIVER.explain(LIBRARY.profile("winsen_mhz19"), Captured(response=b"\xff\x86\x02"))
    with pytest.raises(BusCrcError, match="CD would be right"):
        mhz19.decode(LIBRARY.profile("winsen_mhz19"), bytes.fromhex("FF86026447000000CE"))
    with pytest.raises(BusMismatch):
        mhz19.decode(LIBRARY.profile("winsen_mhz19"), bytes.fromhex("FF8702644700 0000CC"))
    with pytest.raises(BusCrcError, match="longer"):
        kamstrup.read_registers(bytes.fromhex("3F10004428 0443 00"))


# --- Nonsense under a right checksum: a fault of the instrument, not of the line


@given(st.binary(max_size=300))
def test_nonsense_of_a_meter_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(BusError):
        kamstrup.points_of(LIBRARY.profile("kamstrup_kmp"), kamstrup.read_registers(b"\x3f\x10" + data))


@given(st.binary(min_size=93, max_size=93), st.integers(0, 3))
def test_nonsense_of_a_console_is_read_or_refused(data: bytes, kind: int) -> None:
    body = b"LOO" + data[:1] + bytes((kind,)) + data[1:]
    packet = body + crc_forward(body).to_bytes(2, "big")
    with contextlib.suppress(BusMismatch):
        for point in davis.decode(LIBRARY.profile("davis_vantage"), packet.ljust(99, b"\x00")[:99]):
            assert point.value is None or isinstance(point.value, int | float)


@given(st.text(alphabet="+-.0123456789", max_size=400))
def test_nonsense_of_a_probe_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BusCrcError):
        values = sdi12.read_values(f"0{text}".encode(), "0", crc=False)
        for point in sdi12.points_of(LIBRARY.profile("sdi12_generic"), values):
            assert point.value is not None or point.quality is Quality.BAD


@given(st.text(alphabet="0123456789", min_size=1, max_size=400))
def test_endless_number_of_a_transmitter_is_no_value(digits: str) -> None:
    line = wxt.read_line(LIBRARY.profile("vaisala_wxt536"), f"0R0,Ta={digits}C".encode(), crc=False)
    assert all(point.quality is Quality.BAD or -52 <= float(str(point.value)) <= 60 for point in line.points)
