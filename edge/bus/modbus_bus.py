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
from edge.bus.jobs import IDENTITY_EVERY_S, Job, Wanted, by_unit, jobs_of
from edge.bus.learned_file import LearnedFile
from edge.bus.link import ModbusLink
from edge.bus.links import make_link
from edge.bus.modbus_unit import ModbusUnit, Scan
from edge.bus.orders import Orders, Priority
from edge.bus.outbox import Outbox
from edge.bus.pace import line_speed, quiet_time_s
from edge.bus.presence import Presence
from edge.bus.schedule import Schedule
from edge.bus.stamps import Stamps
from edge.bus.statistics import BusStatistics
from edge.config import RtuBusConfig, TcpBusConfig
from edge.decoding.binding import BoundInstrument
from edge.decoding.mapping import Mapping, Order
from edge.decoding.readings import readings_of, unknown_readings
from edge.drivers.modbus.frames import Framing
from edge.errors import BusClosed, BusLate
from edge.ports import ReadingSink
from telemetry.readings import Batch, Reading

logger = logging.getLogger(__name__)

LONGEST_RECONNECT_S: Final = 30.0
OPENING_S: Final = 60.0
"""Opening a line takes no longer, whatever network or driver do."""
KEEP_EVERY_S: Final = 5.0
BUSY_S: Final = 0.2
"""How long a unit that says that it is busy is left alone, twice as long each time."""
PATIENT_TIMES: Final = 4
"""How often in a row that may be; then its points are bad."""


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
        learned: LearnedFile | None = None,
        link: ModbusLink | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.id = config.id
        self.statistics = BusStatistics()
        self._presence = presence
        self._stamps = stamps
        self._chance = chance or random.Random()  # noqa: S311, spreads retries, keeps no secret
        self._link = link or make_link(config, self._came_late)
        self._lanes = config.pipeline if isinstance(config, TcpBusConfig) else 1
        speed = line_speed(config)
        self._guard = Guard(
            self._link,
            self.statistics,
            quiet_time_s(config),
            per_byte_s=speed.per_byte_s,
            on_late=self._came_late,
        )
        self._learned = learned or LearnedFile(None)
        shared = by_unit(instruments)
        self._units = {
            unit: ModbusUnit(
                unit, each, self._guard, statistics=self.statistics, speed=speed, learned=self._learned
            )
            for unit, each in shared.items()
        }
        self._jobs = {job.name: job for unit, each in shared.items() for job in jobs_of(unit, each)}
        self._jobs_of: dict[int, list[Job]] = {unit: [] for unit in shared}
        for job in self._jobs.values():
            self._jobs_of[job.unit].append(job)
        self._breakers = {
            unit: Breaker(min((job.period_s for job in jobs), default=IDENTITY_EVERY_S), self._chance)
            for unit, jobs in self._jobs_of.items()
        }
        self._busy_times = dict.fromkeys(shared, 0)
        self._schedule = Schedule({}, 0.0)
        self._serial = self._link.framing is Framing.RTU
        self._timeout_s = config.timeout_s
        self._orders = Orders(config.id)
        self._outbox = Outbox(sink)
        self._budget = ProbeBudget(config.timeout_s)

    async def run(self) -> None:
        """Live until cancelled: connect, serve, reconnect with growing patience."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._outbox.run(), name=f"batches of {self.id}")
            group.create_task(self._keep(), name=f"what {self.id} learns")
            await self._live()

    async def _keep(self) -> None:
        """Now and then put on disk what was learned: losing some of it costs a few requests."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await self._learned.save()

    async def _live(self) -> None:
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
        unit, number = self._place(instrument)

        async def in_time() -> None:
            if before is not None and asyncio.get_running_loop().time() > before:
                raise BusLate(
                    f"bus {self.id} was not free in time: {order.key} of {instrument.name} not written"
                )
            await unit.write(number, order.key, order.native)

        await self._orders.place(Priority.COMMAND, in_time)
        self._breakers[unit.number].succeeded()

    async def read(self, instrument: BoundInstrument, mapping: Mapping) -> Reading:
        """Ask for one metric now, ahead of polls. Raises `BusError`."""
        unit, number = self._place(instrument)
        scan = await self._orders.place(Priority.READ_BACK, lambda: unit.read(number, {mapping.key}))
        time_ms = self._stamps.midpoint(instrument.device, scan.started, scan.ended)
        points = {point.key: point for point in scan.points[number]}
        return mapping.reading(instrument.device, points[mapping.key], time_ms)

    def _place(self, instrument: BoundInstrument) -> tuple[ModbusUnit, int]:
        unit = self._units[instrument.unit]
        return unit, next(n for n, each in enumerate(unit.instruments) if each is instrument)

    async def _serve(self) -> None:
        """Poll and obey until the line is lost; with as many requests under way as the line may have."""
        now = asyncio.get_running_loop().time()
        self._schedule = Schedule({job.name: job.period_s for job in self._jobs.values()}, now)
        lanes = [asyncio.create_task(self._work()) for _ in range(self._lanes)]
        try:
            await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for lane in lanes:
                lane.cancel()
            ended = await asyncio.gather(*lanes, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._obey()
            now = loop.time()
            name, wait_s = self._schedule.next(now)
            if name is None:
                wait_s = wait_s if math.isfinite(wait_s) else 3600.0
                self.statistics.pulse.within(wait_s, "has nothing to ask")
                await self._orders.wait(wait_s)
                continue
            job = self._jobs[name]
            not_before = self._not_before(job.unit, now)
            if not_before > now:
                self._schedule.hold(name, not_before)
            elif self._breakers[job.unit].is_open:
                await self._probe(job)
            else:
                await self._poll(job)

    async def _obey(self) -> None:
        """Do what waits; called before every exchange, which is why it also gives the sign of life."""
        self.statistics.pulse.within(3 * self._timeout_s, "talks")
        if self._orders.waiting:
            await self._orders.serve()
            self.statistics.pulse.within(3 * self._timeout_s, "talks")

    def _not_before(self, number: int, now: float) -> float:
        """When a unit may be asked again: after its late-answer window, or when a probe is affordable."""
        unit, breaker = self._units[number], self._breakers[number]
        if not breaker.is_open:
            return unit.ready_at
        allowed = 0.0
        if any(not each.is_open for each in self._breakers.values()):
            allowed = self._budget.allowed_at(now, unit.patience.seconds(0.0))
        return max(breaker.probe_at, unit.ready_at, allowed)

    async def _poll(self, job: Job) -> None:
        """Read a job's points, and with them those of the unit's other jobs that are due.

        Requests are planned over all of them, which is never dearer than reading one job after the other.
        """
        loop = asyncio.get_running_loop()
        jobs = [job]
        if len(self._jobs_of[job.unit]) > 1:
            now = loop.time()
            mates = (each for each in self._jobs_of[job.unit] if each is not job)
            jobs += [each for each in mates if self._schedule.take(each.name, now)]
        wanted = job.wanted if len(jobs) == 1 else frozenset().union(*(each.wanted for each in jobs))
        began = loop.time()
        scan = await self._timed(job.unit, wanted)
        unit, breaker = self._units[job.unit], self._breakers[job.unit]
        if scan.is_busy and self._busy_times[job.unit] < PATIENT_TIMES:
            self._defer(jobs)
            return
        self._busy_times[job.unit] = 0
        if scan.answered:
            breaker.succeeded()
            await self._deliver(unit, scan)
        else:
            if not breaker.has_answered:
                self._budget.spend(loop.time(), loop.time() - began)
            await self._missed(unit, breaker, scan)
        now = loop.time()
        for each in jobs:
            self.statistics.unit(job.unit).overruns += self._schedule.done(each.name, now)

    def _defer(self, jobs: Sequence[Job]) -> None:
        """A busy unit is asked again soon: that is no failure, and no reason to miss a period."""
        number = jobs[0].unit
        now = asyncio.get_running_loop().time()
        for job in jobs:
            self._schedule.hold(job.name, now + BUSY_S * 2 ** self._busy_times[number])
        self._busy_times[number] += 1
        self._breakers[number].succeeded()
        self.statistics.unit(number).deferrals += 1

    async def _deliver(self, unit: ModbusUnit, scan: Scan) -> None:
        """Hand a scan's batches on. A slow sink makes polls slower, but orders do not wait for it."""
        now = asyncio.get_running_loop().time()
        started, ended = (scan.started, scan.ended) if scan.exchanges else (now, now)
        for number, points in scan.points.items():
            instrument = unit.instruments[number]
            await self._presence.answers(instrument)
            time_ms = self._stamps.midpoint(instrument.device, started, ended)
            batch = Batch(instrument.device, readings_of(instrument, points, time_ms))
            if not self._outbox.post(batch):
                self.statistics.pulse.waits_for("the spool")
                await self._orders.serve_during(self._outbox.put(batch))

    async def _probe(self, job: Job) -> None:
        """Ask a dead unit its cheapest question. Where it answers again, everything is read at once."""
        loop = asyncio.get_running_loop()
        unit, breaker = self._units[job.unit], self._breakers[job.unit]
        started = loop.time()
        scan = await self._timed(job.unit, unit.cheapest(job.wanted))
        now = loop.time()
        self.statistics.probing_s += now - started
        if not scan.answered:
            self._budget.spend(now, now - started)
            breaker.failed(now)
            self._schedule.skip(job.name, now)
            return
        breaker.succeeded()
        logger.info("unit-answers", extra={"bus": self.id, "unit": job.unit})
        self._schedule.hold(job.name, now)
        for each in self._jobs_of[job.unit]:
            self._schedule.at_once(each.name, now)

    async def _timed(self, number: int, wanted: Wanted) -> Scan:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            return await self._units[number].scan(wanted, self._obey)
        finally:
            self.statistics.busy_s += loop.time() - started

    async def _missed(self, unit: ModbusUnit, breaker: Breaker, scan: Scan) -> None:
        now = asyncio.get_running_loop().time()
        if self._serial:
            # a late answer may still come: the unit is left alone for as long as it was waited for
            unit.ready_at = now + self._timeout_s
        if not breaker.failed(now):
            return
        devices = ",".join(sorted({each.device for each in unit.instruments}))
        logger.warning(
            "unit-silent",
            extra={"bus": self.id, "unit": unit.number, "device": devices, "cause": scan.reason},
        )
        for each in unit.instruments:
            await self._silent(each, f"{each.name}: {scan.reason}")

    def _came_late(self, number: int, seconds: float, is_own: bool) -> None:
        """A request that was given up was answered after all: the unit is slow, and not dead."""
        unit = self._units.get(number)
        if unit is None:
            return
        self.statistics.unit(number).late += 1
        unit.patience.answered(seconds)
        if is_own and self._breakers[number].is_open:
            now = asyncio.get_running_loop().time()
            self._breakers[number].probe_at = now
            for job in self._jobs_of[number]:
                self._schedule.at_once(job.name, now)
            self._orders.wake()

    async def _silent(self, instrument: BoundInstrument, reason: str) -> None:
        """Say that nothing is known any more of an instrument, or of its whole device."""
        await self._orders.serve_during(self._outbox.emptied())
        if await self._presence.is_silent(instrument, reason):
            time_ms = self._stamps.now(instrument.device)
            readings = unknown_readings(instrument, reason, time_ms)
            await self._outbox.put(Batch(instrument.device, readings))

    async def _lose(self, error: BusClosed) -> None:
        self.statistics.losses += 1
        self._link.close()
        self._orders.closed(str(error))
        logger.warning("bus-closed", extra={"bus": self.id, "cause": str(error)})
        for unit in self._units.values():
            for instrument in unit.instruments:
                await self._silent(instrument, str(error))
