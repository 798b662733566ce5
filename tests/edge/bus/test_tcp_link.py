"""Modbus TCP by our own link, beside pymodbus' server and client."""

from __future__ import annotations

import asyncio

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer

from edge.bus.buses import Buses
from edge.bus.guard import Guard
from edge.bus.statistics import BusStatistics
from edge.bus.tcp_link import TcpLink
from edge.config import TcpBusConfig
from edge.drivers.modbus.frames import Request, words_of
from edge.errors import BusClosed, BusException, BusMismatch, BusTimeout
from tests.edge.bus.gateways import DEADLINE_S, MemorySink, gateway, lamp
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.edge.bus.test_modbus_bus import METER, running, sim_unit, tcp_bus

pytestmark = pytest.mark.anyio


def config(port: int) -> TcpBusConfig:
    return TcpBusConfig(id="cabinet", kind="modbus-tcp", host="127.0.0.1", port=port)


async def test_reads_and_refusals_are_those_of_pymodbus() -> None:
    server = ModbusTcpServer([sim_unit(1)], address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]
    client, link = AsyncModbusTcpClient("127.0.0.1", port=port), TcpLink(config(port))
    await client.connect()
    await link.open()
    guard = Guard(link, BusStatistics())
    try:
        for address, count in ((0, 1), (0, 40), (7, 73), (75, 5)):
            theirs = await client.read_holding_registers(address, count=count, device_id=1)
            ours = await guard.exchange(Request(1, 3, address, count), 5.0)
            assert list(words_of(ours.data)) == theirs.registers
        refused = await client.read_holding_registers(200, count=2, device_id=1)
        with pytest.raises(BusException) as caught:
            await guard.exchange(Request(1, 3, 200, 2), 5.0)
        assert caught.value.code == refused.exception_code
        await guard.exchange(Request(1, 5, 3, 1, (0xFF00,)), 5.0)
        assert (await client.read_coils(3, count=1, device_id=1)).bits[0] is True
    finally:
        client.close()
        link.close()
        await server.shutdown()


async def test_several_requests_under_way_get_their_own_answers_in_any_order() -> None:
    device = RawDevice({1, 2, 3, 4})
    device.fault = lambda request, frame: [(0.05 * (5 - request.unit), frame)]
    async with on_tcp(device) as port:
        link = TcpLink(config(port))
        await link.open()
        replies = await asyncio.gather(
            *(link.ask(Request(unit, 3, 100 * unit, 2), 5.0) for unit in (1, 2, 3, 4))
        )
        link.close()
    assert [words_of(reply.frame.pdu[2:]) for reply in replies] == [
        (100 * unit, 100 * unit + 1) for unit in (1, 2, 3, 4)
    ]
    assert replies[3].ended < replies[0].ended


async def test_late_answer_tells_that_the_unit_is_slow() -> None:
    device = RawDevice({1})
    device.fault = lambda request, frame: [(0.2, frame)]
    late: list[tuple[int, float, bool]] = []
    came = asyncio.Event()

    def hear(unit: int, seconds: float, is_own: bool) -> None:
        late.append((unit, seconds, is_own))
        came.set()

    async with on_tcp(device) as port:
        link = TcpLink(config(port), hear)
        await link.open()
        with pytest.raises(BusTimeout):
            await link.ask(Request(1, 3, 0, 1), 0.05)
        await asyncio.wait_for(came.wait(), DEADLINE_S)
        came.clear()
        device.fault = lambda request, frame: [(0.2, frame[:4] + b"\x00\x03" + frame[6:7] + b"\x83\x0b")]
        with pytest.raises(BusTimeout):
            await link.ask(Request(1, 3, 0, 1), 0.05)
        await asyncio.wait_for(came.wait(), DEADLINE_S)
        link.close()
    assert [(unit, is_own) for unit, _, is_own in late] == [(1, True), (1, False)]
    assert late[0][1] >= 0.19


@pytest.mark.parametrize(
    "noise",
    [
        b"\x00\x01\x00\x07\x00\x03\x01\x83\x02",
        b"\x00\x01\x00\x00\xff\xff\x01",
        b"\x00\x01\x00\x00\x00\x01\x01",
    ],
)
async def test_stream_that_holds_no_frame_is_given_up(noise: bytes) -> None:
    device = RawDevice({1})
    device.fault = lambda request, frame: [(0.0, noise)]
    async with on_tcp(device) as port:
        link = TcpLink(config(port))
        await link.open()
        with pytest.raises(BusClosed):
            await link.ask(Request(1, 3, 0, 1), 5.0)
        assert not link.is_open


