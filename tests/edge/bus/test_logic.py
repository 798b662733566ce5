"""Schedule, breaker, time-outs, stamps and orders: logic without lines."""

from __future__ import annotations

import asyncio
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bus.backoff import Backoff
from edge.bus.breaker import FAILED_CYCLES, PROBE_SHARE, Breaker, ProbeBudget
from edge.bus.orders import LARGEST, Orders, Priority
from edge.bus.schedule import Schedule
from edge.bus.stamps import Stamps
from edge.bus.timeouts import ENOUGH, AdaptiveTimeout
from edge.errors import BusClosed, BusTimeout


class FixedClock:
    """A clock that stands where the test puts it."""

    def __init__(self, wall_ms: int) -> None:
        self.wall_ms = wall_ms
        self.seconds = 100.0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic(self) -> float:
        return self.seconds


@given(
    st.lists(st.floats(0.1, 5), min_size=1, max_size=8),
    st.floats(0.01, 2),
    st.integers(1, 200),
)
def test_schedule_never_queues_and_never_starves(periods: list[float], cost: float, steps: int) -> None:
    schedule = Schedule({str(number): period for number, period in enumerate(periods)}, 0.0)
    now, made = 0.0, {str(number): 0 for number in range(len(periods))}
    for _ in range(steps):
        name, wait = schedule.next(now)
        if name is None:
            assert wait > 0
            now += wait
            continue
        now += cost
        made[name] += 1
        schedule.done(name, now)
    for number, period in enumerate(periods):
        assert made[str(number)] <= now / period + 1
        if now > len(periods) * cost + 2 * max(periods) + sum(periods) + cost:
            assert made[str(number)] > 0


def test_schedule_prefers_the_earliest_deadline_and_counts_what_it_leaves_out() -> None:
    schedule = Schedule({"slow": 60.0, "quick": 1.0}, 0.0)
    assert schedule.next(0.0) == ("quick", 0.0)
    assert schedule.done("quick", 0.1) == 0
    assert schedule.next(0.1) == ("slow", 0.0)
    assert schedule.done("slow", 5.0) == 0
    assert schedule.next(5.0) == ("quick", 0.0)
    assert schedule.done("quick", 5.1) == 4
    assert schedule.overruns == 4
    assert schedule.next(5.2) == (None, pytest.approx(0.9))


def test_schedule_holds_a_job_back_and_keeps_its_deadline() -> None:
    schedule = Schedule({"a": 1.0, "b": 1.5}, 0.0)
    assert schedule.next(0.0) == ("a", 0.0)
    assert not schedule.take("a", 0.0)
    schedule.hold("a", 0.8)
    assert schedule.next(0.0) == ("b", 0.0)
    assert schedule.next(0.0) == (None, pytest.approx(0.8))
    schedule.done("b", 0.1)
    assert schedule.next(1.6) == ("a", 0.0)
    assert schedule.take("b", 1.6)
    assert schedule.next(1.6) == (None, pytest.approx(math.inf))
    schedule.done("a", 1.7)
    schedule.done("b", 1.7)
    schedule.at_once("a", 1.7)
    assert schedule.next(1.7) == ("a", 0.0)


@given(st.lists(st.floats(0.05, 2), min_size=2, max_size=12), st.floats(0.2, 1))
def test_no_job_starves_however_much_is_demanded(periods: list[float], cost: float) -> None:
    """Every job is done again after at most its deadline and one round of the others."""
    schedule = Schedule({str(number): period for number, period in enumerate(periods)}, 0.0)
    now, last = 0.0, dict.fromkeys(map(str, range(len(periods))), 0.0)
    while now < 60:
        name, wait = schedule.next(now)
        if name is None:
            now += wait
            continue
        now += cost
        assert now - last[name] <= 2 * periods[int(name)] + len(periods) * cost + max(periods) + 1e-6
        last[name] = now
        schedule.done(name, now)
    for name, done in last.items():
        assert 60 - done <= 2 * periods[int(name)] + len(periods) * cost + max(periods) + cost


@given(st.floats(0.1, 300), st.integers(0, 2**32))
def test_breaker_opens_after_two_cycles_and_probes_ever_more_rarely(period: float, seed: int) -> None:
    breaker = Breaker(period, random.Random(seed))
    breaker.succeeded()
    assert [breaker.failed(0.0) for _ in range(FAILED_CYCLES)] == [False, True]
    first = breaker.probe_at
    assert 0.8 * min(2 * period, max(60, period)) <= first <= 1.2 * max(60, period)
    for _ in range(10):
        assert not breaker.failed(0.0)
    assert 0.8 * max(60, period) <= breaker.probe_at <= 1.2 * max(60, period)
    breaker.succeeded()
    assert not breaker.is_open


