"""Late, short and damaged answers on real lines never become data."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from edge.bus.guard import Guard
from edge.bus.rtu_over_tcp_link import RtuOverTcpLink
from edge.bus.serial_link import SerialLink
from edge.bus.statistics import BusStatistics
from edge.bus.tcp_link import TcpLink
from edge.config import RtuBusConfig, TcpBusConfig
from edge.drivers.modbus.frames import Framing, Request, crc16, words_of
from edge.errors import BusClosed, BusCrcError, BusException, BusMismatch, BusTimeout
from tests.edge.bus.faulty_line import SHARES, try_exchanges
from tests.edge.bus.raw_device import RawDevice, on_pty, on_tcp

pytestmark = pytest.mark.anyio

TIMEOUT_S = 0.2


def rtu(port: str) -> SerialLink:
    return SerialLink(RtuBusConfig(id="rs485-1", kind="modbus-rtu", port=port, baud=115200))


def tcp(port: int) -> TcpLink:
    return TcpLink(TcpBusConfig(id="cabinet", kind="modbus-tcp", host="127.0.0.1", port=port))


def read(address: int, count: int = 2, function: int = 3, unit: int = 1) -> Request:
    return Request(unit, function, address, count)


async def test_late_answer_is_not_taken_for_the_next_requests() -> None:
    """The fault of facts §3.6: the answer to 1000-1001 comes 50 ms after its time-out."""
    device = RawDevice({1})
    statistics = BusStatistics()

    def late_once(request: Request, frame: bytes) -> list[tuple[float, bytes]]:
        return [(TIMEOUT_S + 0.05 if len(device.asked) == 1 else 0.0, frame)]

    device.fault = late_once
    async with on_pty(device) as port:
        link = rtu(port)
        await link.open()
        guard = Guard(link, statistics)
        with pytest.raises(BusTimeout):
            await guard.exchange(read(1000), TIMEOUT_S)
        exchange = await guard.exchange(read(2000), TIMEOUT_S)
        link.close()
    assert words_of(exchange.data) == (2000, 2001)
    assert statistics.unit(1).resyncs >= 1
    assert statistics.unit(1).timeouts == 1


async def test_always_late_unit_gives_errors_and_never_wrong_values() -> None:
    """Every answer comes after the time-out, into the next request's window."""
    device = RawDevice({1})
    device.fault = lambda request, frame: [(TIMEOUT_S + 0.03, frame)]
    async with on_pty(device) as port:
        link = rtu(port)
        await link.open()
        guard = Guard(link, BusStatistics())
        for number in range(6):
            with pytest.raises((BusTimeout, BusMismatch)):
                await guard.exchange(read(1000 + 10 * number), TIMEOUT_S)
        device.fault = None
        for _ in range(3):
            try:
                exchange = await guard.exchange(read(3000), TIMEOUT_S)
            except (BusTimeout, BusMismatch):
                continue
            assert words_of(exchange.data) == (3000, 3001)
            break
        else:
            raise AssertionError("the unit answers in time again, but is not believed")
        link.close()


async def test_late_coils_are_told_apart_although_eight_share_a_byte() -> None:
    device = RawDevice({1}, coils={0: True, 40: False})

    def late_once(request: Request, frame: bytes) -> list[tuple[float, bytes]]:
        return [(TIMEOUT_S + 0.03 if len(device.asked) == 1 else 0.0, frame)]

    device.fault = late_once
    async with on_pty(device) as port:
        link = rtu(port)
        await link.open()
        guard = Guard(link, BusStatistics())
        with pytest.raises(BusTimeout):
            await guard.exchange(read(0, 8, 1), TIMEOUT_S)
        exchange = await guard.exchange(read(40, 8, 1), TIMEOUT_S)
        link.close()
    assert exchange.data == b"\x00"


