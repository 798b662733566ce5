"""Serial parsers: random bytes never raise, valid frames among garbage are found, nothing grows."""

from __future__ import annotations

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.base import Captured, NativePoint
from edge.drivers.nmea import DRIVER as NMEA
from edge.drivers.plantower import DRIVER as PLANTOWER
from edge.drivers.registry import find_driver, find_stream_driver
from edge.errors import BusCrcError, DriverError, FrameError
from telemetry.devices.library import Library
from telemetry.readings import Quality

LIBRARY = Library.shipped()
PMS = LIBRARY.profile("plantower_pms5003")
GNSS = LIBRARY.profile("nmea_gnss")
WORD = st.integers(0, 0xFFFF)


def frame(words: list[int]) -> bytes:
    body = b"\x42\x4d\x00\x1c" + b"".join(word.to_bytes(2, "big") for word in words)
    return body + (sum(body) & 0xFFFF).to_bytes(2, "big")


def nmea(text: str) -> bytes:
    return f"${text}*{reduce(xor, text.encode()):02X}\r\n".encode()


def rmc(
    clock: str, *, status: str = "A", date: str = "050126", place: str = "1055.8020,N,10806.1260,E"
) -> bytes:
    return nmea(f"GNRMC,{clock},{status},{place},12.4,84.4,{date},,,{status}")


def fix_of(data: bytes) -> dict[str, NativePoint]:
    reader = NMEA.stream(GNSS)
    return {point.key: point for point in (reader.feed(data) + reader.flush())[-1]}


frames = st.lists(WORD, min_size=13, max_size=13).map(frame)
garbage = st.binary(max_size=80).filter(lambda data: b"\x42" not in data)


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_random_bytes_never_raise_nor_pile_up(chunks: list[bytes]) -> None:
    sensor, receiver = PLANTOWER.stream(PMS), NMEA.stream(GNSS)
    for chunk in chunks:
        sensor.feed(chunk)
        receiver.feed(chunk)
        assert len(sensor.buffer) < 32
        assert len(receiver._buffer) <= 200
    sensor.flush()
    receiver.flush()


@given(st.lists(st.tuples(garbage, frames), min_size=1, max_size=6), st.integers(1, 40))
def test_frames_among_garbage_are_found_in_any_pieces(parts: list[tuple[bytes, bytes]], size: int) -> None:
    data = b"".join(noise + good for noise, good in parts)
    sensor = PLANTOWER.stream(PMS)
    scans = [scan for at in range(0, len(data), size) for scan in sensor.feed(data[at : at + size])]
    assert [{p.key: p.value for p in scan}["pm25"] for scan in scans] == [
        int.from_bytes(good[12:14], "big") for _, good in parts
    ]


@given(frames, frames, st.integers(4, 31), st.integers(1, 255))
def test_damaged_frame_costs_only_itself(first: bytes, second: bytes, place: int, change: int) -> None:
    damaged = bytearray(first)
    damaged[place] ^= change
    if b"\x42\x4d\x00\x1c" in bytes(damaged[1:]) + second[:3]:
        return
    sensor = PLANTOWER.stream(PMS)
    scans = sensor.feed(bytes(damaged) + second)
    assert sensor.faults >= 1
    assert {p.key: p.value for p in scans[-1]}["pm10"] == int.from_bytes(second[14:16], "big")


def test_explaining_a_serial_line_names_what_is_wrong() -> None:
    with pytest.raises(FrameError, match="expected is 32 bytes that start with 42 4D 00 1C"):
        PLANTOWER.explain(PMS, Captured(response=b"\x42\x4d\x00"))
    with pytest.raises(BusCrcError, match="1 damaged"):
        PLANTOWER.explain(PMS, Captured(response=frame([1] * 13)[:-1] + b"\x00"))
    with pytest.raises(FrameError, match="no sentence"):
        NMEA.explain(GNSS, Captured(response=b""))
    with pytest.raises(BusCrcError, match="checksum"):
        NMEA.explain(GNSS, Captured(response=b"$GNVTG,084.4,T,,M,12.4,N,23.0,K,A*00\r\n"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"body_length": 3}, "body_length"),
        ({"fields": {}}, "fields"),
        ({"fields": {"nothing": 4}}, "no point"),
        ({"fields": {"pm1": 31}}, "fields.pm1"),
    ],
)
def test_options_that_do_not_fit_are_named(options: dict[str, object], says: str) -> None:
    profile = PMS.model_copy(update={"options": {**PMS.options, **options}})
    with pytest.raises(DriverError, match=says):
        PLANTOWER.stream(profile)
    with pytest.raises(DriverError, match="greeting"):
        PLANTOWER.greeting(PMS.model_copy(update={"options": {"greeting": "xyz"}}))


