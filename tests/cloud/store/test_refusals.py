"""The bad lines are found, whichever they are, and all others are written."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.store.refusals import Refusal, refusal_of, write_all

Write = Callable[[Sequence[int]], Refusal]


def told_by(written: set[int], bad: set[int], requests: list[int], *, tells: str) -> Write:
    def write(items: Sequence[int]) -> Refusal:
        requests.append(len(items))
        written.update(set(items) - bad)
        refused = [place for place, item in enumerate(items) if item in bad]
        if not refused:
            return Refusal()
        if tells == "lines":
            return Refusal("partial write", None, dict.fromkeys(refused, "refused"))
        return Refusal("refused", len(refused) if tells == "count" else None)

    return write


@given(
    st.integers(0, 300), st.sets(st.integers(0, 299), max_size=10), st.sampled_from(["", "count", "lines"])
)
def test_exactly_the_refused_are_told(count: int, bad: set[int], tells: str) -> None:
    written: set[int] = set()
    requests: list[int] = []
    told = dict(write_all(range(count), told_by(written, bad, requests, tells=tells), lambda item: item))
    expected = bad.intersection(range(count))
    assert told == dict.fromkeys(expected, "refused")
    assert written == set(range(count)) - bad
    most = 1 if tells == "lines" else 1 + 2 * len(expected) * (math.ceil(math.log2(max(count, 2))) + 1)
    assert len(requests) <= most


@given(st.integers(1, 5000), st.integers(0, 1000))
def test_what_is_too_old_is_found_by_few_requests(old: int, seed: int) -> None:
    items = list(range(5000))
    random.Random(seed).shuffle(items)
    written: set[int] = set()
    requests: list[int] = []
    bad = set(range(old))
    told = dict(write_all(items, told_by(written, bad, requests, tells="count"), lambda item: item))
    assert told.keys() == bad
    assert written == set(items) - bad
    assert len(requests) <= 2 * math.ceil(math.log2(5000)) + 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"error":"partial write: points beyond retention policy dropped=3"}',
            Refusal("partial write: points beyond retention policy dropped=3", 3),
        ),
        (b'{"code":"invalid","message":"failure writing points"}', Refusal("failure writing points")),
        (
            b'{"error":"partial write","data":[{"line_number":2,"error_message":"invalid column type"}]}',
            Refusal("partial write", None, {1: "invalid column type"}),
        ),
        (b"<html>413</html>", Refusal("<html>413</html>")),
        (b"", Refusal("refused")),
        (b'{"error":"x","data":"y"}', Refusal("x")),
    ],
)
def test_what_servers_say(body: bytes, expected: Refusal) -> None:
    assert refusal_of(body) == expected
