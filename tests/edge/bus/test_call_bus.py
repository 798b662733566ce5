"""Instruments that call the gateway: real sockets, and an answer only after the readings are kept."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from edge.bus.buses import Buses
from edge.errors import BusTimeout, NotWritable
from telemetry.readings import Batch
from tests.edge.bus.gateways import MemorySink, gateway
from tests.edge.bus.test_modbus_bus import running
from tests.edge.drivers.test_teltonika import IMEI, LOGIN, START_MS, packet, record

pytestmark = pytest.mark.anyio

OTHER = "356307042441099"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def trucks(port: int, *imeis: str, most_calls: int = 10) -> Any:
    bus = {
        "id": "trackers",
        "kind": "tcp-server",
        "host": "127.0.0.1",
        "port": port,
        "most_calls": most_calls,
    }
    devices = [
        {
            "id": f"tr-{number:06d}",
            "class": "truck",
            "instruments": [{"profile": "teltonika_codec8", "bus": "trackers", "options": {"imei": imei}}],
        }
        for number, imei in enumerate(imeis, start=1)
    ]
    return gateway([bus], devices)


class Tracker:
    """The far end of a call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def call(cls, port: int) -> Tracker:
        async with asyncio.timeout(10):
            while True:
                try:
                    return cls(*await asyncio.open_connection("127.0.0.1", port))
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)

    async def say(self, data: bytes, count: int) -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(10):
            return await self.reader.readexactly(count)

    async def ended(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read(1) == b""


class SlowSink(MemorySink):
    """Keeps what it is told to when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_keep = asyncio.Event()
        self.works = True

    async def keep(self, batch: Batch) -> bool:
        await self.may_keep.wait()
        return self.works and await super().keep(batch)


async def test_records_are_kept_before_they_are_acknowledged() -> None:
    port, sink = free_port(), SlowSink()
    async with running(Buses(trucks(port, IMEI, OTHER), sink)):
        tracker = await Tracker.call(port)
        assert await tracker.say(LOGIN, 1) == b"\x01"
        answer = asyncio.create_task(tracker.say(packet(record(START_MS), record(START_MS + 1000)), 4))
        await sink.until(lambda: sink.events, "the call")
        assert not answer.done()
        sink.may_keep.set()
        assert await answer == b"\x00\x00\x00\x02"
        assert [batch.readings[0].time_ms for batch in sink.of("tr-000001")] == [START_MS, START_MS + 1000]
        told = sink.last("tr-000001")
    assert told["Position/Latitude"].value == pytest.approx(10.9300333)
    assert told["Engine/On"].value is True
    assert told["Supply/Voltage"].value == 24.1
    assert told["Odometer/Total"].value == 1_000_000
    assert sink.events == [("up", "tr-000001")]


async def test_what_is_sent_again_is_stored_once() -> None:
    port, sink = free_port(), MemorySink()
    buses = Buses(trucks(port, IMEI), sink, last_ms={"tr-000001": START_MS})
    async with running(buses):
        tracker = await Tracker.call(port)
        await tracker.say(LOGIN, 1)
        for _ in range(2):
            assert (
                await tracker.say(packet(record(START_MS), record(START_MS + 1000)), 4) == b"\x00\x00\x00\x02"
            )
        reading = await buses.read("tr-000001", "Position/Speed")
        with pytest.raises(NotWritable):
            await buses.write("tr-000001", "Position/Speed", 1.0)
    assert (reading.value, reading.time_ms) == (23.0, START_MS + 1000)
    assert len(sink.of("tr-000001")) == 1


async def test_disk_that_does_not_keep_gets_no_acknowledgement() -> None:
    port, sink = free_port(), SlowSink()
    sink.works = False
    sink.may_keep.set()
    async with running(Buses(trucks(port, IMEI), sink)):
        tracker = await Tracker.call(port)
        await tracker.say(LOGIN, 1)
        tracker.writer.write(packet(record(START_MS)))
        assert await tracker.ended()
        sink.works = True
        again = await Tracker.call(port)
        await again.say(LOGIN, 1)
        assert await again.say(packet(record(START_MS)), 4) == b"\x00\x00\x00\x01"
    assert len(sink.of("tr-000001")) == 1


async def test_damage_strangers_and_too_many_calls_harm_nobody() -> None:
    port, sink = free_port(), MemorySink()
    buses = Buses(trucks(port, IMEI, most_calls=2), sink)
    async with running(buses):
        tracker = await Tracker.call(port)
        await tracker.say(LOGIN, 1)
        stranger = await Tracker.call(port)
        assert await stranger.say(b"\x00\x0f" + b"9" * 15, 1) == b"\x00"
        assert await stranger.ended()
        browser = await Tracker.call(port)
        browser.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await browser.ended()
        idle = await Tracker.call(port)
        crowd = await Tracker.call(port)
        assert await crowd.ended()
        damaged = bytearray(packet(record(START_MS)))
        damaged[20] ^= 1
        assert await tracker.say(bytes(damaged), 4) == bytes(4)
        assert await tracker.say(packet(record(START_MS)), 4) == b"\x00\x00\x00\x01"
        assert buses.statistics["trackers"].damaged == 2
        idle.writer.close()
    assert sink.last("tr-000001")["Position/Speed"].value == 23.0


async def test_new_call_of_a_tracker_replaces_the_one_that_it_lost() -> None:
    port = free_port()
    async with running(Buses(trucks(port, IMEI), MemorySink())):
        lost = await Tracker.call(port)
        await lost.say(LOGIN, 1)
        again = await Tracker.call(port)
        await again.say(LOGIN, 1)
        assert await again.say(packet(record(START_MS)), 4) == b"\x00\x00\x00\x01"
        assert await lost.ended()


async def test_tracker_that_does_not_call_any_more_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.bus.call_bus.SHORTEST_SILENCE_S", 0.1)
    monkeypatch.setattr("edge.bus.call_bus.LOOK_EVERY_S", 0.05)
    port, sink = free_port(), MemorySink()
    bound = trucks(port, IMEI)
    bound.devices[0].instruments[0].__dict__["every_s"] = 0.05
    async with running(Buses(bound, sink)):
        tracker = await Tracker.call(port)
        await tracker.say(LOGIN, 1)
        await sink.until(lambda: sink.events[-1:] == [("down", "tr-000001")], "down")
    assert "has not called" in sink.reasons[0]


async def test_taken_port_is_tried_again_and_nobody_called_yet_is_said() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port, sink = squatter.getsockname()[1], MemorySink()
        buses = Buses(trucks(port, IMEI), sink)
        async with running(buses):
            async with asyncio.timeout(10):
                while buses.statistics["trackers"].losses == 0:
                    await asyncio.sleep(0.01)
            with pytest.raises(BusTimeout, match="has not called"):
                await buses.read("tr-000001", "Position/Speed")
            squatter.close()
            tracker = await Tracker.call(port)
            assert await tracker.say(LOGIN, 1) == b"\x01"
