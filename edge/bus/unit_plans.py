"""The requests that read points of one unit: planned once for each set of points, until something changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.bus.jobs import Wanted
from edge.bus.learned import Learned
from edge.bus.pace import Pace
from edge.drivers.modbus.decoder import BlockDecoder
from edge.drivers.modbus.frames import Request
from edge.drivers.modbus.planner import (
    Block,
    LineCost,
    Place,
    bounds_of,
    halves,
    places_by_function,
    plan_function,
)
from edge.errors import PlanError
from telemetry.devices.profiles import Limits, Profile


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """A block, ready to be asked for and understood."""

    block: Block
    request: Request
    decoders: tuple[tuple[int, BlockDecoder], ...]
    """For each instrument that has points in it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a set of points is read."""

    blocks: tuple[PlannedBlock, ...]
    refused: tuple[Place, ...]
    """Points that are not asked for, because the unit is known to refuse them."""


def common_limits(profiles: Sequence[Profile]) -> Limits:
    """What instruments that share a unit bear together."""
    limits = [profile.limits for profile in profiles]
    if len(limits) == 1:
        return limits[0]
    return Limits(
        max_registers=min(each.max_registers for each in limits),
        max_coils=min(each.max_coils for each in limits),
        never_bridge=[span for each in limits for span in each.never_bridge],
        clear_on_read=[span for each in limits for span in each.clear_on_read],
        request_gap_ms=max(each.request_gap_ms for each in limits),
    )


def plan_places(
    places: Sequence[Place], limits: Limits, cost: LineCost, learned: Learned, now_ms: int
) -> list[Block]:
    """The blocks that read `places`, within the makers' limits and what was learned. Raises `PlanError`.

    A point that was refused before is asked for alone, so that it cannot spoil others again.
    """
    blocks: list[Block] = []
    for function, members in places_by_function(places).items():
        bounds = bounds_of(limits, function)
        narrowed = learned.bounds(bounds, function, now_ms)
        for group in ([p for p in members if not learned.doubts(p)], *_alone(members, learned)):
            if not group:
                continue
            try:
                blocks += plan_function(function, group, narrowed, cost)
            except PlanError:
                # what was learned of other points must not make these unreadable
                blocks += plan_function(function, group, bounds, cost)
    return blocks


def _alone(members: Sequence[Place], learned: Learned) -> list[list[Place]]:
    by_low: dict[tuple[int, int], list[Place]] = {}
    for place in members:
        if learned.doubts(place):
            by_low.setdefault((place.low, place.high), []).append(place)
    return list(by_low.values())


class UnitPlans:
    """The plans of one unit."""

    def __init__(
        self, unit: int, profiles: Sequence[Profile], pace: Pace, learned: Learned, now_ms: Callable[[], int]
    ) -> None:
        self.limits = common_limits(profiles)
        self.learned = learned
        self._unit = unit
        self._profiles = tuple(profiles)
        self._pace = pace
        self._now_ms = now_ms
        self._plans: dict[Wanted, Plan] = {}
        self._changes_ms = 0

    def plan(self, wanted: Wanted) -> Plan:
        """How `wanted` is read at best. Raises `PlanError`."""
        plan = self._plans.get(wanted)
        if plan is None or (self._changes_ms and self._now_ms() >= self._changes_ms):
            if plan is not None:
                self.forget()
            plan = self._plans[wanted] = self._make(wanted)
            self._changes_ms = self.learned.next_change_ms(self._now_ms())
        return plan

    def forget(self) -> None:
        """Plan anew: costs have changed, or something was learned."""
        self._plans.clear()

    def cheapest(self, wanted: Wanted) -> Wanted:
        """The points of the smallest block: the cheapest question that the unit should answer."""
        blocks = [each.block for each in self.plan(wanted).blocks]
        if not blocks:
            return frozenset()
        smallest = min(blocks, key=lambda block: block.count)
        return frozenset((place.owner, place.point.key) for place in smallest.places)

    def parts(self, block: Block) -> list[PlannedBlock]:
        """A refused block in parts: parted at its holes first, else halved; none where it is one point."""
        bounds = bounds_of(self.limits, block.function, bridge=False)
        parts = plan_function(block.function, block.places, bounds, self._pace.cost) if block.holes else []
        if len(parts) < 2:
            parts = halves(block)
        return [self._ready(part) for part in parts]

    def _make(self, wanted: Wanted) -> Plan:
        now_ms = self._now_ms()
        places = [
            Place(owner, point)
            for owner, profile in enumerate(self._profiles)
            for point in profile.expanded
            if (owner, point.key) in wanted
        ]
        refused = [place for place in places if self.learned.refuses(place, now_ms)]
        asked = [place for place in places if place not in refused]
        if refused and not asked:
            # something must be asked, or nobody would notice that the unit lives and has changed its mind
            first = refused[0]
            asked = [place for place in refused if (place.low, place.high) == (first.low, first.high)]
            refused = [place for place in refused if place not in asked]
        blocks = plan_places(asked, self.limits, self._pace.cost, self.learned, now_ms)
        return Plan(tuple(self._ready(block) for block in blocks), tuple(refused))

    def _ready(self, block: Block) -> PlannedBlock:
        points: dict[int, list[Place]] = {}
        for place in block.places:
            points.setdefault(place.owner, []).append(place)
        decoders = tuple(
            (
                owner,
                BlockDecoder(
                    self._profiles[owner],
                    [place.point for place in places],
                    block.function,
                    block.address,
                    block.count,
                ),
            )
            for owner, places in points.items()
        )
        return PlannedBlock(block, block.request(self._unit), decoders)
