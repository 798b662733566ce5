"""Instruments on serial lines of their own: their frames and sentences, whole and broken."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import select
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import xor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.gnss import GnssReceiver, sentence, sentence_bodies
from simulators.devices.particles import ParticleCounts, ParticleSensor
from simulators.errors import FaultError, SimError
from simulators.plants.truck import Reception
from simulators.province import Province
from simulators.settings import SimSettings
from simulators.wire.pty import MAX_UNREAD, PtyPort
from simulators.wire.serial_line import SerialLine
from simulators.world.routes import Fix
from telemetry.devices.library import Library
from telemetry.errors import KegaError
from tests.servers import wait_until
from tests.simulators.support import NOON, SetClock, device, serving, settings

PASSIVE, ACTIVE, READ = "424DE100000170", "424DE100010171", "424DE200000171"
SLEEP, WAKE = "424DE400000173", "424DE400010174"


def street(folder: Path) -> SimSettings:
    lines = [
        {"id": "pms", "kind": "serial", "link": "pms"},
        {"id": "gnss", "kind": "serial", "link": "gnss"},
    ]
    station = device("aq-000001", "air_station", {"profile": "plantower_pms5003", "line": "pms"})
    truck = device("gt-000001", "truck", {"profile": "nmea_gnss", "line": "gnss"}, route="doi-duong")
    return settings(folder, lines, [station, truck])


@pytest.fixture
def province(tmp_path: Path, clock: SetClock) -> Iterator[Province]:
    with serving(street(tmp_path), clock, _hasten) as running:
        yield running


def _hasten(province: Province) -> None:
    """Let instruments talk more often than they really do, so that tests need not wait."""
    for line in province.lines.values():
        assert isinstance(line, SerialLine)
        assert isinstance(line.talker, ParticleSensor | GnssReceiver)
        line.talker.every_s = 0.1


class Port:
    """The gateway's end of a serial line."""

    def __init__(self, end: int) -> None:
        self._end = end

    def read_until(self, pattern: bytes, timeout_s: float = 4.0) -> re.Match[bytes]:
        """The first match in what arrives."""
        data = b""
        deadline = time.monotonic() + timeout_s
        while (match := re.search(pattern, data, re.DOTALL)) is None:
            left = deadline - time.monotonic()
            assert left > 0, f"nothing like {pattern!r} in {data!r}"
            if select.select([self._end], [], [], left)[0]:
                data += os.read(self._end, 4096)
        return match

    def is_silent_for(self, seconds: float) -> bool:
        return not select.select([self._end], [], [], seconds)[0]

    def drain(self) -> None:
        while not self.is_silent_for(0):
            os.read(self._end, 4096)

    def write(self, data: str) -> None:
        os.write(self._end, bytes.fromhex(data))


@contextmanager
def port(province: Province, line: str) -> Iterator[Port]:
    end = os.open(province.lines[line].address, os.O_RDWR | os.O_NOCTTY)
    try:
        yield Port(end)
    finally:
        os.close(end)


def talker(province: Province, line: str) -> object:
    serial = province.lines[line]
    assert isinstance(serial, SerialLine)
    return serial.talker


@given(st.tuples(*[st.integers(-10, 70_000)] * 12))
def test_frames_carry_their_sum(values: tuple[int, ...]) -> None:
    frame = ParticleCounts(values).frame()
    assert len(frame) == 32
    assert frame[:4] == b"\x42\x4d\x00\x1c"
    assert struct.unpack(">H", frame[-2:])[0] == sum(frame[:-2]) & 0xFFFF
    assert struct.unpack(">H", frame[4:6])[0] == min(max(values[0], 0), 65535)


def test_the_particle_sensor_tells_what_is_in_the_air(province: Province, clock: SetClock) -> None:
    with port(province, "pms") as line:
        frame = line.read_until(rb"\x42\x4d\x00\x1c.{28}").group()
    assert sum(frame[:-2]) & 0xFFFF == int.from_bytes(frame[-2:], "big")
    pm1, pm2_5, pm10 = struct.unpack_from(">3H", frame, 10)
    air = province.world.air.at(clock.time_s, 0, "aq-000001")
    assert (pm1, pm2_5, pm10) == (round(air.pm1), round(air.pm2_5), round(air.pm10))
    assert struct.unpack_from(">6H", frame, 16) == tuple(
        sorted(struct.unpack_from(">6H", frame, 16), reverse=True)
    ), "fewer particles the larger they are"


