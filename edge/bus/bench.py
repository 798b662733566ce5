"""Instruments read on demand, for technicians: the agent's own lines, guards and decoding, no schedule."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

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
from edge.config import ModbusBusConfig, RtuBusConfig, SerialBusConfig, TcpBusConfig
from edge.decoding.binding import BoundInstrument
from edge.drivers.base import NativePoint, Stream
from edge.drivers.registry import find_stream_driver
from edge.errors import BusCrcError, BusTimeout


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


@asynccontextmanager
async def open_bench(
    config: RtuBusConfig | TcpBusConfig | SerialBusConfig, instruments: Sequence[BoundInstrument]
) -> AsyncIterator[Bench]:
    """The line of `config`, open while the block runs. Raises `BusClosed`."""
    if isinstance(config, SerialBusConfig):
        port = SerialPort(config)
        try:
            yield _StreamBench(port, instruments[0])
        finally:
            port.close()
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
        unit = self._units[instrument.unit]
        number = next(place for place, each in enumerate(unit.instruments) if each is instrument)
        scan = await unit.scan(frozenset((number, key) for key in keys))
        if not scan.answered:
            raise scan.failures[-1]
        return Scan(scan.points.get(number, []), scan.exchanges, scan.started, scan.ended)


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
