"""The time in a receiver's sentences."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.time.gnss import GnssTime
from edge.time.ladder import Rung, Sample

NOON_S = 1_780_315_200  # 2026-06-01T12:00:00Z


def sentence(body: str) -> bytes:
    return f"${body}*{reduce(int.__xor__, body.encode()):02X}\r\n".encode()


def rmc(clock: str = "120000.00", status: str = "A", date: str = "010626") -> bytes:
    return sentence(f"GNRMC,{clock},{status},1056.0,N,10806.0,E,0.0,0.0,{date},,,A")


def hear(*pieces: bytes, at: float = 500.0) -> list[Sample]:
    found: list[Sample] = []
    listener = GnssTime(found.append)
    for number, piece in enumerate(pieces):
        listener.heard(piece, at + number)
    return found


def test_rmc_with_a_fix_tells_the_time() -> None:
    (sample,) = hear(rmc())
    assert sample.rung is Rung.GNSS
    assert sample.offset_s + 500.0 == NOON_S
    (sample,) = hear(b"noise" + rmc()[:20], rmc()[20:])
    assert sample.offset_s + 501.0 == NOON_S


@pytest.mark.parametrize(
    "line",
    [
        rmc(status="V"),
        rmc().replace(b"120000", b"120001"),
        rmc(clock="250000"),
        rmc(date="310226"),
        rmc(date=""),
        sentence("GPZDA,120000.00,01,06,2026,00,00"),
        sentence("GPRMC,120000"),
        b"$GPRMC\r\n",
    ],
    ids=["no fix", "checksum", "hour", "date", "no date", "ZDA alone", "short", "no checksum"],
)
def test_what_tells_no_time(line: bytes) -> None:
    assert hear(line) == []


def test_zda_counts_while_there_is_a_fix() -> None:
    zda = sentence("GPZDA,120001.00,01,06,2026,00,00")
    found = hear(rmc(), zda)
    assert [sample.offset_s for sample in found] == [NOON_S - 500.0] * 2
    assert len(hear(rmc(), rmc(status="V"), zda)) == 1


def test_the_earliest_of_several_sentences_is_the_rightest() -> None:
    found: list[Sample] = []
    listener = GnssTime(found.append)
    for second, late_s in enumerate((0.3, 0.1, 0.4, 0.2)):
        listener.heard(rmc(clock=f"12000{second}.00"), 500.0 + second + late_s)
    assert [round(500.0 + sample.offset_s - NOON_S, 1) for sample in found] == [-0.3, -0.1]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_noise_is_survived(pieces: list[bytes]) -> None:
    assert hear(*pieces) == []
