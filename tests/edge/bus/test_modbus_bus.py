"""Buses against real Modbus servers and against units that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import random
import struct
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge.bus.buses import Buses
from edge.drivers.modbus.frames import Request
from edge.errors import BusClosed, BusException, BusTimeout, NotWritable
from telemetry.readings import Quality
from tests.edge.bus.gateways import MemorySink, gateway, lamp
from tests.edge.bus.raw_device import RawDevice, on_pty, on_tcp

pytestmark = pytest.mark.anyio

VOLTS = dict(enumerate(struct.unpack(">2H", struct.pack(">f", 230.2))))
METER = VOLTS | dict.fromkeys(range(2, 80), 0)


@asynccontextmanager
async def running(buses: Buses) -> AsyncIterator[None]:
    """The buses as a task while the block runs."""
    task = asyncio.create_task(buses.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def tcp_bus(port: int, *, timeout_s: float = 0.3, name: str = "cabinet") -> dict[str, Any]:
    return {"id": name, "kind": "modbus-tcp", "host": "127.0.0.1", "port": port, "timeout_s": timeout_s}


def rtu_bus(port: str, *, timeout_s: float = 0.3) -> dict[str, Any]:
    return {"id": "rs485-1", "kind": "modbus-rtu", "port": port, "baud": 115200, "timeout_s": timeout_s}


def sim_unit(unit: int) -> SimDevice:
    coils = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    registers = [
        SimData(0, values=[METER[n] for n in range(80)], datatype=DataType.REGISTERS),
        SimData(0x166, values=[100], datatype=DataType.REGISTERS),
    ]
    return SimDevice(unit, simdata=(coils, coils, registers, registers))


async def test_real_server_on_tcp_is_polled() -> None:
    server = ModbusTcpServer([sim_unit(1), sim_unit(2)], address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]
    sink = MemorySink()
    buses = Buses(gateway([tcp_bus(port)], [lamp(1, "cabinet"), lamp(2, "cabinet")]), sink)
    try:
        async with running(buses):
            await sink.until(lambda: len(sink.of("sl-000001")) > 2 and len(sink.of("sl-000002")) > 2, "scans")
    finally:
        await server.shutdown()
    last = sink.last("sl-000001")
    assert last["Power/Voltage"].value == 230.2
    assert last["Power/Voltage"].quality is Quality.GOOD
    assert set(sink.events) == {("up", "sl-000001"), ("up", "sl-000002")}
    times = [batch.readings[0].time_ms for batch in sink.of("sl-000001")]
    assert times == sorted(set(times))
    for batch in sink.batches:
        assert len({reading.time_ms for reading in batch.readings}) == 1


async def test_real_server_on_a_serial_line_is_polled_and_obeys() -> None:
    master, slave = pty.openpty()
    server_master, server_slave = pty.openpty()
    for each in (master, slave, server_master, server_slave):
        tty.setraw(each)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, lambda: os.write(server_master, os.read(master, 512)))
    loop.add_reader(server_master, lambda: os.write(master, os.read(server_master, 512)))
    server = ModbusSerialServer([sim_unit(1)], framer=FramerType.RTU, port=os.ttyname(server_slave))
    await server.serve_forever(background=True)
    device = lamp(1, "rs485-1")
    device["instruments"][0].update(profile="waveshare_relay8", map={"relay_1": None, "relay_3": "Lamp/On"})
    sink = MemorySink()
    buses = Buses(gateway([rtu_bus(os.ttyname(slave))], [device]), sink)
    try:
        async with running(buses):
            await sink.until(lambda: sink.batches, "a scan")
            assert sink.last("sl-000001")["Lamp/On"].value is False
            await buses.write("sl-000001", "Lamp/On", True)
            assert (await buses.read("sl-000001", "Lamp/On")).value is True
            await buses.write("sl-000001", "Lamp/On", False)
            assert (await buses.read("sl-000001", "Lamp/On")).value is False
    finally:
        await server.shutdown()
        loop.remove_reader(master)
        loop.remove_reader(server_master)
        for each in (master, slave, server_master, server_slave):
            os.close(each)


@pytest.mark.parametrize("line", ["tcp", "rtu"])
async def test_three_dead_of_twenty_units_leave_the_others_alone(line: str) -> None:
    """Target: at least 95 % of the healthy units' scans, from the moment that the dead are known."""
    dead = {3, 9, 17}
    device = RawDevice(set(range(1, 21)) - dead)
    sink = MemorySink()
    async with on_tcp(device) as port, on_pty(device) as tty_name:
        bus = tcp_bus(port) if line == "tcp" else rtu_bus(tty_name)
        lamps = [lamp(n, bus["id"], every_s=0.5) for n in range(1, 21)]
        buses = Buses(gateway([bus], lamps), sink, chance=random.Random(1))
        async with running(buses):
            await sink.until(lambda: len(sink.of("sl-000020")) >= 2, "the dead are known")
            before = len(sink.batches)
            started = asyncio.get_running_loop().time()
            await sink.until(lambda: asyncio.get_running_loop().time() > started + 2.5, "a while")
            elapsed = asyncio.get_running_loop().time() - started
            scans = len(sink.batches) - before
            statistics = buses.statistics[bus["id"]]
    assert scans >= 0.95 * 17 * (elapsed / 0.5 - 1)
    assert not any(sink.of(f"sl-{number:06d}") for number in dead)
    assert {device for _, device in sink.events}.isdisjoint({f"sl-{number:06d}" for number in dead})
    assert statistics.probing_s <= 0.05 * (elapsed + 3) + 0.3


