from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.host.reorder import Arrival, Order


def begun() -> Order:
    order = Order()
    order.begin(0)
    return order


def test_a_whole_round_in_order() -> None:
    order = begun()
    assert {order.take(number % 256, 0.0) for number in range(1, 1000)} == {Arrival.NEXT}


def test_a_gap_is_closed_by_the_late_message() -> None:
    order = begun()
    assert order.take(1, 0.0) is Arrival.NEXT
    assert order.take(4, 1.0) is Arrival.AHEAD
    assert set(order.missed) == {2, 3}
    assert [order.take(seq, 2.0) for seq in (3, 2, 2)] == [Arrival.LATE, Arrival.LATE, Arrival.REPEATED]
    assert order.take(5, 3.0) is Arrival.NEXT
    assert order.missed == {}


def test_what_stays_away_too_long_is_lost_once() -> None:
    order = begun()
    order.take(3, 10.0)
    assert order.lost(14.9, 5) == 0
    assert order.lost(15.0, 5) == 2
    assert order.lost(99.0, 5) == 0
    assert order.take(1, 99.0) is Arrival.REPEATED


def test_a_birth_forgets_the_past() -> None:
    order = begun()
    order.take(9, 0.0)
    order.begin(0)
    assert order.missed == {}
    assert order.take(1, 0.0) is Arrival.NEXT


@given(
    lost=st.sets(st.integers(1, 300), max_size=40),
    swapped=st.sets(st.integers(1, 299), max_size=20),
)
def test_exactly_what_never_came_is_lost(lost: set[int], swapped: set[int]) -> None:
    """Gaps of less than half a round, and neighbours that overtake one another."""
    sent = [number for number in range(1, 301) if number not in lost]
    for index in sorted(swapped):
        if index + 1 < len(sent):
            sent[index], sent[index + 1] = sent[index + 1], sent[index]
    order = begun()
    given_up = 0
    for now_s, number in enumerate(sent):
        order.take(number % 256, float(now_s))
        given_up += order.lost(float(now_s), 10)
    given_up += order.lost(1e9, 10)
    assert given_up == len([number for number in lost if number < max(sent, default=0)])


@given(st.lists(st.tuples(st.integers(0, 255), st.floats(0, 100))))
def test_any_numbers_keep_the_memory_small(arrivals: list[tuple[int, float]]) -> None:
    order = Order()
    for seq, now_s in arrivals:
        order.take(seq, now_s)
        assert len(order.missed) < 256
    assert order.lost(1e9, 5) < 256
    assert order.missed == {}
