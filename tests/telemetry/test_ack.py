"""Acknowledgements."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import AckError
from telemetry.sparkplug.ack import BatchId, make_ack, parse_ack, parse_batch_id

NUMBERS = st.sets(st.integers(0, 500) | st.integers(0, 10**15), min_size=1, max_size=60)


@given(NUMBERS, st.randoms())
def test_an_ack_says_exactly_its_numbers(numbers: set[int], chance: object) -> None:
    disordered = list(numbers) + list(numbers)[:3]
    chance.shuffle(disordered)  # type: ignore[attr-defined]
    ack = parse_ack(str(make_ack("3f9a62d1", disordered)))
    assert set(ack.numbers()) == numbers
    assert all(number in ack for number in numbers)
    assert -1 not in ack
    assert max(numbers) + 1 not in ack


@given(NUMBERS)
def test_ranges_are_ascending_and_do_not_touch(numbers: set[int]) -> None:
    ranges = make_ack("3f9a62d1", numbers).ranges
    assert all(first <= last for first, last in ranges)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))


def test_ranges_from_outside_are_ordered_and_joined() -> None:
    assert parse_ack("3f9a62d1:7,1-4,3-5,6").ranges == ((1, 7),)
    assert str(parse_ack("3f9a62d1:100-140,143")) == "3f9a62d1:100-140,143"


def test_a_huge_range_costs_nothing() -> None:
    ack = parse_ack("3f9a62d1:0-9999999999999999999")
    assert 10**18 in ack
    assert next(ack.numbers()) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3f9a62d1",
        "3f9a62d1:",
        "3f9a62d1:5-1",
        "3F9A62D1:1",
        "3f9a62d1:1;2",
        "3f9a62d1:-4",
        "x:1",
        "abc:1",
        "3f9a62d1:1,",
        "3f9a62d1:1-2-3",
        "3f9a62d1:" + "9" * 20,
        "3f9a62d1:١",
    ],
)
def test_bad_texts(text: str) -> None:
    with pytest.raises(AckError):
        parse_ack(text)


@given(st.text(max_size=40))
def test_no_other_error_whatever_the_text(text: str) -> None:
    try:
        parse_ack(text)
    except AckError:
        return


@given(st.from_regex(r"[0-9a-f]{8,32}", fullmatch=True), st.integers(0, 10**18))
def test_batch_ids_round_trip(epoch: str, number: int) -> None:
    assert parse_batch_id(str(BatchId(epoch, number))) == BatchId(epoch, number)


@pytest.mark.parametrize(
    "uuid", [None, "", "SPBV1.0_COMPRESSED", "3f9a62d1:", "3f9a62d1:1-2", " 3f9a62d1:1", "3f9a62d1:1\n"]
)
def test_other_uuids_are_no_batches(uuid: str | None) -> None:
    assert parse_batch_id(uuid) is None
