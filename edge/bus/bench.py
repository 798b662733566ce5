"""Instruments read on demand, for technicians: the agent's own lines, guards and decoding, no schedule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from edge.bus.guard import Guard
from edge.bus.modbus_bus import line_speed, quiet_time_s
from edge.bus.modbus_reader import ModbusReader, Scan, Unit
from edge.bus.pymodbus_link import PymodbusLink
from edge.bus.serial_port import SerialPort
from edge.bus.statistics import BusStatistics
from edge.bus.stream_bus import PAUSE_S
from edge.config import ModbusBusConfig, RtuBusConfig, SerialBusConfig, TcpBusConfig
from edge.decoding.binding import BoundInstrument
from edge.drivers.base import Stream
from edge.drivers.registry import find_stream_driver
from edge.errors import BusCrcError, BusException, BusTimeout


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
    link = PymodbusLink(config)
    await link.open()
    try:
        yield _ModbusBench(config, link, instruments)
    finally:
        link.close()


class _ModbusBench:
    def __init__(
        self, config: ModbusBusConfig, link: PymodbusLink, instruments: Sequence[BoundInstrument]
    ) -> None:
        statistics = BusStatistics()
        guard = Guard(link, statistics, quiet_time_s(config))
        speed = line_speed(config)
        units = {each.unit: Unit(speed) for each in instruments}
        self._readers = {
            each.name: ModbusReader(each, units[each.unit], guard, statistics, speed) for each in instruments
        }

    async def scan(self, instrument: BoundInstrument, keys: frozenset[str]) -> Scan:
        reader = self._readers[instrument.name]
        scan = await reader.scan(keys)
        if not scan.answered:
            raise scan.failures[-1]
        if any(isinstance(failure, BusException) for failure in scan.failures):
            await self._singly(reader, scan)
        return scan

    async def _singly(self, reader: ModbusReader, scan: Scan) -> None:
        """Ask for what was refused point by point: some models lack some of a family's points."""
        for place, point in enumerate(scan.points):
            if point.value is None and not point.raw:
                alone = await reader.scan(frozenset({point.key}))
                scan.exchanges += alone.exchanges
                scan.points[place] = next(each for each in alone.points if each.key == point.key)


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
