"""One serial line with instruments that speak when they are asked."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, field
from typing import Final

from edge.bus.backoff import Backoff
from edge.bus.dialogue import SerialDialogue
from edge.bus.presence import Presence
from edge.bus.serial_port import SerialPort
from edge.bus.stamps import Stamps
from edge.bus.statistics import BusStatistics
from edge.bus.stream_bus import LONGEST_RECONNECT_S, OPENING_S
from edge.config import SerialBusConfig
from edge.decoding.binding import BoundInstrument
from edge.decoding.mapping import Mapping, Order
from edge.decoding.readings import readings_of, unknown_readings
from edge.drivers.base import AskDriver, NativePoint
from edge.drivers.registry import find_ask_driver
from edge.errors import BusClosed, BusError, NotWritable
from edge.ports import ReadingSink
from telemetry.readings import Batch, Reading

logger = logging.getLogger(__name__)

LONGEST_REST_S: Final = 300.0
"""A silent instrument is asked at least this often, or at its own period where that is longer."""
LONGEST_SCAN_S: Final = 1200.0
"""SDI-12 probes may measure for 999 s."""


@dataclass(slots=True)
class _Instrument:
    """One instrument of the line, and when it is asked next."""

    bound: BoundInstrument
    driver: AskDriver
    number: int
    """Place on the line, counted from 1: its number in the statistics."""
    rest: Backoff
    due: float = 0.0
    failures: int = field(default=0)


class AskBus:
    """The task of one serial line: earliest first; a silent instrument is asked ever less often."""

    def __init__(
        self,
        config: SerialBusConfig,
        instruments: list[BoundInstrument],
        sink: ReadingSink,
        presence: Presence,
        stamps: Stamps,
        *,
        chance: random.Random | None = None,
    ) -> None:
        self.id = config.id
        self.statistics = BusStatistics()
        self._config = config
        self._sink = sink
        self._presence = presence
        self._stamps = stamps
        self._chance = chance or random.Random()  # noqa: S311, spreads retries, keeps no secret
        self._instruments = [
            _Instrument(each, find_ask_driver(each.profile.driver), number, self._rest_of(each))
            for number, each in enumerate(instruments, start=1)
        ]
        self._turn = asyncio.Lock()
        """Who holds it may speak."""
        self._line: SerialDialogue | None = None

    def _rest_of(self, instrument: BoundInstrument) -> Backoff:
        longest_s = max(LONGEST_REST_S, instrument.every_s)
        return Backoff(2 * instrument.every_s, longest_s, self._chance)

    async def run(self) -> None:
        """Live until cancelled: open, ask, open again with growing patience."""
        backoff = Backoff(0.5, LONGEST_RECONNECT_S, self._chance)
        while True:
            self.statistics.pulse.within(OPENING_S, "opens the line")
            try:
                port = SerialPort(self._config)
                self.statistics.connections += 1
                logger.info("bus-open", extra={"bus": self.id})
                try:
                    self._line = SerialDialogue(port, self._config.baud, self._config.bits_per_character)
                    backoff.succeeded()
                    await self._serve(self._line)
                finally:
                    self._line = None
                    port.close()
            except BusClosed as error:
                self.statistics.losses += 1
                logger.warning("bus-closed", extra={"bus": self.id, "cause": str(error)})
                for instrument in self._instruments:
                    await self._silent(instrument, str(error))
            pause_s = backoff.failed()
            self.statistics.pulse.within(pause_s, "leaves the lost line alone")
            await asyncio.sleep(pause_s)

    async def write(self, instrument: BoundInstrument, order: Order, _before: float | None = None) -> None:
        """Raise NotWritable: such instruments take no orders."""
        raise NotWritable(f"{order.key} of {instrument.device} comes from a line that takes no orders")

    async def read(self, instrument: BoundInstrument, mapping: Mapping) -> Reading:
        """Ask the instrument now; at most one scan of another goes before. Raises BusError."""
        asked = next(each for each in self._instruments if each.bound is instrument)
        if self._line is None:
            raise BusClosed(f"bus {self.id!r} is not open: see the log for `bus-closed`")
        points, started, ended = await self._ask(asked, self._line, frozenset({mapping.key}))
        time_ms = self._stamps.midpoint(instrument.device, started, ended)
        point = next((each for each in points if each.key == mapping.key), None)
        if point is None:
            raise NotWritable(f"{instrument.name} does not tell {mapping.key}")
        return mapping.reading(instrument.device, point, time_ms)

    async def _serve(self, line: SerialDialogue) -> None:
        loop = asyncio.get_running_loop()
        for each in self._instruments:
            each.due = loop.time()
        while True:
            following = min(self._instruments, key=lambda each: each.due)
            wait_s = following.due - loop.time()
            if wait_s > 0:
                self.statistics.pulse.within(wait_s, "has nothing to ask")
                await asyncio.sleep(wait_s)
            self.statistics.pulse.within(LONGEST_SCAN_S, "asks")
            await self._scan(following, line)

    async def _scan(self, asked: _Instrument, line: SerialDialogue) -> None:
        instrument = asked.bound
        due = asked.due
        try:
            points, started, ended = await self._ask(asked, line, instrument.scan_keys)
        except BusClosed:
            raise
        except BusError as error:
            asked.failures += 1
            wait_s = asked.rest.failed() if asked.failures > 1 else instrument.every_s
            asked.due = asyncio.get_running_loop().time() + wait_s
            logger.info("no-answer", extra={"bus": self.id, "device": instrument.device, "cause": str(error)})
            if asked.failures > 1:
                await self._silent(asked, str(error))
            return
        asked.failures = 0
        asked.rest.succeeded()
        now = asyncio.get_running_loop().time()
        left_out = max(0, int((now - due) / instrument.every_s))
        self.statistics.unit(asked.number).overruns += left_out
        asked.due = due + (left_out + 1) * instrument.every_s
        self.statistics.pulse.waits_for("the spool")
        await self._presence.answers(instrument)
        readings = readings_of(instrument, points, self._stamps.midpoint(instrument.device, started, ended))
        if readings:
            await self._sink.accept(Batch(instrument.device, readings))

    async def _ask(
        self, asked: _Instrument, line: SerialDialogue, keys: frozenset[str]
    ) -> tuple[tuple[NativePoint, ...], float, float]:
        """The points of one scan, and its begin and end. Raises BusError."""
        loop = asyncio.get_running_loop()
        unit = self.statistics.unit(asked.number)
        async with self._turn:
            started = loop.time()
            unit.requests += 1
            try:
                points = await asked.driver.scan(line, asked.bound.profile, keys)
            except BusError as error:
                unit.count(error)
                self.statistics.damaged += error.kind == "crc"
                raise
            finally:
                self.statistics.busy_s += loop.time() - started
            unit.took(loop.time() - started)
            return points, started, loop.time()

    async def _silent(self, asked: _Instrument, cause: str) -> None:
        instrument = asked.bound
        if await self._presence.is_silent(instrument, cause):
            time_ms = self._stamps.now(instrument.device)
            await self._sink.accept(Batch(instrument.device, unknown_readings(instrument, cause, time_ms)))
