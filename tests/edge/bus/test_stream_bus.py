"""Serial lines whose instruments talk by themselves, on pseudo-terminals."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import reduce
from operator import xor
from typing import Any

import pytest

from edge.bus import stream_bus
from edge.bus.buses import Buses
from edge.errors import NotWritable
from telemetry.readings import Quality
from tests.edge.bus.gateways import MemorySink, gateway
from tests.edge.bus.test_modbus_bus import running

pytestmark = pytest.mark.anyio


def nmea(text: str) -> bytes:
    """The sentence with its checksum."""
    return f"${text}*{reduce(xor, text.encode()):02X}\r\n".encode()


def fix(second: int, status: str = "A") -> bytes:
    """One moment of a receiver in Phan Thiết."""
    place = "1055.8020,N,10806.1260,E" if status == "A" else ",,,"
    quality = 1 if status == "A" else 0
    return (
        nmea(f"GNRMC,0130{second:02d}.00,{status},{place},12.4,84.4,050126,,,{status}")
        + nmea(f"GNVTG,84.4,T,,M,12.4,N,23.0,K,{status}")
        + nmea(f"GNGGA,0130{second:02d}.00,{place},{quality},08,0.8,9.5,M,-5.0,M,,")
    )


def plantower(pm25: int) -> bytes:
    """A frame of a PMS5003."""
    words = [7, pm25, 30, 7, pm25, 30, 900, 300, 60, 9, 3, 1, 0x9700]
    body = b"\x42\x4d\x00\x1c" + b"".join(word.to_bytes(2, "big") for word in words)
    return body + sum(body).to_bytes(2, "big")


@asynccontextmanager
async def line() -> AsyncIterator[tuple[str, Callable[[bytes], object], Callable[[], bytes]]]:
    """A pseudo-terminal: its path, what the instrument says, what it was told."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)

    def told() -> bytes:
        try:
            return os.read(master, 4096)
        except BlockingIOError:
            return b""

    try:
        yield os.ttyname(slave), lambda data: os.write(master, data), told
    finally:
        os.close(slave)
        os.close(master)


def on_line(profile: str, device_class: str, port: str, **more: Any) -> Any:
    bus = {"id": "serial-1", "kind": "serial", "port": port, "baud": 9600}
    instrument = {"profile": profile, "bus": "serial-1", "every_s": 0.05, **more}
    return gateway([bus], [{"id": "dev-000001", "class": device_class, "instruments": [instrument]}])


async def opened(buses: Buses, times: int = 1) -> None:
    """Wait until the line was opened so often."""
    async with asyncio.timeout(10):
        while buses.statistics["serial-1"].connections < times:
            await asyncio.sleep(0.01)


async def test_truck_is_followed_and_loses_its_fix_without_going_to_zero_zero() -> None:
    sink = MemorySink()
    async with line() as (port, say, _):
        buses = Buses(on_line("nmea_gnss", "truck", port), sink)
        async with running(buses):
            await opened(buses)
            say(fix(0))
            await sink.until(lambda: len(sink.batches) == 1, "a fix")
            first = sink.last("dev-000001")
            say(fix(1, "V"))
            await sink.until(lambda: len(sink.batches) == 2, "no fix")
            second = sink.last("dev-000001")
    assert first["Position/Latitude"].value == pytest.approx(10.9300333)
    assert first["Position/Longitude"].value == pytest.approx(108.1021)
    assert first["Position/Speed"].value == 23.0
    assert first["Position/Satellites"].value == 8
    assert first["Position/Altitude"].value == 9.5
    assert second["Position/Latitude"].value == pytest.approx(10.9300333)
    assert second["Position/Latitude"].quality is Quality.STALE
    assert second["Position/Speed"].value is None
    assert sink.events == [("up", "dev-000001")]


async def test_particle_sensor_is_greeted_and_read_amid_garbage() -> None:
    sink = MemorySink()
    async with line() as (port, say, told):
        buses = Buses(on_line("plantower_pms5003", "air_station", port), sink)
        async with running(buses):
            await opened(buses)
            await asyncio.sleep(0)
            assert told() == bytes.fromhex("424DE100010171")
            damaged = bytearray(plantower(99))
            damaged[9] ^= 1
            say(b"\x00\x42garbage" + bytes(damaged) + plantower(18)[:10])
            say(plantower(18)[10:])
            await sink.until(lambda: sink.batches, "a frame")
            reading = asyncio.create_task(buses.read("dev-000001", "Air/PM2 5"))
            await asyncio.sleep(0)
            say(plantower(21))
            assert (await reading).value == 21.0
            with pytest.raises(NotWritable):
                await buses.write("dev-000001", "Air/PM2 5", 1.0)
            assert buses.statistics["serial-1"].damaged >= 1
    assert sink.last("dev-000001")["Air/PM2 5"].value in {18.0, 21.0}
    assert all(reading.value != 99 for batch in sink.batches for reading in batch.readings)


async def test_silent_line_takes_the_device_down_and_speech_brings_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_bus, "SHORTEST_SILENCE_S", 0.4)
    sink = MemorySink()
    async with line() as (port, say, _):
        buses = Buses(on_line("plantower_pms5003", "air_station", port), sink)
        async with running(buses):
            await opened(buses)
            say(plantower(18))
            await sink.until(lambda: sink.events[-1:] == [("up", "dev-000001")], "up")
            await sink.until(lambda: sink.events[-1] == ("down", "dev-000001"), "down")
            say(plantower(19))
            await sink.until(lambda: sink.events[-1] == ("up", "dev-000001"), "up again")
    assert "said nothing" in sink.reasons[0]


async def test_unplugged_port_is_noticed_and_opened_again(tmp_path: Any) -> None:
    sink = MemorySink()
    name = tmp_path / "ttyGNSS"
    master, slave = pty.openpty()
    tty.setraw(slave)
    name.symlink_to(os.ttyname(slave))
    buses = Buses(on_line("plantower_pms5003", "air_station", str(name)), sink)
    async with running(buses):
        await opened(buses)
        os.write(master, plantower(18))
        await sink.until(lambda: sink.batches, "a frame")
        os.close(slave)
        os.close(master)
        await sink.until(lambda: sink.events[-1] == ("down", "dev-000001"), "down")
        master, slave = pty.openpty()
        tty.setraw(slave)
        name.unlink()
        name.symlink_to(os.ttyname(slave))
        await opened(buses, 2)
        os.write(master, plantower(20))
        await sink.until(lambda: sink.events[-1] == ("up", "dev-000001"), "up again")
    os.close(slave)
    os.close(master)
