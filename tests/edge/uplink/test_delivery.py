"""The window over the spool: nothing starves, nothing floods, acknowledgements always count."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.uplink.budget import Budget
from edge.uplink.delivery import FIRST_S, LARGEST_WINDOW, LONGEST_S, Delivery
from edge.uplink.reconnect import ReconnectPause
from telemetry.sparkplug.ack import make_ack

EPOCH = "0123456789abcdef"


class Host:
    """Acknowledges a batch `delay` seconds after it got it, but for `poison`, and only while `is_up`."""

    def __init__(self, delay: float, poison: frozenset[int] = frozenset()) -> None:
        self.delay = delay
        self.poison = poison
        self.is_up = True
        self.pending: list[tuple[float, int]] = []
        self.stored: set[int] = set()

    def get(self, number: int, now: float) -> None:
        if self.is_up and number not in self.poison:
            self.pending.append((now + self.delay, number))

    def answers(self, now: float) -> list[int]:
        ready = [number for due, number in self.pending if due <= now]
        self.pending = [(due, number) for due, number in self.pending if due > now]
        self.stored.update(ready)
        return ready


def drain(
    count: int, host: Host, *, until_s: float = 3600.0, outage: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, int, int]:
    """Send a spool of `count` batches; returns seconds, messages sent, and the most on the way at once."""
    delivery = Delivery(random=random.Random(1))
    delivery.begin(count)
    waiting = set(range(1, count + 1))
    now, sent, most = 0.0, 0, 0
    while waiting - host.poison and now < until_s:
        host.is_up = not outage[0] <= now < outage[1]
        again = [n for n in delivery.due(now)[: delivery.window] if n in waiting]
        fresh = sorted(waiting - delivery.on_the_way)[: delivery.room()]
        for number in again + fresh:
            delivery.sent(number, now)
            host.get(number, now)
            sent += 1
        most = max(most, len(delivery._attempts))
        answers = host.answers(now)
        if host.is_up and round(now / 0.2) % 25 == 0:
            answers.append(count + 1)  # something that went out live
        if answers:
            waiting -= set(answers)
            delivery.acked(make_ack(EPOCH, answers), now)
        now += 0.2
    assert waiting <= host.poison
    return now, sent, most


@given(count=st.integers(1, 800), delay=st.floats(0, 4))
@settings(max_examples=40, deadline=None)
def test_everything_arrives_and_nothing_twice_while_the_host_is_quick(count: int, delay: float) -> None:
    _, sent, most = drain(count, Host(delay))
    assert sent == count
    assert most <= LARGEST_WINDOW


def test_an_outage_costs_few_messages_and_ends_by_itself() -> None:
    host = Host(1.0)
    seconds, sent, most = drain(500, host, outage=(2.0, 1800.0))
    assert host.stored == set(range(1, 501))
    assert seconds < 1800 + LONGEST_S * 1.2 + 60
    assert sent < 500 + 20 * LARGEST_WINDOW
    assert most <= LARGEST_WINDOW


def test_batches_that_are_never_acknowledged_do_not_block_the_others() -> None:
    poison = frozenset(range(1, 200))
    host = Host(1.0, poison)
    drain(1000, host, until_s=20_000)
    assert host.stored == set(range(200, 1001))


def test_attempts_grow_apart() -> None:
    delivery = Delivery(random=random.Random(1))
    delivery.begin(1)
    now, pauses = 0.0, []
    for _ in range(10):
        delivery.sent(1, now)
        before = now
        while delivery.due(now) != [1]:
            now += 0.1
        pauses.append(now - before)
    assert FIRST_S <= pauses[0] <= FIRST_S * 1.2 + 0.2
    assert all(later >= earlier for earlier, later in itertools.pairwise(pauses[:6]))
    assert LONGEST_S <= pauses[-1] <= LONGEST_S * 1.2 + 0.2


def test_live_batches_get_their_five_seconds_first() -> None:
    delivery = Delivery()
    delivery.begin(10)
    assert delivery.ripe == 10
    delivery.note_newest(100.0, 15)
    delivery.note_newest(104.0, 20)
    assert delivery.ripe == 10
    delivery.note_newest(105.0, 20)
    assert delivery.ripe == 15
    delivery.note_newest(109.5, 20)
    assert delivery.ripe == 20


def test_lag_counts_from_the_first_unanswered_message() -> None:
    delivery = Delivery()
    delivery.begin(0)
    assert delivery.lag(1000.0) == 0
    delivery.sent_live(10.0)
    delivery.sent_live(20.0)
    assert delivery.lag(30.0) == 20
    delivery.acked(make_ack(EPOCH, [1]), 31.0)
    assert delivery.lag(40.0) == 0


@given(st.lists(st.tuples(st.floats(0.01, 2), st.integers(1, 100_000)), max_size=200))
def test_budget_is_kept_but_for_one_batch(steps: list[tuple[float, int]]) -> None:
    budget = Budget(batches_rate=10, bytes_rate=1000)
    now, batches, spent, largest = 0.0, 0, 0, 0
    for passed, size in steps:
        now += passed
        budget.refill(now)
        while budget.batches and size:
            budget.spend(size)
            batches, spent, largest = batches + 1, spent + size, max(largest, size)
        assert batches <= 10 * (now + 1)
        assert spent <= 1000 * (now + 1) + largest


@given(st.floats(0, 120), st.floats(1, 600), st.integers(1, 40))
def test_reconnecting_is_spread_and_bounded(first_s: float, longest_s: float, failures: int) -> None:
    pause = ReconnectPause(first_s, longest_s)
    pauses = [pause.next() for _ in range(failures)]
    assert 0 <= pauses[0] <= first_s
    assert all(0 <= each <= longest_s for each in pauses)
    pause.connected()
    assert pause.next() <= first_s