async def test_silent_device_goes_down_and_comes_back() -> None:
    device = RawDevice({1, 2}, registers=METER)
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port, timeout_s=0.1)], [lamp(1, "cabinet"), lamp(2, "cabinet")]), sink)
        async with running(buses):
            await sink.until(lambda: ("up", "sl-000001") in sink.events, "up")
            device.units.discard(1)
            await sink.until(lambda: ("down", "sl-000001") in sink.events, "down")
            device.units.add(1)
            await sink.until(lambda: sink.events.count(("up", "sl-000001")) == 2, "up again")
    assert ("down", "sl-000002") not in sink.events
    assert "no answer" in sink.reasons[0]


async def test_silent_instrument_of_a_living_device_makes_only_its_metrics_unknown() -> None:
    device = RawDevice({1, 10}, registers=METER)
    pole = lamp(1, "cabinet")
    pole["instruments"].append(
        {"profile": "waveshare_relay8", "bus": "cabinet", "unit_id": 10, "every_s": 0.1}
    )
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port, timeout_s=0.1)], [pole]), sink)
        async with running(buses):
            await sink.until(lambda: any("Lamp/On" in _metrics(b) for b in sink.batches), "the relay")
            device.units.discard(10)
            await sink.until(
                lambda: any(r.quality is Quality.STALE for b in sink.batches for r in b.readings), "stale"
            )
    stale = [r for b in sink.batches for r in b.readings if r.quality is Quality.STALE]
    assert {reading.metric for reading in stale} == {"Lamp/On"}
    assert all(reading.value is None and reading.reason for reading in stale)
    assert sink.events == [("up", "sl-000001")]


def _metrics(batch: Any) -> set[str]:
    return {reading.metric for reading in batch.readings}


async def test_refused_registers_are_bad_while_the_others_are_read() -> None:
    """Illegal addresses inside a hole stop the merging; illegal wanted ones only spoil themselves."""
    device = RawDevice({1}, registers=METER, illegal={0x10, 0x46, 0x47})
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port)], [lamp(1, "cabinet")]), sink)
        async with running(buses):
            await sink.until(lambda: len(sink.batches) >= 3, "scans")
    first = {reading.metric: reading for reading in sink.batches[0].readings}
    assert first["Power/Voltage"].value == 230.2
    last = sink.last("sl-000001")
    assert last["Power/Voltage"].value == 230.2
    assert last["Power/Frequency"].value is None
    assert last["Power/Frequency"].quality is Quality.BAD
    assert "illegal data address" in last["Power/Frequency"].reason


async def test_lost_connection_takes_devices_down_and_is_made_again() -> None:
    device = RawDevice({1}, registers=METER)
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port)], [lamp(1, "cabinet")]), sink, chance=random.Random(1))
        async with running(buses):
            await sink.until(lambda: sink.batches, "a scan")
            device.hang_up()
            await sink.until(lambda: ("down", "sl-000001") in sink.events, "down")
            with pytest.raises(BusClosed):
                await buses.read("sl-000001", "Power/Voltage")
            await sink.until(lambda: sink.events[-1] == ("up", "sl-000001"), "up again")
        assert buses.statistics["cabinet"].connections == 2
        assert buses.statistics["cabinet"].losses == 1


async def test_overload_goes_at_the_speed_of_the_line() -> None:
    device = RawDevice(set(range(1, 11)), registers=METER)
    device.fault = lambda request, frame: [(0.01, frame)]
    sink = MemorySink()
    async with on_tcp(device) as port:
        lamps = [lamp(n, "cabinet", every_s=0.05) for n in range(1, 11)]
        buses = Buses(gateway([tcp_bus(port)], lamps), sink)
        async with running(buses):
            await sink.until(lambda: len(sink.batches) > 60, "scans under overload")
    counts = [len(sink.of(f"sl-{n:06d}")) for n in range(1, 11)]
    assert max(counts) - min(counts) <= 1
    assert sum(unit.overruns for unit in buses.statistics["cabinet"].units.values()) > 20


def valve(bus: str) -> dict[str, Any]:
    return {
        "id": "wm-000001",
        "class": "water_meter",
        "instruments": [{"profile": "belimo_mod_actuator", "bus": bus, "unit_id": 1, "every_s": 0.1}],
    }