def test_the_particle_sensor_obeys(province: Province) -> None:
    with port(province, "pms") as line:
        line.write(PASSIVE)
        wait_until(lambda: province.lines["pms"].figures.requests == 1, "the command is heard", 2)
        line.drain()
        assert line.is_silent_for(0.3), "it waits to be asked"
        line.write(READ)
        line.read_until(rb"\x42\x4d\x00\x1c.{28}", 1.0)
        line.write(SLEEP + READ)
        assert line.is_silent_for(0.2)
        line.write(WAKE + ACTIVE)
        line.read_until(rb"\x42\x4d\x00\x1c.{28}")


def test_smoke_is_in_the_frames(province: Province, clock: SetClock) -> None:
    with port(province, "pms") as line:
        line.read_until(rb"\x42\x4d\x00\x1c.{28}")
        province.set_fault("smoke", "aq-000001", None, None)
        clock.time_s += 15
        line.drain()
        frame = line.read_until(rb"\x42\x4d\x00\x1c.{28}").group()
    assert struct.unpack_from(">H", frame, 12)[0] > 200


def test_a_wrong_sum_is_on_the_wire(province: Province) -> None:
    province.set_fault("crc", "aq-000001", None, None)
    with port(province, "pms") as line:
        line.drain()
        frame = line.read_until(rb"\x42\x4d\x00\x1c.{28}").group()
    assert sum(frame[:-2]) & 0xFFFF != int.from_bytes(frame[-2:], "big")


def test_a_dead_sensor_and_a_dead_receiver_are_silent(province: Province) -> None:
    province.set_fault("dead", "eg-0001", None, None)
    with port(province, "pms") as dust, port(province, "gnss") as place:
        dust.drain()
        place.drain()
        assert dust.is_silent_for(0.3)
        assert place.is_silent_for(0)


def test_stuck_and_garbage_frames(province: Province, clock: SetClock) -> None:
    sensor = talker(province, "pms")
    assert isinstance(sensor, ParticleSensor)
    province.set_fault("stuck", "aq-000001", None, None)
    first = sensor.message()
    clock.time_s += 7200
    assert sensor.message() == first
    province.clear_faults("all", None)
    assert sensor.message() != first
    province.set_fault("garbage", "aq-000001", None, None)
    frame = sensor.message()
    assert sum(frame[:-2]) & 0xFFFF == int.from_bytes(frame[-2:], "big"), "well framed"
    assert max(struct.unpack_from(">3H", frame, 10)) > 1000


def checked(text: str) -> list[list[str]]:
    """The fields of each sentence, after checking its checksum."""
    fields = []
    for line in text.split("\r\n"):
        if line:
            body, _, check = line.removeprefix("$").partition("*")
            assert reduce(xor, body.encode(), 0) == int(check, 16), line
            fields.append(body.split(","))
    return fields


def test_the_receiver_tells_where_the_truck_is(province: Province, clock: SetClock) -> None:
    with port(province, "gnss") as line:
        text = line.read_until(rb"\$GNRMC[^$]*\$GNGGA[^$]*\$GNVTG[^$]*\r\n").group().decode()
    rmc, gga, vtg = checked(text)
    assert rmc[0:3] == ["GNRMC", "050000.00", "A"]
    assert rmc[9] == "050126"
    assert gga[6] == "1"
    assert int(gga[7]) >= 7
    assert rmc[3:7] == gga[2:6]
    latitude = int(rmc[3][:2]) + float(rmc[3][2:]) / 60
    longitude = int(rmc[5][:3]) + float(rmc[5][3:]) / 60
    planned = province.readouts[1].values(clock.time_s)
    assert latitude == pytest.approx(planned["latitude"], abs=1e-6)
    assert longitude == pytest.approx(planned["longitude"], abs=1e-6)
    assert float(vtg[7]) == pytest.approx(planned["speed"], abs=0.02)


def test_without_a_fix_no_position_is_sent(province: Province) -> None:
    province.set_fault("no-fix", "gt-000001", None, None)
    with port(province, "gnss") as line:
        line.drain()
        text = line.read_until(rb"\$GNRMC,\d+\.00,V[^$]*\$GNGGA[^$]*\$GNVTG[^$]*\r\n").group().decode()
    rmc, gga, _ = checked(text)
    assert rmc[3:7] == ["", "", "", ""]
    assert gga[2:7] == ["", "", "", "", "0"]