@pytest.mark.parametrize("line", ["rtu", "tcp"])
async def test_answer_of_wrong_length_is_refused(line: str) -> None:
    """Three registers where four were asked for: pymodbus alone takes them."""
    device = RawDevice({1})

    def short(request: Request, frame: bytes) -> list[tuple[float, bytes]]:
        body = bytes([1, 3, 6, 0, 0, 0, 1, 0, 2])
        if line == "rtu":
            return [(0.0, body + crc16(body).to_bytes(2, "little"))]
        return [(0.0, frame[:4] + len(body).to_bytes(2, "big") + body)]

    device.fault = short
    async with on_pty(device) as port, on_tcp(device) as tcp_port:
        link = rtu(port) if line == "rtu" else tcp(tcp_port)
        await link.open()
        with pytest.raises(BusMismatch, match="6 data bytes instead of 8"):
            await Guard(link, BusStatistics()).exchange(read(0, 4), TIMEOUT_S)
        link.close()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda frame: [(0.0, frame[:-2] + b"\x00\x00")], BusCrcError, "no whole frame"),
        (lambda frame: [(0.0, frame[:-3])], BusCrcError, "no whole frame"),
        (lambda frame: [(0.0, b"\xff\x00\x13")], BusCrcError, "3 bytes came"),
        (lambda frame: [], BusTimeout, "no answer within"),
        (lambda frame: [(0.0, _rtu(5, frame[1:-2]))], BusMismatch, "unit 5 answered"),
        (lambda frame: [(0.0, _rtu(1, b"\x04" + frame[2:-2]))], BusMismatch, "answer is for function 4"),
        (lambda frame: [(0.0, _rtu(1, b"\x83\x02"))], BusException, "illegal data address"),
        (lambda frame: [(0.0, frame + frame)], BusMismatch, "2 frames came"),
    ],
    ids=["crc", "cut", "garbage", "silence", "other-unit", "other-function", "exception", "twice"],
)
async def test_each_damage_on_a_serial_line_has_its_name(change, error, says) -> None:  # type: ignore[no-untyped-def]
    device = RawDevice({1})
    device.fault = lambda request, frame: change(frame)
    async with on_pty(device) as port:
        link = rtu(port)
        await link.open()
        guard = Guard(link, BusStatistics())
        with pytest.raises(error, match=says):
            await guard.exchange(read(100), TIMEOUT_S)
        device.fault = None
        exchange = await guard.exchange(read(500), TIMEOUT_S)
        link.close()
    assert words_of(exchange.data) == (500, 501)


def _rtu(unit: int, pdu: bytes) -> bytes:
    body = bytes([unit]) + pdu
    return body + crc16(body).to_bytes(2, "little")


async def test_answer_amid_noise_is_found() -> None:
    device = RawDevice({1})
    device.fault = lambda request, frame: [(0.0, b"\x00" + frame)]
    async with on_pty(device) as port:
        link = rtu(port)
        await link.open()
        exchange = await Guard(link, BusStatistics()).exchange(read(7), TIMEOUT_S)
        link.close()
    assert words_of(exchange.data) == (7, 8)


async def test_answer_in_pieces_is_put_together() -> None:
    device = RawDevice({1})
    device.fault = lambda request, frame: [(0.01 * n, frame[n : n + 1]) for n in range(len(frame))]
    async with on_pty(device) as port, on_tcp(device) as tcp_port:
        for link in (rtu(port), tcp(tcp_port)):
            await link.open()
            exchange = await Guard(link, BusStatistics()).exchange(read(7), 1.0)
            assert words_of(exchange.data) == (7, 8)
            link.close()


async def test_late_answer_on_tcp_is_told_by_its_transaction_number() -> None:
    device = RawDevice({1})

    def late_once(request: Request, frame: bytes) -> list[tuple[float, bytes]]:
        return [(TIMEOUT_S + 0.02 if len(device.asked) == 1 else 0.05, frame)]

    device.fault = late_once
    async with on_tcp(device) as port:
        link = tcp(port)
        await link.open()
        guard = Guard(link, BusStatistics())
        with pytest.raises(BusTimeout):
            await guard.exchange(read(1000), TIMEOUT_S)
        exchange = await guard.exchange(read(2000), TIMEOUT_S)
        link.close()
    assert words_of(exchange.data) == (2000, 2001)


async def test_connection_lost_in_the_middle_ends_the_wait_at_once() -> None:
    device = RawDevice({1})
    device.fault = lambda request, frame: []
    async with on_tcp(device) as port:
        link = tcp(port)
        await link.open()
        waiting = asyncio.create_task(Guard(link, BusStatistics()).exchange(read(1), 30.0))
        while not device.asked:
            await asyncio.sleep(0.01)
        device.hang_up()
        with pytest.raises(BusClosed):
            await asyncio.wait_for(waiting, 5)
    assert not link.is_open


async def test_port_in_use_is_said() -> None:
    async with on_pty(RawDevice({1})) as port:
        first = rtu(port)
        await first.open()
        with pytest.raises(BusClosed, match="in use by another program"):
            await rtu(port).open()
        first.close()
        second = rtu(port)
        await second.open()
        second.close()


