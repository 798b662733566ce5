"""The bad lines are found, whichever they are, and all others are written."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cloud.store.refusals import write_all


@given(st.integers(0, 300), st.sets(st.integers(0, 299), max_size=10))
def test_exactly_the_refused_are_told(count: int, bad: set[int]) -> None:
    written: set[int] = set()
    requests = 0

    def write(items: Sequence[int]) -> str:
        nonlocal requests
        requests += 1
        written.update(set(items) - bad)
        refused = bad.intersection(items)
        return f"{len(refused)} refused" if refused else ""

    told = dict(write_all(range(count), write))
    expected = bad.intersection(range(count))
    assert told == dict.fromkeys(expected, "1 refused")
    assert written == set(range(count)) - bad
    assert requests <= 1 + 2 * len(expected) * (math.ceil(math.log2(max(count, 2))) + 1)
