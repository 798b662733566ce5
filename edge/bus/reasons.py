"""Why a plan reads addresses along that nobody asked for, or makes another request instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge.drivers.modbus.frames import READ_BITS
from edge.drivers.modbus.planner import Block, LineCost, Span
from telemetry.devices.profiles import Limits


@dataclass(frozen=True, slots=True)
class Reason:
    """What was decided about the addresses `low` … `high` between points."""

    function: int
    low: int
    high: int
    read_along: bool
    why: str


def reasons_of(blocks: Sequence[Block], limits: Limits, cost: LineCost) -> list[Reason]:
    """The decisions of a plan, by function and address."""
    by_function: dict[int, list[Block]] = {}
    for block in blocks:
        by_function.setdefault(block.function, []).append(block)
    reasons: list[Reason] = []
    for function, members in sorted(by_function.items()):
        ordered = sorted(members, key=lambda block: block.address)
        for block in ordered:
            reasons += [_along(function, hole, cost) for hole in block.holes]
        reasons += [_apart(function, pair, limits, cost) for pair in pairwise(ordered)]
    return sorted(reasons, key=lambda reason: (reason.function, reason.low))


def _along(function: int, hole: Span, cost: LineCost) -> Reason:
    size = hole[1] - hole[0] + 1
    extra, request = _ms(cost, function, size), _ms(cost, function, 0)
    why = f"reading them costs {extra - request:.2g} ms more, another request would cost {request:.3g} ms"
    return Reason(function, *hole, True, why)


def _apart(function: int, pair: tuple[Block, Block], limits: Limits, cost: LineCost) -> Reason:
    first, second = pair
    low, high = first.end, second.address - 1
    together = max(first.end, second.end) - first.address
    largest = limits.max_coils if function in READ_BITS else limits.max_registers
    request = _ms(cost, function, 0)
    extra = _ms(cost, function, max(high - low + 1, 0)) - request
    if forbidden := _touching(limits.never_bridge, low, high):
        why = f"{forbidden} must not be read along, says the profile"
    elif told_once := _touching(limits.clear_on_read, first.address, second.end - 1):
        why = f"{told_once} are cleared by reading, and read for themselves only"
    elif together > largest:
        why = f"together {together} addresses, the instrument bears {largest} in one request"
    elif extra > request:
        why = f"reading them would cost {extra:.3g} ms more, another request costs {request:.3g} ms"
    else:
        why = "refused by the unit before, or cheaper in another cut of the whole"
    return Reason(function, low, high, False, why)


def _touching(spans: Sequence[Span], low: int, high: int) -> str:
    return ", ".join(f"{first}-{last}" for first, last in spans if first <= high and low <= last)


def _ms(cost: LineCost, function: int, count: int) -> float:
    return cost.of(function, count) * 1000
