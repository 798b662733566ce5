"""One Modbus unit over a guarded line: asks, understands, writes, and learns what the unit does not bear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.bus.guard import Guard, is_silence
from edge.bus.jobs import Wanted
from edge.bus.learned import Learned
from edge.bus.learned_file import LearnedFile
from edge.bus.link import Exchange
from edge.bus.pace import LineSpeed, Pace
from edge.bus.statistics import BusStatistics
from edge.bus.timeouts import AdaptiveTimeout
from edge.bus.unit_plans import Plan, PlannedBlock, UnitPlans
from edge.decoding.binding import BoundInstrument
from edge.drivers.base import NativePoint
from edge.drivers.modbus.frames import Request
from edge.drivers.modbus.points import encode_write
from edge.drivers.values import spoil, witnesses
from edge.errors import BusCrcError, BusError, BusException, BusMismatch
from telemetry.readings import Quality

SEARCHES: Final = 12
"""Refused requests after which a scan stops looking for the address at fault: the next one goes on."""
REFUSED: Final = "refused before as an illegal data address; tried again from time to time"


@dataclass(slots=True)
class Scan:
    """What one scan brought, by the number of the instrument on its unit."""

    points: dict[int, list[NativePoint]] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    failures: list[BusError] = field(default_factory=list)
    searches: int = 0
    """Requests that were refused for their addresses or length."""

    @property
    def answered(self) -> bool:
        """Whether the unit said anything, be it a refusal."""
        return bool(self.exchanges) or any(not is_silence(failure) for failure in self.failures)

    @property
    def is_busy(self) -> bool:
        """Whether the unit only asked for patience."""
        failure = self.failures[-1] if self.failures else None
        return not self.exchanges and isinstance(failure, BusException) and failure.is_busy

    @property
    def reason(self) -> str:
        """Why the scan failed, in words."""
        return str(self.failures[-1]) if self.failures else ""

    @property
    def started(self) -> float:
        """Monotonic time when the first request was handed over; 0 where nothing was answered."""
        return self.exchanges[0].started if self.exchanges else 0.0

    @property
    def ended(self) -> float:
        """Monotonic time when the last answer came."""
        return self.exchanges[-1].ended if self.exchanges else 0.0


class ModbusUnit:
    """One unit; several instruments may share it (luminaires of a DALI gateway, poles on one relay board)."""

    def __init__(
        self,
        number: int,
        instruments: Sequence[BoundInstrument],
        guard: Guard,
        *,
        statistics: BusStatistics,
        speed: LineSpeed,
        learned: LearnedFile,
        searches: int = SEARCHES,
    ) -> None:
        self.number = number
        self.instruments = tuple(instruments)
        self.patience = AdaptiveTimeout(speed.timeout_s, speed.floor_s, speed.start_s)
        self.ready_at = 0.0
        """Monotonic time before which polls must leave the unit alone."""
        self._profiles = tuple(each.profile for each in instruments)
        self._learned: Learned = learned.unit(instruments[0].bus, number, self._profiles)
        self._pace = Pace(speed, self._learned.turnaround_s)
        self._plans = UnitPlans(number, self._profiles, self._pace, self._learned, learned.now_ms)
        self._now_ms = learned.now_ms
        self._guard = guard
        self._statistics = statistics.unit(number)
        self._speed = speed
        self._searches = searches
        self._gap_s = self._plans.limits.request_gap_ms / 1000
        self._gap_until = 0.0
        self._line = asyncio.Lock()

    def cheapest(self, wanted: Wanted) -> Wanted:
        """The cheapest question that the unit should answer."""
        return self._plans.cheapest(wanted)

    async def scan(self, wanted: Wanted, before_each: Callable[[], Awaitable[None]] | None = None) -> Scan:
        """Read `wanted`. Failures are in the scan, with a bad point for everything that is missing.

        Args:
            wanted: points to read.
            before_each: awaited before each exchange, so that orders wait for one exchange at most.

        Raises:
            BusClosed: the line is lost.
        """
        scan = Scan()
        plan = self._plans.plan(wanted)
        for planned in plan.blocks:
            try:
                await self._read(planned, scan, before_each)
            except BusError as error:
                if error.kind == "closed":
                    raise
                scan.failures.append(error)
                break
        self._complete(scan, wanted, plan)
        return scan

    async def read(self, number: int, keys: Iterable[str]) -> Scan:
        """Read some points of an instrument now, with those that can disprove them.

        Raises:
            BusError: the unit does not answer, or refuses.
        """
        wanted = frozenset(keys)
        more = witnesses(self._profiles[number], wanted)
        scan = await self.scan(frozenset((number, key) for key in wanted | more))
        good = {point.key for point in scan.points[number] if point.quality is not Quality.BAD}
        if scan.failures and not wanted & good:
            raise scan.failures[-1]
        return scan

    async def write(self, number: int, key: str, native: float | bool) -> Exchange:
        """Write one point of an instrument.

        Raises:
            BusError: the unit does not answer or refuses, or the point cannot be written.
        """
        request = encode_write(self._profiles[number], key, native, self.number)
        return await self._exchange(request, self._speed.timeout_s + self._speed.wire_s(request))

    async def _read(
        self, planned: PlannedBlock, scan: Scan, before_each: Callable[[], Awaitable[None]] | None
    ) -> bool:
        """Read a block, in parts where it is refused as a whole. True where all of it was brought."""
        if before_each is not None:
            await before_each()
        try:
            exchange = await self._ask(planned.request)
        except BusException as error:
            if error.is_silence or error.is_busy or not error.is_about_request:
                raise
            scan.searches += 1
            if scan.searches > self._searches:
                scan.failures.append(error)
                return False
            return await self._read_parts(planned, error, scan, before_each)
        scan.exchanges.append(exchange)
        for owner, decoder in planned.decoders:
            scan.points.setdefault(owner, []).extend(decoder.decode(exchange.data))
        if self._learned.answered(planned.block):
            self._plans.forget()
        return True

    async def _read_parts(
        self,
        planned: PlannedBlock,
        error: BusException,
        scan: Scan,
        before_each: Callable[[], Awaitable[None]] | None,
    ) -> bool:
        """Find what is refused: an address, the holes, or the length."""
        parts = self._plans.parts(planned.block) if error.is_address_fault else []
        if not parts:
            scan.failures.append(error)
            for place in planned.block.places:
                self._learned.refused_point(place, self._now_ms())
            self._plans.forget()
            return False
        brought = [await self._read(part, scan, before_each) for part in parts]
        if all(brought):
            bears = max(part.block.count for part in parts)
            self._learned.refused_whole(planned.block, bears, self._now_ms())
            self._plans.forget()
        return all(brought)

    def _complete(self, scan: Scan, wanted: Wanted, plan: Plan) -> None:
        """Judge the points together, and say of each missing one why it is."""
        self._statistics.refused = len(self._learned.refusals)
        is_simple = len(self._profiles) == 1 and not self._profiles[0].spoils
        if is_simple and len(scan.points.get(0, ())) == len(wanted):
            return  # everything came, and nothing can disprove it
        refused = {(place.owner, place.point.key) for place in plan.refused}
        for number, profile in enumerate(self._profiles):
            keys = frozenset(key for owner, key in wanted if owner == number)
            if not keys:
                continue
            points = scan.points.get(number, [])
            missing = keys - {point.key for point in points}
            if profile.spoils:
                points = spoil(profile, points, keys)
            for key in sorted(missing):
                reason = REFUSED if (number, key) in refused else scan.reason
                points.append(NativePoint(key, None, Quality.BAD, reason))
            scan.points[number] = points

    async def _ask(self, request: Request) -> Exchange:
        """A read, made a second time where noise spoilt the first."""
        try:
            return await self._exchange(request)
        except (BusCrcError, BusMismatch) as damaged:
            try:
                return await self._exchange(request)
            except BusMismatch:
                raise damaged from None

    async def _exchange(self, request: Request, timeout_s: float | None = None) -> Exchange:
        async with self._line:
            gap_s = self._gap_until - asyncio.get_running_loop().time() if self._gap_s else 0.0
            if gap_s > 0:
                await asyncio.sleep(gap_s)
            wire_s = self._speed.wire_s(request)
            try:
                exchange = await self._guard.exchange(request, timeout_s or self.patience.seconds(wire_s))
            except BusError as error:
                if error.kind == "timeout":
                    self.patience.silent()
                raise
            self._gap_until = exchange.ended + self._gap_s
        elapsed_s = exchange.ended - exchange.started
        self.patience.answered(elapsed_s - wire_s)
        self._statistics.took(max(0.0, elapsed_s - wire_s))
        if request.is_read and self._pace.answered(request, elapsed_s):
            self._learned.turnaround_s = self._pace.turnaround_s
            self._learned.is_new = True
            self._plans.forget()
        return exchange