def test_breaker_of_a_unit_never_heard_opens_at_once_and_is_probed_soon() -> None:
    breaker = Breaker(60.0, random.Random(1))
    assert breaker.failed(0.0)
    assert breaker.is_open
    assert breaker.probe_at <= 1.2


@given(st.lists(st.floats(0.05, 0.5), min_size=1, max_size=30))
def test_probes_take_at_most_their_share(costs: list[float]) -> None:
    budget = ProbeBudget(0.5)
    now = spent = 0.0
    budget.allowed_at(now, 0.5)
    for cost in costs:
        now = max(now, budget.allowed_at(now, cost)) + cost
        spent += cost
        budget.spend(now, cost)
    assert spent <= PROBE_SHARE * now + 0.5


@given(st.lists(st.floats(0, 3), max_size=50), st.integers(0, 10))
def test_patience_is_never_above_the_cap_nor_below_the_floor(answers: list[float], silences: int) -> None:
    patience = AdaptiveTimeout(1.0, 0.1, 0.2)
    for answer in answers:
        patience.answered(answer)
    for _ in range(silences):
        patience.silent()
    assert 0.1 <= patience.seconds(0.0) <= 1.0
    assert patience.seconds(0.2) == pytest.approx(patience.seconds(0.0) + 0.2)


def test_patience_is_learned_and_lost_again() -> None:
    patience = AdaptiveTimeout(1.0, 0.1, 0.25)
    assert patience.seconds(0) == 0.25
    patience.silent()
    patience.silent()
    assert patience.seconds(0) == 1.0
    for _ in range(ENOUGH):
        patience.answered(0.04)
    assert patience.seconds(0) == pytest.approx(0.16)
    patience.silent()
    assert patience.seconds(0) == pytest.approx(0.32)
    for _ in range(5):
        patience.silent()
    assert patience.seconds(0) == 1.0


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(-5000, 5000)), max_size=50))
def test_times_of_a_device_strictly_increase_even_where_the_clock_goes_back(
    steps: list[tuple[str, int]],
) -> None:
    clock = FixedClock(1_700_000_000_000)
    stamps = Stamps(clock, {"a": 1_700_000_000_500})
    last = {"a": 1_700_000_000_500, "b": 0}
    for device, step in steps:
        clock.wall_ms += step
        stamp = stamps.now(device)
        assert stamp > last[device]
        last[device] = stamp


def test_stamp_is_the_middle_of_the_exchange() -> None:
    clock = FixedClock(1_700_000_000_000)
    assert Stamps(clock).midpoint("a", clock.seconds - 0.4, clock.seconds) == 1_699_999_999_800


def test_backoff_grows_with_jitter_up_to_its_end() -> None:
    backoff = Backoff(0.5, 30.0, random.Random(1))
    delays = [backoff.failed() for _ in range(40)]
    assert 0.25 <= delays[0] <= 0.5
    assert all(delay <= 30.0 for delay in delays)
    assert min(delays[10:]) >= 15.0
    backoff.succeeded()
    assert backoff.failed() <= 0.5


@pytest.mark.anyio
async def test_orders_are_bounded_sorted_and_all_get_an_answer() -> None:
    orders = Orders("rs485-1")
    done: list[str] = []

    async def work(name: str) -> str:
        done.append(name)
        if name == "bad":
            raise BusTimeout("no answer")
        return name

    with pytest.raises(BusClosed, match="not open"):
        await orders.place(Priority.COMMAND, lambda: work("early"))
    orders.opened()
    read = asyncio.ensure_future(orders.place(Priority.READ_BACK, lambda: work("read")))
    write = asyncio.ensure_future(orders.place(Priority.COMMAND, lambda: work("write")))
    bad = asyncio.ensure_future(orders.place(Priority.COMMAND, lambda: work("bad")))
    given_up = asyncio.ensure_future(orders.place(Priority.COMMAND, lambda: work("given up")))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    await orders.serve()
    assert done == ["write", "bad", "read"]
    assert (await read, await write) == ("read", "write")
    with pytest.raises(BusTimeout):
        await bad
    waiting = [
        asyncio.ensure_future(orders.place(Priority.COMMAND, lambda: work("late"))) for _ in range(LARGEST)
    ]
    await asyncio.sleep(0)
    with pytest.raises(BusClosed, match="64 orders waiting"):
        await orders.place(Priority.COMMAND, lambda: work("one too many"))
    orders.closed("cable pulled")
    for each in waiting:
        with pytest.raises(BusClosed, match="cable pulled"):
            await each