def test_receiver_without_a_fix_keeps_its_last_place_as_stale() -> None:
    reader = NMEA.stream(GNSS)
    scans = reader.feed(rmc("013000.00") + rmc("013001.00", status="V", place=",,,")) + reader.flush()
    lost = {point.key: point for point in scans[-1]}
    assert lost["latitude"].value == pytest.approx(10.9300333)
    assert lost["latitude"].quality is Quality.STALE
    assert "status V" in lost["latitude"].reason


@pytest.mark.parametrize(
    "data",
    [
        rmc("013000", status="V", place=",,,"),
        rmc("013000", place="0000.0000,N,00000.0000,E"),
        rmc("013000", place=",,,"),
        rmc("013000", place="1099.8020,N,10806.1260,E"),
        rmc("013000", place="1055.8020,X,10806.1260,E"),
        rmc("013000", date="050106"),
        rmc("013000", date="220899"),
        rmc("013000", date="991399"),
        nmea("GNGGA,013000.00,1055.8020,N,10806.1260,E,0,00,99.9,,M,,M,,"),
        rmc("013000") + nmea("GNGSA,A,1,,,,,,,,,,,,,99.9,99.9,99.9"),
    ],
    ids=["V", "zero", "empty", "99-minutes", "side", "2006", "1999", "no-date", "gga-0", "gsa-1"],
)
def test_no_fix_gives_no_position(data: bytes) -> None:
    fix = fix_of(data)
    for key in ("latitude", "longitude"):
        assert fix[key].value is None
        assert fix[key].quality is Quality.STALE
        assert fix[key].reason
    assert fix["speed"].value is None


def test_southern_and_western_places_are_negative() -> None:
    fix = fix_of(rmc("013000", place="1055.8020,S,10806.1260,W"))
    assert fix["latitude"].value == pytest.approx(-10.9300333)
    assert fix["longitude"].value == pytest.approx(-108.1021)
    assert fix["speed"].value == pytest.approx(12.4 * 1.852)


@given(st.lists(st.integers(0, 59), min_size=1, max_size=8, unique=True), st.integers(1, 60))
def test_sentences_of_a_moment_are_one_fix_however_they_arrive(seconds: list[int], size: int) -> None:
    data = b"".join(
        rmc(f"0130{second:02d}.00")
        + nmea(f"GNGGA,0130{second:02d}.00,1055.8020,N,10806.1260,E,1,{second:02d},0.8,9.5,M,-5.0,M,,")
        for second in seconds
    )
    reader = NMEA.stream(GNSS)
    scans = [scan for at in range(0, len(data), size) for scan in reader.feed(data[at : at + size])]
    scans += reader.flush()
    assert [{p.key: p.value for p in scan}["satellites"] for scan in scans] == seconds
    assert reader.faults == 0


@given(st.text(alphabet="0123456789.,NSEWAV", max_size=60))
def test_well_signed_nonsense_never_raises(fields: str) -> None:
    for kind in ("RMC", "GGA", "VTG", "GSA", "XXX", "GSV"):
        reader = NMEA.stream(GNSS)
        reader.feed(nmea(f"GN{kind},{fields}"))
        reader.flush()


def test_drivers_are_found_by_name_or_refused() -> None:
    assert find_driver("modbus").explain
    assert find_stream_driver("nmea").greeting(GNSS) == b""
    for name in ("no_such", "../etc", "base", "registry", ""):
        with pytest.raises(DriverError):
            find_driver(name)
    with pytest.raises(DriverError, match="does not read serial lines"):
        find_stream_driver("modbus")