def test_a_truck_off_its_route_says_so_in_its_sentences(province: Province, clock: SetClock) -> None:
    receiver = talker(province, "gnss")
    assert isinstance(receiver, GnssReceiver)
    before = checked(receiver.message().decode())[0]
    province.set_fault("off-route", "gt-000001", None, None)
    receiver.message()
    clock.time_s += 60
    after = checked(receiver.message().decode())[0]
    assert float(after[3]) > float(before[3]) + 0.1, "minutes of latitude to the north"
    assert float(after[7]) > 10, "knots"


def test_broken_sentences(province: Province, clock: SetClock) -> None:
    receiver = talker(province, "gnss")
    assert isinstance(receiver, GnssReceiver)
    province.set_fault("crc", "gt-000001", None, None)
    assert b"*G" in receiver.message()
    province.clear_faults("all", None)
    province.set_fault("garbage", "gt-000001", None, None)
    rmc = receiver.message().decode().split("\r\n")[0]
    assert checked(rmc)[0][4] == "S", "well framed, but in the wrong half of the world"
    province.clear_faults("all", None)
    province.set_fault("stuck", "gt-000001", None, None)
    before = receiver.message().split(b",")[3]
    clock.time_s += 3600
    assert receiver.message().split(b",")[3] == before
    assert receiver.hear(b"\xb5\x62 whatever") == b""


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9), st.floats(0, 50), st.floats(0, 359.99))
def test_angles_survive_the_way_into_sentences(
    latitude: float, longitude: float, speed: float, heading: float
) -> None:
    seen = Reception(Fix(latitude, longitude, speed, heading), 7.0, 0.9, 9)
    rmc, _, _ = checked("".join(sentence(body) for body in sentence_bodies(seen, NOON)))
    assert re.fullmatch(r"\d{4}\.\d{5}", rmc[3])
    assert re.fullmatch(r"\d{5}\.\d{5}", rmc[5])
    north = int(rmc[3][:2]) + float(rmc[3][2:]) / 60
    east = int(rmc[5][:3]) + float(rmc[5][3:]) / 60
    assert (north if rmc[4] == "N" else -north) == pytest.approx(latitude, abs=2e-7)
    assert (east if rmc[6] == "E" else -east) == pytest.approx(longitude, abs=2e-7)


def test_what_nobody_reads_is_thrown_away(tmp_path: Path) -> None:
    def waiting(end: int) -> int:
        count: int = struct.unpack("i", fcntl.ioctl(end, termios.FIONREAD, bytes(4)))[0]
        return count

    async def fill() -> bytes:
        serial = PtyPort(tmp_path / "port")
        serial.open(lambda _: None)
        end = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
        try:
            for number in range(100):
                before = waiting(end)
                serial.write(f"{number:04d}".encode() * 25)
                # the kernel hands bytes over in its own time; an instrument speaks once a second
                wait_until(lambda seen=before: waiting(end) != seen, f"record {number} on the line", 5)
            return os.read(end, 65_536)
        finally:
            os.close(end)
            serial.close()

    left = asyncio.run(fill())
    assert left.endswith(b"0099")
    assert len(left) <= MAX_UNREAD


def test_a_serial_line_carries_one_instrument(tmp_path: Path, clock: SetClock) -> None:
    stations = [
        device(f"aq-00000{each}", "air_station", {"profile": "plantower_pms5003", "line": "pms"})
        for each in (1, 2)
    ]
    given = settings(tmp_path, [{"id": "pms", "kind": "serial", "link": "pms"}], stations)
    with pytest.raises(SimError, match="line pms is serial and carries 2 instruments"):
        Province(given, Library.shipped(), clock)


def test_faults_that_could_not_be_seen_are_refused(province: Province) -> None:
    with pytest.raises(FaultError, match="gt-000001 cannot have fault late: it has no belimo"):
        province.set_fault("late", "gt-000001", None, None)


def test_an_unknown_route_names_those_that_exist(tmp_path: Path, clock: SetClock) -> None:
    lost = device("gt-000001", "truck", {"profile": "nmea_gnss", "line": "gnss"}, route="moon")
    given = settings(tmp_path, [{"id": "gnss", "kind": "serial", "link": "gnss"}], [lost])
    with pytest.raises(KegaError, match=r"no route 'moon' for gt-000001; there are doi-duong, "):
        Province(given, Library.shipped(), clock)
