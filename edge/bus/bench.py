"""Instruments read on demand, for technicians: the agent's own lines, guards and decoding, no schedule."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edge.bus.dialogue import SerialDialogue
from edge.bus.gpio import GpioChip
from edge.bus.guard import Guard
from edge.bus.jobs import by_unit
from edge.bus.learned_file import LearnedFile
from edge.bus.link import Exchange, ModbusLink
from edge.bus.links import make_link
from edge.bus.modbus_unit import ModbusUnit
from edge.bus.pace import line_speed, quiet_time_s
from edge.bus.serial_port import SerialPort
from edge.bus.statistics import BusStatistics
from edge.bus.stream_bus import PAUSE_S
from edge.config import BusConfig, GpioBusConfig, ModbusBusConfig, SerialBusConfig, TcpServerBusConfig
from edge.decoding.binding import BoundInstrument
from edge.drivers.base import AskDriver, NativePoint, Stream
from edge.drivers.registry import find_driver, find_input_driver, find_stream_driver
from edge.errors import BusClosed, BusCrcError, BusTimeout


@dataclass(frozen=True, slots=True)
class Scan:
    """What one scan of an instrument brought."""

    points: Sequence[NativePoint]
    exchanges: Sequence[Exchange] = ()
    started: float = 0.0
    ended: float = 0.0


class Bench(Protocol):
    """An open line."""

    async def scan(self, instrument: BoundInstrument, keys: frozenset[str]) -> Scan:
        """Read `keys` of an instrument of this line.

        Raises:
            BusError: the instrument does not answer at all, or the line is lost.
        """
        ...


@runtime_checkable
class WritingBench(Bench, Protocol):
    """An open line whose instruments take values."""

    async def write(self, instrument: BoundInstrument, key: str, native: float | bool) -> None:
        """Write one point of an instrument of this line. Raises BusError."""
        ...


@asynccontextmanager
async def open_bench(config: BusConfig, instruments: Sequence[BoundInstrument]) -> AsyncIterator[Bench]:
    """The line of `config`, open while the block runs. Raises `BusClosed`."""
    if isinstance(config, SerialBusConfig):
        port = SerialPort(config)
        try:
            yield _serial_bench(config, port, instruments[0])
        finally:
            port.close()
        return
    if isinstance(config, TcpServerBusConfig):
        raise BusClosed(
            f"{config.place} waits for instruments that call by themselves: nothing can be asked. "
            "Run the agent and watch its log for `call-began`"
        )
    if isinstance(config, GpioBusConfig):
        with GpioChip(config.chip) as chip:
            yield _InputBench(chip)
        return
    link = make_link(config)
    await link.open()
    try:
        yield _ModbusBench(config, link, instruments)
    finally:
        link.close()


class _ModbusBench:
    def __init__(
        self, config: ModbusBusConfig, link: ModbusLink, instruments: Sequence[BoundInstrument]
    ) -> None:
        statistics, speed = BusStatistics(), line_speed(config)
        guard = Guard(link, statistics, quiet_time_s(config), per_byte_s=speed.per_byte_s)
        self._units = {
            number: ModbusUnit(
                number,
                each,
                guard,
                statistics=statistics,
                speed=speed,
                learned=LearnedFile(None),
                searches=sys.maxsize,
            )
            for number, each in by_unit(instruments).items()
        }

    async def scan(self, instrument: BoundInstrument, keys: frozenset[str]) -> Scan:
        unit, number = self._find(instrument)
        scan = await unit.scan(frozenset((number, key) for key in keys))
        if not scan.answered:
            raise scan.failures[-1]
        return Scan(scan.points.get(number, []), scan.exchanges, scan.started, scan.ended)

    async def write(self, instrument: BoundInstrument, key: str, native: float | bool) -> None:
        unit, number = self._find(instrument)
        await unit.write(number, key, native)

    def _find(self, instrument: BoundInstrument) -> tuple[ModbusUnit, int]:
        unit = self._units[instrument.unit]
        return unit, next(place for place, each in enumerate(unit.instruments) if each is instrument)


def _serial_bench(config: SerialBusConfig, port: SerialPort, instrument: BoundInstrument) -> Bench:
    driver = find_driver(instrument.profile.driver)
    if isinstance(driver, AskDriver):
        return _AskBench(SerialDialogue(port, config.baud, config.bits_per_character), driver)
    return _StreamBench(port, instrument)


class _AskBench:
    def __init__(self, line: SerialDialogue, driver: AskDriver) -> None:
        self._line = line
        self._driver = driver

    async def scan(self, instrument: BoundInstrument, keys: frozenset[str]) -> Scan:
        loop = asyncio.get_running_loop()
        started = loop.time()
        points = await self._driver.scan(self._line, instrument.profile, keys)
        wanted = [point for point in points if point.key in keys]
        return Scan(wanted, started=started, ended=loop.time())


class _InputBench:
    def __init__(self, chip: GpioChip) -> None:
        self._chip = chip

    async def scan(self, instrument: BoundInstrument, keys: frozenset[str]) -> Scan:
        driver = find_input_driver(instrument.profile.driver)
        lines = driver.inputs(instrument.profile)
        now = asyncio.get_running_loop().time()
        with self._chip.request(lines) as request:
            states = request.states()
        points = driver.reader(instrument.profile, {}, states).scan(now)
        return Scan([point for point in points if point.key in keys], started=now, ended=now)


class _StreamBench:
    def __init__(self, port: SerialPort, instrument: BoundInstrument) -> None:
        driver = find_stream_driver(instrument.profile.driver)
        self._port = port
        self._stream: Stream = driver.stream(instrument.profile)
        port.write(driver.greeting(instrument.profile))

    async def scan(self, instrument: BoundInstrument, keys: frozenset[str]) -> Scan:
        loop = asyncio.get_running_loop()
        patience_s = max(5.0, 2 * instrument.every_s)
        started = loop.time()
        while loop.time() < started + patience_s:
            data = await self._port.read(PAUSE_S)
            scans = self._stream.feed(data) if data else self._stream.flush()
            if scans:
                points = [point for point in scans[-1] if point.key in keys]
                return Scan(points, started=started, ended=loop.time())
        if self._stream.faults:
            raise BusCrcError(
                f"{instrument.name}: {self._stream.faults} damaged frames, no good one: check speed"
            )
        raise BusTimeout(
            f"{instrument.name} said nothing for {patience_s:g} s: check wiring, power and speed"
        )
