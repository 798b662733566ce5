"""Every driver of instruments that talk by themselves, held to the same promises."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers import gcja5, sds011
from edge.drivers.base import Captured, NativePoint
from edge.drivers.framing import LONGEST_LINE
from edge.drivers.registry import find_stream_driver
from edge.errors import BusCrcError, FrameError
from telemetry.devices.library import Library
from telemetry.readings import Quality

LIBRARY = Library.shipped()


def words_frame(size: int) -> Callable[[int], bytes]:
    """A frame of the Plantower family whose words are all `value`."""

    def frame(value: int) -> bytes:
        body = b"\x42\x4d" + (size - 4).to_bytes(2, "big") + value.to_bytes(2, "big") * ((size - 6) // 2)
        return body + (sum(body) & 0xFFFF).to_bytes(2, "big")

    return frame


def sds(value: int) -> bytes:
    middle = value.to_bytes(2, "little") + (value + 1).to_bytes(2, "little") + b"\xa1\x60"
    return b"\xaa\xc0" + middle + bytes((sum(middle) & 0xFF, 0xAB))


def panasonic(value: int) -> bytes:
    body = (value * 1000).to_bytes(4, "little") * 3 + bytes(17)
    return b"\x02" + body + bytes((reduce(xor, body), 0x03))


def level(value: int) -> bytes:
    body = b"\xff" + value.to_bytes(2, "big")
    return body + bytes((sum(body) & 0xFF,))


def sonar(value: int) -> bytes:
    return b"R%04d\r" % value


def station(value: int) -> bytes:
    return f"2026-01-05T01:30:00,27.5,{value / 100},T:PM2.5,20401\r\n".encode()


TALKERS = {
    "plantower_pms5003": (words_frame(32), "pm25", 1.0),
    "winsen_zh03b": (words_frame(24), "pm25", 1.0),
    "nova_sds011": (sds, "pm25", 0.1),
    "panasonic_gcja5": (panasonic, "pm25", 1.0),
    "a02yyuw_level": (level, "distance", 1.0),
    "maxbotix_hrxl_wr": (sonar, "distance", 1.0),
    "vaisala_aqt530": (station, "pm25", 0.01),
}
PARAMETERS = pytest.mark.parametrize("profile_id", TALKERS)
VALUES = st.lists(st.integers(250, 999), min_size=1, max_size=6)


def fed(profile_id: str, data: bytes, size: int) -> tuple[list[dict[str, NativePoint]], int]:
    """What a fresh reader makes of `data` in pieces of `size`, and the faults that it counted."""
    profile = LIBRARY.profile(profile_id)
    reader = find_stream_driver(profile.driver).stream(profile)
    scans = [scan for at in range(0, len(data), size) for scan in reader.feed(data[at : at + size])]
    scans += reader.flush()
    return [{point.key: point for point in scan} for scan in scans], reader.faults


@PARAMETERS
@given(values=VALUES, size=st.integers(1, 40))
def test_messages_are_read_whatever_pieces_they_come_in(
    profile_id: str, values: list[int], size: int
) -> None:
    message, key, scale = TALKERS[profile_id]
    scans, faults = fed(profile_id, b"".join(map(message, values)), size)
    assert [scan[key].value for scan in scans] == pytest.approx([value * scale for value in values])
    assert faults == 0


@PARAMETERS
@given(chunks=st.lists(st.binary(max_size=80), max_size=12))
def test_garbage_never_raises_nor_piles_up_and_pieces_do_not_matter(
    profile_id: str, chunks: list[bytes]
) -> None:
    profile = LIBRARY.profile(profile_id)
    reader = find_stream_driver(profile.driver).stream(profile)
    scans = [scan for chunk in chunks for scan in reader.feed(chunk)]
    assert len(getattr(reader, "buffer")) <= LONGEST_LINE  # noqa: B009, readers keep their own type
    whole, faults = fed(profile_id, b"".join(chunks), 10_000)
    assert [{point.key: point for point in scan} for scan in scans] == whole
    assert reader.faults == faults


@PARAMETERS
@given(first=st.integers(250, 999), place=st.integers(1, 3), change=st.integers(1, 255))
def test_damaged_message_is_counted_and_gives_no_value(
    profile_id: str, first: int, place: int, change: int
) -> None:
    message, key, scale = TALKERS[profile_id]
    damaged = bytearray(message(first))
    if profile_id in {"maxbotix_hrxl_wr", "vaisala_aqt530"}:
        damaged[damaged.rindex(b"R" if profile_id.startswith("max") else b":")] = 0x2A
    else:
        damaged[-place] ^= change
    following = message(777) * 2
    scans, faults = fed(profile_id, bytes(damaged) + following, 7)
    values = [scan[key].value for scan in scans]
    assert values[-1] == pytest.approx(777 * scale)
    if profile_id != "maxbotix_hrxl_wr":  # its text has no checksum: a line without its R is just no value
        assert faults >= 1


@PARAMETERS
def test_captured_bytes_without_a_message_are_named(profile_id: str) -> None:
    profile = LIBRARY.profile(profile_id)
    driver = find_stream_driver(profile.driver)
    with pytest.raises(FrameError, match="expected is"):
        driver.explain(profile, Captured(response=b""))
    message, _, _ = TALKERS[profile_id]
    whole = message(300)
    with pytest.raises((FrameError, BusCrcError), match="expected is"):
        driver.explain(profile, Captured(response=whole[:-2]))


def test_sds011_is_told_to_work_by_itself_with_valid_commands() -> None:
    greeting = find_stream_driver("sds011").greeting(LIBRARY.profile("nova_sds011"))
    commands = [greeting[at : at + 19] for at in range(0, len(greeting), 19)]
    assert [each[2] for each in commands] == [6, 2, 8]
    for each in commands:
        assert (each[:2], each[-1]) == (b"\xaa\xb4", 0xAB)
        assert each[17] == sum(each[2:17]) & 0xFF
    assert sds011.command(2, 1, 0).hex() == "aab4020100" + "00" * 10 + "ffff01ab"


def test_blind_zone_and_missing_target_are_no_distance() -> None:
    near = fed("a02yyuw_level", level(30), 4)[0][0]["distance"]
    assert (near.quality, near.value) == (Quality.BAD, 30)
    lost = fed("maxbotix_hrxl_wr", sonar(9999), 6)[0][0]["distance"]
    assert (lost.quality, lost.value) == (Quality.BAD, None)
    noisy = fed("maxbotix_hrxl_wr", b"\xffR1\xff234\r", 3)[0][0]["distance"]
    assert noisy.value == 1234


def test_station_names_its_columns_and_a_broken_token_costs_only_itself() -> None:
    line = b"2026-01-05T01:30:00,27.5,nan,1_0,T:PM2.5:PM10,20401\r\n"
    scan = fed("vaisala_aqt530", line, 11)[0][0]
    assert scan["temperature"].value == 27.5
    assert [scan[key].quality for key in ("pm25", "pm10")] == [Quality.BAD, Quality.BAD]
    assert fed("vaisala_aqt530", b"2026,27.5,1.0,T:PM2.5:PM10,1\n2026,1,2,T:T,1\n", 9) == ([], 2)


def test_panasonic_tells_its_state() -> None:
    frame = bytearray(panasonic(10))
    frame[29] = 0b01_00_10_00
    frame[30] = reduce(xor, frame[1:30])
    assert gcja5.is_whole(bytes(frame))
    scan = fed("panasonic_gcja5", bytes(frame), 32)[0][0]
    assert {key: scan[key].value for key in ("status", "photodiode", "laser", "fan")} == {
        "status": 1, "photodiode": 0, "laser": 2, "fan": 0,
    }  # fmt: skip
