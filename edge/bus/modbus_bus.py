"""One Modbus line: connects, polls by deadline, obeys orders, and isolates units that do not answer."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Sequence
from typing import Final

from edge.bus.backoff import Backoff
from edge.bus.breaker import Breaker, ProbeBudget
from edge.bus.guard import Guard
from edge.bus.link import ModbusLink
from edge.bus.modbus_reader import LineSpeed, ModbusReader, Scan, Unit
from edge.bus.orders import Orders, Priority
from edge.bus.presence import Presence
from edge.bus.pymodbus_link import PymodbusLink
from edge.bus.schedule import Schedule
from edge.bus.stamps import Stamps
from edge.bus.statistics import BusStatistics
from edge.config import RtuBusConfig, TcpBusConfig
from edge.decoding.binding import BoundInstrument
from edge.decoding.mapping import Mapping, Order
from edge.decoding.readings import readings_of, unknown_readings
from edge.drivers.modbus.frames import Framing
from edge.drivers.modbus.planner import TCP_COST, serial_cost
from edge.errors import BusClosed, BusLate
from edge.ports import ReadingSink
from telemetry.readings import Batch, Reading

logger = logging.getLogger(__name__)

SERIAL_FLOOR_S: Final = 0.1
NETWORK_FLOOR_S: Final = 0.25
LONGEST_RECONNECT_S: Final = 30.0
OPENING_S: Final = 60.0
"""Opening a line takes no longer, whatever network or driver do."""


def line_speed(config: RtuBusConfig | TcpBusConfig) -> LineSpeed:
    """Costs and patience of a line as configured."""
    if isinstance(config, RtuBusConfig):
        bits = config.bits_per_character
        cost = serial_cost(config.baud, bits)
        return LineSpeed(cost, bits / config.baud, config.timeout_s, SERIAL_FLOOR_S)
    return LineSpeed(TCP_COST, 0.0, config.timeout_s, NETWORK_FLOOR_S)


def quiet_time_s(config: RtuBusConfig | TcpBusConfig) -> float:
    """Silence after which a line counts as empty: 3.5 characters."""
    return 3.5 * config.bits_per_character / config.baud if isinstance(config, RtuBusConfig) else 0.0


class ModbusBus:
    """The task of one line."""

    def __init__(
        self,
        config: RtuBusConfig | TcpBusConfig,
        instruments: Sequence[BoundInstrument],
        sink: ReadingSink,
        presence: Presence,
        stamps: Stamps,
        *,
        link: ModbusLink | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.id = config.id
        self.statistics = BusStatistics()
        self._sink = sink
        self._presence = presence
        self._stamps = stamps
        self._chance = chance or random.Random()  # noqa: S311, spreads retries, keeps no secret
        self._link = link or PymodbusLink(config)
        self._guard = Guard(self._link, self.statistics, quiet_time_s(config))
        speed = line_speed(config)
        units = {each.unit: Unit(speed) for each in instruments}
        self._readers = {
            each.name: ModbusReader(each, units[each.unit], self._guard, self.statistics, speed)
            for each in instruments
        }
        self._breakers = {
            unit: Breaker(min(each.every_s for each in instruments if each.unit == unit), self._chance)
            for unit in units
        }
        self._serial = self._link.framing is Framing.RTU
        self._timeout_s = config.timeout_s
        self._orders = Orders(config.id)
        self._budget = ProbeBudget(config.timeout_s)

    async def run(self) -> None:
        """Live until cancelled: connect, serve, reconnect with growing patience."""
        backoff = Backoff(0.5, LONGEST_RECONNECT_S, self._chance)
        try:
            while True:
                self.statistics.pulse.within(OPENING_S, "opens the line")
                try:
                    await self._link.open()
                    self.statistics.connections += 1
                    self._guard.forget()
                    self._orders.opened()
                    backoff.succeeded()
                    logger.info("bus-open", extra={"bus": self.id})
                    await self._serve()
                except BusClosed as error:
                    await self._lose(error)
                pause_s = backoff.failed()
                self.statistics.pulse.within(pause_s, "leaves the lost line alone")
                await asyncio.sleep(pause_s)
        finally:
            self._link.close()
            self._orders.closed("the agent stops")

    async def write(self, instrument: BoundInstrument, order: Order, before: float | None = None) -> None:
        """Write ahead of everything else, but never begin after `before` (loop time). Raises `BusError`."""
        reader = self._readers[instrument.name]

        async def in_time() -> None:
            if before is not None and asyncio.get_running_loop().time() > before:
                raise BusLate(
                    f"bus {self.id} was not free in time: {order.key} of {instrument.name} not written"
                )
            await reader.write(order.key, order.native)

        await self._orders.place(Priority.COMMAND, in_time)
        self._breakers[instrument.unit].succeeded()

    async def read(self, instrument: BoundInstrument, mapping: Mapping) -> Reading:
        """Ask for one metric now, ahead of polls. Raises `BusError`."""
        reader = self._readers[instrument.name]
        scan = await self._orders.place(Priority.READ_BACK, lambda: reader.read({mapping.key}))
        time_ms = self._stamps.midpoint(instrument.device, scan.started, scan.ended)
        points = {point.key: point for point in scan.points}
        return mapping.reading(instrument.device, points[mapping.key], time_ms)

    async def _serve(self) -> None:
        """Poll and obey until the line is lost."""
        loop = asyncio.get_running_loop()
        schedule = Schedule(
            {name: reader.instrument.every_s for name, reader in self._readers.items()}, loop.time()
        )
        while True:
            await self._obey()
            name, wait_s = schedule.next(loop.time(), self._not_before)
            if name is None:
                wait_s = wait_s if math.isfinite(wait_s) else 3600.0
                self.statistics.pulse.within(wait_s, "has nothing to ask")
                await self._orders.wait(wait_s)
                continue
            reader = self._readers[name]
            breaker = self._breakers[reader.instrument.unit]
            if breaker.is_open:
                if await self._probe(reader, breaker):
                    schedule.at_once(name, loop.time())
                else:
                    schedule.skip(name, loop.time())
                continue
            await self._poll(reader, breaker)
            unit = self.statistics.unit(reader.instrument.unit)
            unit.overruns += schedule.done(name, loop.time())

    async def _obey(self) -> None:
        """Do what waits; called before every exchange, which is why it also gives the sign of life."""
        self.statistics.pulse.within(3 * self._timeout_s, "talks")
        await self._orders.serve()
        self.statistics.pulse.within(3 * self._timeout_s, "talks")

    def _not_before(self, name: str) -> float:
        """When a unit may be asked again: after its late-answer window, or when a probe is affordable."""
        reader = self._readers[name]
        breaker = self._breakers[reader.instrument.unit]
        if not breaker.is_open:
            return reader.unit.ready_at
        allowed = 0.0
        if any(not each.is_open for each in self._breakers.values()):
            now = asyncio.get_running_loop().time()
            allowed = self._budget.allowed_at(now, reader.unit.patience.seconds(0.0))
        return max(breaker.probe_at, reader.unit.ready_at, allowed)

    async def _poll(self, reader: ModbusReader, breaker: Breaker) -> None:
        instrument = reader.instrument
        scan = await self._timed(reader, instrument.scan_keys)
        if not scan.answered:
            await self._missed(reader, breaker, scan)
            return
        breaker.succeeded()
        await self._presence.answers(instrument)
        now = asyncio.get_running_loop().time()
        started, ended = (scan.started, scan.ended) if scan.exchanges else (now, now)
        time_ms = self._stamps.midpoint(instrument.device, started, ended)
        await self._deliver(Batch(instrument.device, readings_of(instrument, scan.points, time_ms)))

    async def _deliver(self, batch: Batch) -> None:
        """Hand a batch on. A slow sink makes polls slower, but orders do not wait for it."""
        self.statistics.pulse.waits_for("the spool")
        await self._orders.serve_during(self._sink.accept(batch))

    async def _probe(self, reader: ModbusReader, breaker: Breaker) -> bool:
        """Ask a dead unit its cheapest question. True where it answers again."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        scan = await self._timed(reader, reader.probe)
        took = loop.time() - started
        self.statistics.probing_s += took
        self._budget.spend(loop.time(), took)
        if not scan.answered:
            breaker.failed(loop.time())
            return False
        breaker.succeeded()
        logger.info("unit-answers", extra={"bus": self.id, "unit": reader.instrument.unit})
        return True

    async def _timed(self, reader: ModbusReader, keys: frozenset[str]) -> Scan:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            return await reader.scan(keys, self._obey)
        finally:
            self.statistics.busy_s += loop.time() - started

    async def _missed(self, reader: ModbusReader, breaker: Breaker, scan: Scan) -> None:
        now = asyncio.get_running_loop().time()
        if self._serial:
            # a late answer may still come: the unit is left alone for as long as it was waited for
            reader.unit.ready_at = now + self._timeout_s
        if not breaker.failed(now):
            return
        unit = reader.instrument.unit
        hit = [each.instrument for each in self._readers.values() if each.instrument.unit == unit]
        devices = ",".join(sorted({each.device for each in hit}))
        logger.warning(
            "unit-silent", extra={"bus": self.id, "unit": unit, "device": devices, "cause": scan.reason}
        )
        for each in hit:
            await self._silent(each, f"{each.name}: {scan.reason}")

    async def _silent(self, instrument: BoundInstrument, reason: str) -> None:
        """Say that nothing is known any more of an instrument, or of its whole device."""
        if await self._presence.is_silent(instrument, reason):
            time_ms = self._stamps.now(instrument.device)
            await self._sink.accept(Batch(instrument.device, unknown_readings(instrument, reason, time_ms)))

    async def _lose(self, error: BusClosed) -> None:
        self.statistics.losses += 1
        self._link.close()
        self._orders.closed(str(error))
        logger.warning("bus-closed", extra={"bus": self.id, "cause": str(error)})
        for reader in self._readers.values():
            await self._silent(reader.instrument, str(error))
