"""Block planning: limits always hold, and no simpler rule is ever cheaper."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.modbus.planner import TCP_COST, Block, LineCost, plan_blocks, serial_cost
from edge.errors import PlanError
from telemetry.devices.library import Library
from telemetry.devices.profiles import Limits, ProfilePoint
from telemetry.devices.registers import RegisterType

WORDS = [RegisterType.U16, RegisterType.F32_BE, RegisterType.S64_BE]


def point(
    key: str, address: int, kind: RegisterType = RegisterType.U16, fc: int = 3, **more: str
) -> ProfilePoint:
    return ProfilePoint.model_validate({"key": key, "fc": fc, "address": address, "type": kind, **more})


@st.composite
def point_sets(draw: st.DrawFn) -> list[ProfilePoint]:
    places = draw(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(WORDS)), min_size=1, max_size=25))
    return [point(f"p{number}", address, kind) for number, (address, kind) in enumerate(places)]


@st.composite
def limit_sets(draw: st.DrawFn) -> Limits:
    ranges = st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1])),
        max_size=2,
    )
    return Limits(
        max_registers=draw(st.integers(4, 125)), never_bridge=draw(ranges), clear_on_read=draw(ranges)
    )


costs = st.builds(LineCost, st.floats(0.001, 0.1), st.floats(0.000_01, 0.005))


def price(blocks: tuple[Block, ...], cost: LineCost) -> float:
    return sum(cost.of(block.function, block.count) for block in blocks)


def gap_rule(points: list[ProfilePoint], limits: Limits, gap: int) -> list[list[ProfilePoint]]:
    """What others do: join neighbours whose hole is at most `gap`, within the same limits."""
    groups: list[list[ProfilePoint]] = []
    for each in sorted(points, key=lambda p: (p.address or 0, p.words)):
        if groups:
            joined = [*groups[-1], each]
            end = max((p.address or 0) + p.words for p in groups[-1])
            if (each.address or 0) - end <= gap and allowed(joined, limits):
                groups[-1] = joined
                continue
        groups.append([each])
    return groups


def span(points: list[ProfilePoint]) -> tuple[int, int]:
    return min(p.address or 0 for p in points), max((p.address or 0) + p.words for p in points)


def allowed(points: list[ProfilePoint], limits: Limits) -> bool:
    low, high = span(points)
    covered = {a for p in points for a in range(p.address or 0, (p.address or 0) + p.words)}
    holes = set(range(low, high)) - covered
    forbidden = [*limits.never_bridge, *limits.clear_on_read]
    if high - low > limits.max_registers or any(
        first <= a <= last for a in holes for first, last in forbidden
    ):
        return False
    for first, last in limits.clear_on_read:
        inside = [p for p in points if first < (p.address or 0) + p.words and (p.address or 0) <= last]
        if inside and len(inside) < len(points):
            return False
    return True


@given(point_sets(), limit_sets(), costs)
def test_plan_reads_every_point_once_within_every_limit(
    points: list[ProfilePoint], limits: Limits, cost: LineCost
) -> None:
    blocks = plan_blocks(points, limits, cost)
    by_key = {each.key: each for each in points}
    assert sorted(key for block in blocks for key in block.keys) == sorted(by_key)
    for block in blocks:
        members = [by_key[key] for key in block.keys]
        assert (block.address, block.end) == span(members)
        assert len(members) == 1 or allowed(members, limits)


@given(point_sets(), limit_sets(), costs, st.sampled_from([0, 5, 10, 50]))
def test_plan_is_never_dearer_than_single_reads_or_a_gap_rule(
    points: list[ProfilePoint], limits: Limits, cost: LineCost, gap: int
) -> None:
    planned = price(plan_blocks(points, limits, cost), cost)
    singly = sum(cost.of(3, each.words) for each in points)
    grouped = sum(cost.of(3, span(group)[1] - span(group)[0]) for group in gap_rule(points, limits, gap))
    assert planned <= singly + 1e-9
    assert planned <= grouped + 1e-9


@given(point_sets(), costs)
def test_without_bridging_no_unknown_address_is_read(points: list[ProfilePoint], cost: LineCost) -> None:
    covered = {a for p in points for a in range(p.address or 0, (p.address or 0) + p.words)}
    for block in plan_blocks(points, Limits(), cost, bridge=False):
        assert set(range(block.address, block.end)) <= covered


def test_cost_decides_whether_a_hole_is_worth_reading() -> None:
    points = [point("a", 0), point("b", 20)]
    assert len(plan_blocks(points, Limits(), serial_cost(9600, turnaround_s=0.0))) == 2
    assert len(plan_blocks(points, Limits(), serial_cost(9600, turnaround_s=0.05))) == 1
    assert len(plan_blocks(points, Limits(), TCP_COST)) == 1


def test_points_that_belong_together_share_a_request_or_are_refused() -> None:
    points = [point("a", 0), point("x", 10), point("b", 60, atomic_with="a")]
    cost = LineCost(0.000_1, 0.01)
    assert [set(block.keys) for block in plan_blocks(points, Limits(), cost)] == [{"a", "b", "x"}]
    with pytest.raises(PlanError, match="a, b"):
        plan_blocks(points, Limits(max_registers=40), cost)


def test_functions_are_never_mixed_and_write_only_points_are_left_out() -> None:
    relay = Library.shipped().profile("waveshare_relay8")
    blocks = plan_blocks(relay.expanded, relay.limits, TCP_COST)
    assert [(block.function, block.address, block.count) for block in blocks][:2] == [(1, 0, 8), (2, 0, 8)]
    assert not any(key.startswith("flash") for block in blocks for key in block.keys)


def test_sdm120_keeps_to_40_registers_and_off_its_forbidden_range() -> None:
    profile = Library.shipped().profile("eastron_sdm120")
    for block in plan_blocks(profile.expanded, profile.limits, TCP_COST):
        assert block.count <= 40
        assert not (block.address < 0x50 and block.end > 0x50)


def test_qdw90a_is_never_asked_for_more_than_20_registers() -> None:
    profile = Library.shipped().profile("qdw90a_pressure")
    assert all(block.count <= 20 for block in plan_blocks(profile.expanded, profile.limits, TCP_COST))
