"""The plan beside every possible plan, on small sets; and points that belong together."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.modbus.planner import (
    LineCost,
    Place,
    bounds_of,
    halves,
    plan_blocks,
    plan_function,
)
from edge.errors import PlanError
from telemetry.devices.profiles import Limits, ProfilePoint
from tests.bench.bus import rules
from tests.edge.drivers.test_planner import allowed, costs, limit_sets, point, point_sets, price, span

small_sets = point_sets().filter(lambda points: len(points) <= 6)


def partitions(points: list[ProfilePoint]) -> Iterator[list[list[ProfilePoint]]]:
    """Every way to put points into requests."""
    if not points:
        yield []
        return
    first, *rest = points
    for groups in partitions(rest):
        yield [[first], *groups]
        for place in range(len(groups)):
            yield [*groups[:place], [first, *groups[place]], *groups[place + 1 :]]


@given(small_sets, limit_sets(), costs)
def test_no_plan_is_cheaper(points: list[ProfilePoint], limits: Limits, cost: LineCost) -> None:
    planned = price(plan_blocks(points, limits, cost), cost)
    for groups in partitions(points):
        if all(len(group) == 1 or allowed(group, limits) for group in groups):
            other = sum(cost.of(3, span(group)[1] - span(group)[0]) for group in groups)
            assert planned <= other + 1e-9


@given(point_sets(), st.integers(8, 125), costs, st.sampled_from([0, 10, 50]))
def test_no_published_rule_is_cheaper(
    points: list[ProfilePoint], largest: int, cost: LineCost, fill: int
) -> None:
    fields = [rules.Field(each.address or 0, each.words) for each in points]
    groups = rules.max_insert(fields, largest, fill)
    planned = price(plan_blocks(points, Limits(max_registers=largest), cost), cost)
    assert planned <= sum(cost.of(3, count) for _, count in groups) + 1e-9


@given(point_sets(), st.data(), st.integers(20, 125), costs)
def test_points_that_belong_together_always_travel_together(
    points: list[ProfilePoint], data: st.DataObject, largest: int, cost: LineCost
) -> None:
    keys = [each.key for each in points]
    mates = data.draw(st.dictionaries(st.sampled_from(keys), st.sampled_from(keys), max_size=4))
    tied = [each.model_copy(update={"atomic_with": mates.get(each.key, "")}) for each in points]
    try:
        blocks = plan_blocks(tied, Limits(max_registers=largest), cost)
    except PlanError:
        assert mates
        return
    block_of = {key: number for number, block in enumerate(blocks) for key in block.keys}
    assert sorted(block_of) == sorted(keys)
    assert all(block_of[key] == block_of[mate] for key, mate in mates.items())
    assert all(block.count <= largest for block in blocks)


@given(point_sets(), point_sets(), costs)
def test_instruments_of_one_unit_are_never_dearer_together(
    mine: list[ProfilePoint], yours: list[ProfilePoint], cost: LineCost
) -> None:
    bounds = bounds_of(Limits(), 3)
    places = [Place(0, each) for each in mine], [Place(1, each) for each in yours]
    apart = sum(price(tuple(plan_function(3, each, bounds, cost)), cost) for each in places)
    together = plan_function(3, [*places[0], *places[1]], bounds, cost)
    assert price(tuple(together), cost) <= apart + 1e-9
    assert sum(len(block.places) for block in together) == len(mine) + len(yours)


@given(point_sets(), costs)
def test_halves_of_a_block_have_all_its_points_and_end_with_single_ones(
    points: list[ProfilePoint], cost: LineCost
) -> None:
    for block in plan_blocks(points, Limits(), cost):
        waiting = [block]
        ends: list[str] = []
        while waiting:
            part = waiting.pop()
            parts = halves(part)
            assert all(block.address <= each.address and each.end <= block.end for each in parts)
            ends += [] if parts else part.keys
            waiting += parts
        assert sorted(ends) == sorted(block.keys)


def test_owners_of_one_point_share_its_request() -> None:
    relay = point("relay", 3)
    (block,) = plan_function(3, [Place(0, relay), Place(1, relay)], bounds_of(Limits(), 3), LineCost(1, 1))
    assert (block.address, block.count) == (3, 1)
    assert [place.owner for place in block.places] == [0, 1]
    assert halves(block) == []
