"""Vehicle trackers: logins and packets in any pieces, damage, strangers, records without a fix."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.base import Captured, Heard
from edge.drivers.registry import find_call_driver
from edge.drivers.teltonika import DRIVER, TeltonikaCall, read_login, read_packet
from edge.errors import BusCrcError, BusMismatch, DriverError, FrameError
from telemetry.devices.library import Library
from telemetry.readings import Quality
from tests.edge.drivers.instruments import crc_reflected

IMEI = "356307042441013"
LOGIN = b"\x00\x0f" + IMEI.encode()
SHIPPED = Library.shipped().profile("teltonika_codec8")
PROFILE = SHIPPED.model_copy(update={"options": {**SHIPPED.options, "imei": IMEI}})
KNOWN = {IMEI: PROFILE}
START_MS = 1_767_576_600_000


def record(
    time_ms: int, *, satellites: int = 9, io: dict[int, tuple[int, int]] | None = None, wide: bool = False
) -> bytes:
    """One record: `io` is number → (bytes, value)."""
    data = struct.pack(">QBiihHBH", time_ms, 0, 1_081_021_000, 109_300_333, 8, 84, satellites, 23)
    inputs = io if io is not None else {239: (1, 1), 66: (2, 24_100), 16: (4, 1_000_000)}
    width = ">H" if wide else ">B"
    data += struct.pack(width, 0) + struct.pack(width, len(inputs))
    for size in (1, 2, 4, 8):
        group = {number: value for number, (length, value) in inputs.items() if length == size}
        data += struct.pack(width, len(group))
        data += b"".join(
            struct.pack(width, each) + value.to_bytes(size, "big") for each, value in group.items()
        )
    if wide:
        data += struct.pack(">HHH", 1, 385, 3) + b"abc"  # one of variable length: a beacon
    return data


def packet(*records: bytes, codec: int = 8) -> bytes:
    data = bytes((codec, len(records))) + b"".join(records) + bytes((len(records),))
    return bytes(4) + len(data).to_bytes(4, "big") + data + crc_reflected(data).to_bytes(4, "big")


def heard(data: bytes, size: int = 10_000) -> tuple[list[Heard], TeltonikaCall]:
    call = DRIVER.answer(KNOWN)
    told = [each for at in range(0, len(data), size) for each in call.feed(data[at : at + size])]
    return told, call


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 60), st.booleans())
def test_call_is_understood_in_any_pieces(counts: list[int], size: int, wide: bool) -> None:
    packets = [
        packet(
            *(record(START_MS + 1000 * each, wide=wide) for each in range(count)), codec=0x8E if wide else 8
        )
        for count in counts
    ]
    told, call = heard(LOGIN + b"".join(packets), size)
    assert call.caller == IMEI
    assert told[0].reply == b"\x01"
    assert [int.from_bytes(each.reply, "big") for each in told[1:]] == counts
    assert [len(each.records) for each in told[1:]] == counts
    assert call.faults == 0


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_garbage_never_raises_and_ends_the_call(chunks: list[bytes]) -> None:
    for before in (b"", LOGIN):
        call = DRIVER.answer(KNOWN)
        for chunk in [before, *chunks]:
            for each in call.feed(chunk):
                if each.ends:
                    assert each.reason
        assert len(call._buffer) <= 8204


@given(st.integers(8, 70), st.integers(1, 255))
def test_damaged_packet_is_not_acknowledged(place: int, change: int) -> None:
    whole = bytearray(packet(record(START_MS)))
    whole[place % (len(whole) - 8) + 8] ^= change
    told, call = heard(LOGIN + bytes(whole))
    assert told[1].records == ()
    assert told[1].reply == bytes(4)
    assert not told[1].ends
    assert call.faults == 1


def test_strangers_and_nonsense_are_refused() -> None:
    (stranger,), call = heard(b"\x00\x0f" + b"123456789012345")
    assert (stranger.reply, stranger.ends, call.caller) == (b"\x00", True, "")
    (nonsense,), _ = heard(b"GET / HTTP/1.1\r\n\r\n")
    assert nonsense.ends
    (_, huge), _ = heard(LOGIN + bytes(4) + (10**6).to_bytes(4, "big"))
    assert huge.ends
    (_, other), _ = heard(LOGIN + packet(record(START_MS), codec=0x10))
    assert other.ends
    assert "codec 0x10" in other.reason


def test_records_are_told_oldest_first_and_impossible_times_left_out() -> None:
    (_, told), _ = heard(LOGIN + packet(record(START_MS + 9), record(START_MS), record(0)))
    assert [each.time_ms for each in told.records] == [START_MS, START_MS + 9]
    assert told.reply == (3).to_bytes(4, "big")
    assert "1 record(s)" in told.reason


def points(data: bytes) -> dict[str, Any]:
    (_, told), _ = heard(LOGIN + data)
    return {point.key: point for point in told.records[0].points}


def test_record_says_where_and_how() -> None:
    told = points(packet(record(START_MS)))
    assert told["latitude"].value == pytest.approx(10.9300333)
    assert told["longitude"].value == pytest.approx(108.1021)
    assert (told["speed"].value, told["angle"].value, told["altitude"].value) == (23, 84, 8)
    assert (told["ignition"].value, told["supply"].value, told["odometer"].value) == (1, 24_100, 1_000_000)
    assert "tag" not in told


def test_record_without_a_fix_is_the_last_place_and_stale() -> None:
    told = points(packet(record(START_MS, satellites=0)))
    assert told["latitude"].quality is Quality.STALE
    assert told["latitude"].value == pytest.approx(10.9300333)
    assert (told["speed"].value, told["speed"].quality) == (None, Quality.STALE)
    assert told["ignition"].value == 1


def test_explaining_names_what_is_wrong() -> None:
    assert find_call_driver("teltonika").identity(PROFILE) == IMEI
    with pytest.raises(DriverError, match="15 digits"):
        DRIVER.identity(SHIPPED)
    with pytest.raises(DriverError, match=r"io\.tag"):
        DRIVER.identity(SHIPPED.model_copy(update={"options": {"imei": IMEI, "io": {"tag": 0}}}))
    with pytest.raises(FrameError, match="no whole packet"):
        DRIVER.explain(PROFILE, Captured(response=b"\x00\x00\x00\x00\x00"))
    with pytest.raises(FrameError, match="no login"):
        read_login(b"\x01")
    with pytest.raises(BusMismatch):
        read_packet(packet(record(START_MS), codec=0x0C))
    cut = packet(record(START_MS)[:-3])
    with pytest.raises(BusCrcError):
        read_packet(cut)


@given(st.binary(max_size=300), st.sampled_from([0x08, 0x8E]), st.integers(0, 255))
def test_nonsense_under_a_right_checksum_is_read_or_refused(data: bytes, codec: int, count: int) -> None:
    body = bytes((codec, count)) + data
    whole = bytes(4) + len(body).to_bytes(4, "big") + body + crc_reflected(body).to_bytes(4, "big")
    told, call = heard(LOGIN + whole)
    assert call.caller == IMEI
    assert all(each.reply or each.ends for each in told)