async def test_valve_is_ordered_by_state_and_told_by_position() -> None:
    device = RawDevice({1}, registers=dict.fromkeys(range(200), 0))
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port)], [valve("cabinet")]), sink)
        async with running(buses):
            await sink.until(lambda: sink.batches, "a scan")
            assert (await buses.read("wm-000001", "Valve/Position")).value == 0
            await buses.write("wm-000001", "Valve/Position", 1)
            assert device.registers[0] == 10_000
            for position, state in ((0, 0), (5_000, 2), (10_000, 1)):
                device.registers[4] = position
                assert (await buses.read("wm-000001", "Valve/Position")).value == state
            assert (await buses.read("wm-000001", "Valve/Opening")).value == 100
            await buses.write("wm-000001", "Valve/Opening", 37.5)
            assert device.registers[0] == 3_750
            asked = len(device.asked)
            for metric, value in (
                ("Valve/Position", 2),
                ("Valve/Position", 7),
                ("Valve/Position", None),
                ("Valve/Position", "open"),
                ("Valve/Opening", 101.0),
                ("Valve/Fault", 1),
                ("Flow/Rate", 1.0),
            ):
                with pytest.raises(NotWritable):
                    await buses.write("wm-000001", metric, value)  # type: ignore[arg-type]
            assert all(each.is_read for each in device.asked[asked:])


async def test_orders_overtake_polls_and_say_what_went_wrong() -> None:
    device = RawDevice({1}, registers=METER, coils={})
    device.fault = lambda request, frame: [(0.05, frame)]
    lamps = [lamp(n, "cabinet", every_s=0.05) for n in (2, 3, 4, 5)]
    device.units |= {2, 3, 4, 5}
    relay = lamp(1, "cabinet", profile="waveshare_relay8")
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port)], [relay, *lamps]), sink)
        async with running(buses):
            await sink.until(lambda: len(sink.batches) > 10, "a loaded bus")
            before = len(device.asked)
            await buses.write("sl-000001", "Lamp/On", True)
            position = [each.function for each in device.asked[before:]].index(5)
            assert position <= 1
            device.fault = lambda request, frame: [] if request.function == 5 else [(0.0, frame)]
            with pytest.raises(BusTimeout):
                await buses.write("sl-000001", "Lamp/On", False)
            device.fault = lambda request, frame: [
                (0.0, frame[:4] + b"\x00\x03\x01\x85\x04") if request.function == 5 else (0.0, frame)
            ]
            with pytest.raises(BusException, match="device failure"):
                await buses.write("sl-000001", "Lamp/On", False)


async def test_relay_is_written_on_and_off_and_never_toggled() -> None:
    device = RawDevice({1}, coils={0: True})
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port)], [lamp(1, "cabinet", profile="waveshare_relay8")]), sink)
        async with running(buses):
            await sink.until(lambda: sink.batches, "a scan")
            for on in (True, True, False, False):
                await buses.write("sl-000001", "Lamp/On", on)
                assert device.coils[0] is on
    values = [each.values[0] for each in device.asked if each.function == 5]
    assert values == [0xFF00, 0xFF00, 0x0000, 0x0000]


async def test_slow_sink_slows_polls_but_not_orders() -> None:
    device = RawDevice({1}, coils={})
    released = asyncio.Event()

    class SlowSink(MemorySink):
        async def accept(self, batch: Any) -> None:
            await super().accept(batch)
            await released.wait()

    sink = SlowSink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port)], [lamp(1, "cabinet", profile="waveshare_relay8")]), sink)
        async with running(buses):
            await sink.until(lambda: sink.batches, "a scan")
            await asyncio.wait_for(buses.write("sl-000001", "Lamp/On", True), 5)
            assert device.coils[0] is True
            assert len(sink.batches) == 1
            released.set()
            await sink.until(lambda: len(sink.batches) > 2, "polls go on")


async def test_unit_of_the_late_window_is_left_alone_while_others_are_served() -> None:
    device = RawDevice({1, 2}, registers=METER)
    silent_at: list[float] = []

    def fault(request: Request, frame: bytes) -> list[tuple[float, bytes]]:
        if request.unit == 1:
            silent_at.append(asyncio.get_running_loop().time())
            return []
        return [(0.0, frame)]

    device.fault = fault
    sink = MemorySink()
    async with on_pty(device) as port:
        bus = rtu_bus(port, timeout_s=0.1)
        async with running(Buses(gateway([bus], [lamp(n, "rs485-1", every_s=0.05) for n in (1, 2)]), sink)):
            await sink.until(lambda: len(silent_at) >= 2, "two questions to the silent unit")
    assert silent_at[1] - silent_at[0] >= 0.2
    assert len(sink.of("sl-000002")) >= 3
