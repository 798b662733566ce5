"""Where boots lie that never learned the time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.spool.settling import Boot, place
from edge.time.settler import placements

NOW_MS = 1_790_000_000_000


@given(
    st.lists(
        st.tuples(st.integers(0, 10**8), st.integers(0, 10**7), st.integers(0, 10**8)), min_size=1, max_size=6
    )
)
def test_the_truth_is_never_further_off_than_the_estimate_says(lives: list[tuple[int, int, int]]) -> None:
    """(off before, ran, known to be later than some earlier time by)."""
    at_ms = NOW_MS
    boots, truth = [], []
    for number, (off_ms, ran_ms, slack_ms) in enumerate(lives):
        at_ms += off_ms
        truth.append(at_ms)
        boots.append(Boot(str(number), at_ms - slack_ms, ran_ms))
        at_ms += ran_ms
    placed = place(boots, at_ms)
    for placement, began_ms in zip(placed, truth, strict=True):
        assert placement.error_ms is not None
        assert abs(placement.offset_ms - began_ms) <= placement.error_ms
    ends = [placement.offset_ms + boot.ran_ms for placement, boot in zip(placed, boots, strict=True)]
    assert all(end <= later.offset_ms + 1 for end, later in zip(ends, placed[1:], strict=False)), "in order"
    assert ends[-1] <= at_ms + 1


def test_a_time_that_was_once_ahead_does_not_put_readings_into_the_future() -> None:
    (placed,) = place([Boot("a", NOW_MS + 10**9, 5_000)], NOW_MS)
    assert placed.offset_ms + 5_000 <= NOW_MS


def test_the_present_boot_is_known_and_the_former_are_estimated() -> None:
    boots = [Boot("old", NOW_MS - 10_000, 4_000), Boot("now", NOW_MS - 20_000, 3_000)]
    old, now = placements(boots, "now", NOW_MS)
    assert (now.boot, now.offset_ms, now.error_ms) == ("now", NOW_MS, None)
    assert (old.offset_ms, old.error_ms) == (NOW_MS - 7_000, 3_000)
