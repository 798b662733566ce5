"""The digital inputs of one GPIO chip: contacts and pulse meters of the gateway's own board."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import dataclass, field
from typing import Final

from edge.bus.backoff import Backoff
from edge.bus.gpio import GpioChip, Kernel, LineRequest
from edge.bus.presence import Presence
from edge.bus.stamps import Stamps
from edge.bus.statistics import BusStatistics
from edge.bus.stream_bus import LONGEST_RECONNECT_S, OPENING_S
from edge.config import GpioBusConfig
from edge.counters.store import CountStore
from edge.decoding.binding import BoundInstrument
from edge.decoding.mapping import Mapping, Order
from edge.decoding.readings import readings_of, unknown_readings
from edge.drivers.base import InputReader, NativePoint
from edge.drivers.registry import find_input_driver
from edge.errors import BusClosed, CountsError, NotWritable
from edge.ports import ReadingSink
from telemetry.readings import Batch, Reading

logger = logging.getLogger(__name__)

SOONEST_S: Final = 0.2
"""Shortest distance between two scans of an instrument, however often its contacts change."""


@dataclass(slots=True)
class _Instrument:
    """One instrument of the chip while its lines are held."""

    bound: BoundInstrument
    request: LineRequest
    reader: InputReader
    keys: dict[int, str]
    """Keys of the lines by their number."""
    told: frozenset[str]
    """Keys whose change is told at once."""
    due: float
    kept: dict[str, int] = field(default_factory=dict)
    seqno: int = 0


class InputBus:
    """The task of one chip."""

    def __init__(
        self,
        config: GpioBusConfig,
        instruments: list[BoundInstrument],
        sink: ReadingSink,
        presence: Presence,
        stamps: Stamps,
        *,
        counts: CountStore,
        kernel: Kernel | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.id = config.id
        self.statistics = BusStatistics()
        self._config = config
        self.instruments = tuple(instruments)
        self._sink = sink
        self._presence = presence
        self._stamps = stamps
        self._counts = counts
        self._kernel = kernel
        self._chance = chance or random.Random()  # noqa: S311, spreads retries, keeps no secret
        self._open: list[_Instrument] = []
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Live until cancelled: hold the lines, take their changes, tell states and counts."""
        backoff = Backoff(0.5, LONGEST_RECONNECT_S, self._chance)
        while True:
            self.statistics.pulse.within(OPENING_S, "opens the chip")
            try:
                with GpioChip(self._config.chip, self._kernel) as chip, contextlib.ExitStack() as held:
                    self._open = [await self._hold(chip, held, each) for each in self.instruments]
                    self.statistics.connections += 1
                    backoff.succeeded()
                    logger.info("bus-open", extra={"bus": self.id})
                    await self._serve()
            except (BusClosed, CountsError) as error:
                self.statistics.losses += 1
                logger.warning("bus-closed", extra={"bus": self.id, "cause": str(error)})
                for each in self.instruments:
                    await self._silent(each, str(error))
            finally:
                self._open = []
            pause_s = backoff.failed()
            self.statistics.pulse.within(pause_s, "leaves the lost chip alone")
            await asyncio.sleep(pause_s)

    async def write(self, instrument: BoundInstrument, order: Order, _before: float | None = None) -> None:
        """Raise NotWritable: inputs take no orders."""
        raise NotWritable(f"{order.key} of {instrument.device} is a digital input")

    async def read(self, instrument: BoundInstrument, mapping: Mapping) -> Reading:
        """The state or count now. Raises BusClosed."""
        each = next((each for each in self._open if each.bound is instrument), None)
        if each is None:
            raise BusClosed(f"bus {self.id!r} is not open: see the log for `bus-closed`")
        points = await self._points(each)
        point = next(point for point in points if point.key == mapping.key)
        return mapping.reading(instrument.device, point, self._stamps.now(instrument.device))

    async def _hold(
        self, chip: GpioChip, held: contextlib.ExitStack, instrument: BoundInstrument
    ) -> _Instrument:
        driver = find_input_driver(instrument.profile.driver)
        lines = driver.inputs(instrument.profile)
        request = held.enter_context(chip.request(lines))
        kept = await asyncio.to_thread(self._counts.counts, instrument.name)
        loop = asyncio.get_running_loop()
        opened = _Instrument(
            instrument,
            request,
            driver.reader(instrument.profile, kept, request.states()),
            {line.offset: line.key for line in lines},
            frozenset(mapping.key for mapping in instrument.mappings),
            loop.time(),
            kept,
        )
        loop.add_reader(request.handle, self._take, opened)
        held.callback(loop.remove_reader, request.handle)
        return opened

    def _take(self, each: _Instrument) -> None:
        """Changes wait at the kernel."""
        try:
            events = each.request.events()
        except BusClosed as error:
            logger.warning("input-lost", extra={"bus": self.id, "cause": str(error)})
            asyncio.get_running_loop().remove_reader(each.request.handle)
            return
        for event in events:
            lost = event.seqno - each.seqno - 1
            if each.seqno and lost > 0:
                self.statistics.damaged += lost
                logger.warning("changes-lost", extra={"bus": self.id, "cause": f"{lost} in the kernel"})
            each.seqno = event.seqno
            key = each.keys.get(event.offset)
            if key is None:
                continue
            each.reader.edge(key, event.is_active, event.at_s)
            if key in each.told:
                each.due = min(each.due, asyncio.get_running_loop().time())
                self._wake.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            following = min(self._open, key=lambda each: each.due)
            wait_s = following.due - loop.time()
            if wait_s > 0:
                self.statistics.pulse.within(wait_s, "waits for changes")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                self._wake.clear()
                continue
            points = await self._points(following)
            following.due = loop.time() + following.bound.every_s
            await self._tell(following.bound, points)
            await asyncio.sleep(SOONEST_S / len(self._open))

    async def _points(self, each: _Instrument) -> tuple[NativePoint, ...]:
        """States and counts, which are on disk when this returns. Raises CountsError."""
        points = each.reader.scan(asyncio.get_running_loop().time())
        totals = each.reader.totals
        if totals != each.kept:
            await asyncio.to_thread(self._counts.keep_counts, each.bound.name, totals)
            each.kept = totals
        return points

    async def _tell(self, instrument: BoundInstrument, points: tuple[NativePoint, ...]) -> None:
        self.statistics.pulse.waits_for("the spool")
        await self._presence.answers(instrument)
        readings = readings_of(instrument, points, self._stamps.now(instrument.device))
        if readings:
            await self._sink.accept(Batch(instrument.device, readings))

    async def _silent(self, instrument: BoundInstrument, cause: str) -> None:
        if await self._presence.is_silent(instrument, cause):
            time_ms = self._stamps.now(instrument.device)
            await self._sink.accept(Batch(instrument.device, unknown_readings(instrument, cause, time_ms)))
