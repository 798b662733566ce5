"""Reading and writing one Modbus instrument over a guarded line: plan, exchange, decode."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from edge.bus.guard import Guard, is_silence
from edge.bus.link import Exchange
from edge.bus.statistics import BusStatistics
from edge.bus.timeouts import AdaptiveTimeout
from edge.decoding.binding import BoundInstrument
from edge.drivers.base import NativePoint
from edge.drivers.modbus.frames import Request
from edge.drivers.modbus.planner import Block, LineCost, plan_blocks
from edge.drivers.modbus.points import decode_points, encode_write
from edge.drivers.values import spoil, witnesses
from edge.errors import BusError, BusException
from telemetry.readings import Quality


@dataclass(frozen=True, slots=True)
class LineSpeed:
    """What a line costs, and how long answers take at least."""

    cost: LineCost
    per_byte_s: float
    """Time of one byte on the wire; 0 on a network."""
    timeout_s: float
    floor_s: float
    """Least patience for a unit whose answers are quick."""


@dataclass(slots=True)
class Scan:
    """What one scan of an instrument brought."""

    points: list[NativePoint] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    failures: list[BusError] = field(default_factory=list)
    started: float = 0.0
    ended: float = 0.0

    @property
    def answered(self) -> bool:
        """Whether the unit said anything, be it a refusal."""
        return bool(self.exchanges) or any(not is_silence(failure) for failure in self.failures)

    @property
    def reason(self) -> str:
        """Why the scan failed, in words."""
        return str(self.failures[-1]) if self.failures else ""


class Unit:
    """What is known of one Modbus unit; several instruments may share it (luminaires of a DALI gateway)."""

    def __init__(self, speed: LineSpeed) -> None:
        self.patience = AdaptiveTimeout(speed.timeout_s, speed.floor_s)
        self.ready_at = 0.0
        """Monotonic time before which polls must leave the unit alone."""
        self.gap_until = 0.0
        """Monotonic time before which the unit bears no request at all."""


class ModbusReader:
    """One instrument: its blocks, and what it was found not to bear."""

    def __init__(
        self,
        instrument: BoundInstrument,
        unit: Unit,
        guard: Guard,
        statistics: BusStatistics,
        speed: LineSpeed,
    ) -> None:
        self.instrument = instrument
        self.unit = unit
        self._guard = guard
        self._statistics = statistics
        self._speed = speed
        self._bridges = True
        self._blocks: dict[frozenset[str], tuple[Block, ...]] = {}

    def blocks(self, keys: frozenset[str]) -> tuple[Block, ...]:
        """The requests that read `keys`. Raises `PlanError`."""
        if keys not in self._blocks:
            profile = self.instrument.profile
            points = [point for point in profile.expanded if point.key in keys]
            self._blocks[keys] = plan_blocks(points, profile.limits, self._speed.cost, bridge=self._bridges)
        return self._blocks[keys]

    @property
    def probe(self) -> frozenset[str]:
        """Keys of the smallest block: the cheapest question that the unit should answer."""
        blocks = self.blocks(self.instrument.scan_keys)
        return frozenset(min(blocks, key=lambda block: block.count).keys) if blocks else frozenset()

    async def scan(
        self, keys: frozenset[str], before_each: Callable[[], Awaitable[None]] | None = None
    ) -> Scan:
        """Read `keys`. Failures are in the scan, with a bad point for everything that is missing.

        Args:
            keys: points to read.
            before_each: awaited before each exchange, so that orders wait for one exchange at most.

        Raises:
            BusClosed: the line is lost.
        """
        scan = Scan()
        waiting = deque(self.blocks(keys))
        while waiting:
            block = waiting.popleft()
            if before_each is not None:
                await before_each()
            try:
                exchange = await self._exchange(block.request(self.instrument.unit))
            except BusError as error:
                if error.kind == "closed":
                    raise
                smaller = self._without_holes(block) if self._dislikes_holes(error, block) else (block,)
                if smaller != (block,):
                    waiting.extendleft(reversed(smaller))
                    continue
                scan.failures.append(error)
                if is_silence(error):
                    break
                continue
            scan.exchanges.append(exchange)
            scan.points += decode_points(self.instrument.profile, exchange.request, exchange.data, block.keys)
        if scan.exchanges:
            scan.started, scan.ended = scan.exchanges[0].started, scan.exchanges[-1].ended
        found = {point.key for point in scan.points}
        missing = [NativePoint(key, None, Quality.BAD, scan.reason) for key in sorted(keys - found)]
        scan.points = spoil(self.instrument.profile, scan.points, keys) + missing
        return scan

    async def read(self, keys: Iterable[str]) -> Scan:
        """Read some points now, with those that can disprove them.

        Raises:
            BusError: the unit does not answer, or refuses.
        """
        wanted = frozenset(keys)
        scan = await self.scan(wanted | witnesses(self.instrument.profile, wanted))
        if scan.failures and not wanted & {p.key for p in scan.points if p.quality is not Quality.BAD}:
            raise scan.failures[-1]
        return scan

    async def write(self, key: str, native: float | bool) -> Exchange:
        """Write one point.

        Raises:
            BusError: the unit does not answer or refuses, or the point cannot be written.
        """
        request = encode_write(self.instrument.profile, key, native, self.instrument.unit)
        return await self._exchange(request, patient=True)

    async def _exchange(self, request: Request, *, patient: bool = False) -> Exchange:
        size = len(request.pdu) + request.reply_size + 6
        wire_s = size * self._speed.per_byte_s
        timeout_s = self._speed.timeout_s + wire_s if patient else self.unit.patience.seconds(wire_s)
        gap_s = self.unit.gap_until - asyncio.get_running_loop().time()
        if gap_s > 0:
            await asyncio.sleep(gap_s)
        try:
            exchange = await self._guard.exchange(request, timeout_s)
        except BusError as error:
            if error.kind == "timeout":
                self.unit.patience.silent()
            raise
        turnaround = max(0.0, exchange.ended - exchange.started - wire_s)
        self.unit.patience.answered(turnaround)
        self._statistics.unit(request.unit).took(turnaround)
        self.unit.gap_until = exchange.ended + self.instrument.profile.limits.request_gap_ms / 1000
        return exchange

    def _dislikes_holes(self, error: BusError, block: Block) -> bool:
        """Whether the unit may have refused only the addresses between the points, which were read along."""
        return isinstance(error, BusException) and error.is_address_fault and self._has_holes(block)

    def _without_holes(self, block: Block) -> tuple[Block, ...]:
        """The block's points asked for one by one where holes part them; from now on always so."""
        if self._bridges:
            self._bridges = False
            self._blocks.clear()
        profile = self.instrument.profile
        points = [profile.by_key[key] for key in block.keys]
        return plan_blocks(points, profile.limits, self._speed.cost, bridge=False)

    def _has_holes(self, block: Block) -> bool:
        by_key = self.instrument.profile.by_key
        return sum(by_key[key].words for key in block.keys) < block.count