async def test_missing_port_and_refused_connection_are_said() -> None:
    with pytest.raises(BusClosed, match="does not exist"):
        await rtu("/dev/ttyNOSUCH").open()
    with pytest.raises(BusClosed, match="cannot connect"):
        await tcp(1).open()


async def test_no_wrong_value_among_faulty_answers() -> None:
    """Late, short, doubled, damaged, missing and foreign answers at random; `make bench-bus` makes 10,000."""
    tally = await try_exchanges(300, seed=7)
    assert tally.wrong == 0, tally.examples
    assert tally.right > 150
    assert set(tally.faults) == {*SHARES, "right"}


async def test_answer_that_looks_like_an_earlier_one_must_come_twice() -> None:
    """Registers that hold the same are believed, at the price of one more request."""
    device = RawDevice({1}, registers=dict.fromkeys(range(100), 5))
    async with on_pty(device) as port:
        link = rtu(port)
        await link.open()
        guard = Guard(link, BusStatistics())
        for address in (10, 20, 10, 20):
            assert words_of((await guard.exchange(read(address), 1.0)).data) == (5, 5)
        link.close()
    addresses = [each.address for each in device.asked if each.count == 2]
    assert addresses == [10, 20, 20, 10, 20]


def over_tcp(port: int) -> RtuOverTcpLink:
    config = TcpBusConfig(id="server", kind="modbus-rtu-over-tcp", host="127.0.0.1", port=port)
    return RtuOverTcpLink(config)


async def test_transparent_serial_server_is_guarded_like_a_serial_line() -> None:
    device = RawDevice({1})

    def spoil(request: Request, frame: bytes) -> list[tuple[float, bytes]]:
        match request.address:
            case 1000:
                return [(TIMEOUT_S + 0.05, frame)]
            case 3000:
                return [(0.0, frame[:-2] + b"\0\0")]
            case 4000:
                return [(0.0, frame[:4]), (0.03, frame[4:])]
        return [(0.0, frame)]

    device.fault = spoil
    async with on_tcp(device, Framing.RTU) as port:
        link = over_tcp(port)
        await link.open()
        statistics = BusStatistics()
        guard = Guard(link, statistics)
        assert words_of((await guard.exchange(read(100), 5.0)).data) == (100, 101)
        with pytest.raises(BusTimeout):
            await guard.exchange(read(1000), TIMEOUT_S)
        assert words_of((await guard.exchange(read(2000), 5.0)).data) == (2000, 2001)
        assert statistics.unit(1).resyncs >= 1
        with pytest.raises(BusCrcError):
            await guard.exchange(read(3000), TIMEOUT_S)
        assert words_of((await guard.exchange(read(4000), 5.0)).data) == (4000, 4001)
        device.hang_up()
        device.fault = lambda request, frame: []
        with pytest.raises(BusClosed):
            await guard.exchange(read(1), 60.0)
        link.close()
    with pytest.raises(BusClosed, match="cannot connect"):
        await over_tcp(port).open()


async def test_port_that_goes_away_ends_the_wait_at_once() -> None:
    device = RawDevice({1})
    device.fault = lambda request, frame: []
    async with on_pty(device) as port:
        link = rtu(port)
        await link.open()
        waiting = asyncio.create_task(Guard(link, BusStatistics()).exchange(read(1), 60.0))
        while not device.asked:
            await asyncio.sleep(0.01)
    with pytest.raises(BusClosed, match="is gone"):
        await asyncio.wait_for(waiting, 10)
    assert not link.is_open


async def test_settings_that_a_port_cannot_have_are_a_closed_port_and_no_crash(tmp_path: Path) -> None:
    """A file has no speed at all; a real adapter may lack the one that is wanted."""
    port = tmp_path / "port"
    port.write_bytes(b"")
    with pytest.raises(BusClosed, match="with these settings"):
        await rtu(str(port)).open()


async def test_port_is_held_against_programs_that_ask_for_no_lock() -> None:
    async with on_pty(RawDevice({1})) as port:
        link = rtu(port)
        await link.open()
        handle = os.open(port, os.O_RDWR | os.O_NOCTTY)  # root may
        held = array.array("i", [0])
        fcntl.ioctl(handle, 0x80045440, held)  # TIOCGEXCL
        link.close()
        free = array.array("i", [0])
        fcntl.ioctl(handle, 0x80045440, free)
        os.close(handle)
    assert (held[0], free[0]) == (1, 0)