async def test_answer_twice_and_answer_of_another_unit() -> None:
    device = RawDevice({1})
    device.fault = lambda request, frame: [(0.0, frame), (0.0, frame)]
    async with on_tcp(device) as port:
        link = TcpLink(config(port))
        await link.open()
        guard = Guard(link, BusStatistics())
        for address in (10, 20, 30):
            exchange = await guard.exchange(Request(1, 3, address, 1), 5.0)
            assert words_of(exchange.data) == (address,)
        device.fault = lambda request, frame: [(0.0, frame[:6] + b"\x09" + frame[7:])]
        with pytest.raises(BusMismatch, match="unit 9 answered"):
            await guard.exchange(Request(1, 3, 0, 1), 5.0)
        link.close()


async def test_pipelined_bus_has_several_requests_under_way_and_one_for_each_unit() -> None:
    device = RawDevice({1, 2, 3, 4}, registers=METER)
    under_way: list[int] = []
    most: list[int] = []

    def slowly(request: Request, frame: bytes) -> list[tuple[float, bytes]]:
        under_way.append(request.unit)
        assert under_way.count(request.unit) == 1
        most.append(len(under_way))
        asyncio.get_running_loop().call_later(0.1, under_way.remove, request.unit)
        return [(0.1, frame)]

    device.fault = slowly
    sink = MemorySink()
    async with on_tcp(device) as port:
        bus = tcp_bus(port, timeout_s=2.0) | {"pipeline": 3}
        lamps = [lamp(n, "cabinet", every_s=0.05) for n in (1, 2, 3, 4)]
        async with running(Buses(gateway([bus], lamps), sink)):
            await sink.until(lambda: all(len(sink.of(f"sl-{n:06d}")) >= 2 for n in (1, 2, 3, 4)), "all twice")
    assert max(most) == 3


async def test_gateway_that_knows_the_dead_ends_the_wait_and_keeps_the_connection() -> None:
    device = RawDevice({1, 2}, registers=METER)
    device.fault = lambda request, frame: [
        (0.0, frame if request.unit == 1 else frame[:4] + b"\x00\x03" + frame[6:7] + b"\x84\x0b")
    ]
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port, timeout_s=3.0)], [lamp(1, "cabinet"), lamp(2, "cabinet")]), sink)
        async with running(buses):
            await sink.until(lambda: len(sink.of("sl-000001")) >= 15, "scans beside the dead unit")
            statistics = buses.statistics["cabinet"]
            assert statistics.connections == 1
            assert statistics.unit(2).exceptions >= 1
            assert statistics.unit(2).requests <= 6
            assert statistics.unit(2).timeouts == 0
    assert not sink.of("sl-000002")


async def test_busy_unit_is_asked_later_and_its_points_do_not_suffer() -> None:
    device = RawDevice({1}, registers=METER)
    device.fault = lambda request, frame: [
        (0.0, frame[:4] + b"\x00\x03" + frame[6:7] + b"\x84\x06" if len(device.asked) <= 2 else frame)
    ]
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port)], [lamp(1, "cabinet")]), sink)
        async with running(buses):
            await sink.until(lambda: len(sink.batches) >= 2, "scans")
            assert buses.statistics["cabinet"].unit(1).deferrals == 2
    assert all(reading.value is not None for batch in sink.batches for reading in batch.readings)
    assert sink.events == [("up", "sl-000001")]


async def test_slow_unit_is_found_by_its_late_answers() -> None:
    """It needs more than the first patience of 0.25 s; nobody waits for the configured 3 s meanwhile."""
    device = RawDevice({1}, registers=METER)
    device.fault = lambda request, frame: [(0.4, frame)]
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port, timeout_s=3.0)], [lamp(1, "cabinet")]), sink)
        async with running(buses):
            await sink.until(lambda: len(sink.batches) >= 1, "a scan of the slow unit")
            assert buses.statistics["cabinet"].unit(1).late >= 1
