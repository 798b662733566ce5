from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.rollup.plan import (
    CLOSED_AFTER_MS,
    LATE_AFTER_MS,
    LONGEST_RAW_MS,
    ceil,
    closed_until,
    floor,
    late_before,
    segments,
    steps,
)
from cloud.store.rollups import DAY_MS, HOUR_MS, Tier

TIMES = st.integers(0, 400 * DAY_MS)


@given(TIMES, st.sampled_from([HOUR_MS, DAY_MS]))
def test_floor_and_ceil_hold_the_time_between_them(time_ms: int, every_ms: int) -> None:
    assert floor(time_ms, every_ms) <= time_ms <= ceil(time_ms, every_ms)
    assert ceil(time_ms, every_ms) - floor(time_ms, every_ms) in (0, every_ms)


@given(TIMES, st.integers(0, CLOSED_AFTER_MS - LATE_AFTER_MS))
def test_no_value_falls_between_closed_and_late(now_ms: int, skew_ms: int) -> None:
    # a value that is stored when its hour is rolled up already is late for any clock within the skew
    assert late_before(now_ms - skew_ms) >= closed_until(now_ms)


@given(TIMES, st.integers(0, 100 * HOUR_MS))
def test_steps_are_the_range_in_parts_of_a_day(start_ms: int, span_ms: int) -> None:
    start_ms = floor(start_ms, HOUR_MS)
    end_ms = start_ms + floor(span_ms, HOUR_MS)
    found = list(steps(start_ms, end_ms))
    assert sum(end - begin for begin, end in found) == end_ms - start_ms
    assert all(begin // DAY_MS == (end - 1) // DAY_MS for begin, end in found)


@given(
    TIMES,
    st.integers(1, 60 * DAY_MS),
    st.sampled_from([HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS]),
    st.integers(0, 460 * 24),
    st.one_of(st.none(), st.tuples(TIMES, st.integers(1, 2 * LONGEST_RAW_MS))),
)
def test_segments_are_the_whole_range_once_and_rolled_up_only_where_made(
    start_ms: int, span_ms: int, every_ms: int, hours: int, late: tuple[int, int] | None
) -> None:
    hours_until, days_until = hours * HOUR_MS, floor(hours * HOUR_MS, DAY_MS)
    mark = None if late is None else (late[0], late[0] + late[1])
    found = segments(
        start_ms,
        start_ms + span_ms,
        every_ms=every_ms,
        hours_until_ms=hours_until,
        days_until_ms=days_until,
        late=mark,
    )
    if found is None:
        return
    at = start_ms
    for each in found:
        assert each.start_ms == at
        at = each.end_ms
        if each.tier is not None:
            assert each.start_ms % each.tier.every_ms == each.end_ms % each.tier.every_ms == 0
            assert each.end_ms <= (hours_until if each.tier is Tier.HOUR else days_until)
            assert every_ms % each.tier.every_ms == 0
            if mark is not None and mark[1] - mark[0] <= LONGEST_RAW_MS:
                assert each.end_ms <= mark[0] or each.start_ms >= mark[1]
    assert at == start_ms + span_ms


def test_minutes_are_never_read_from_rollups() -> None:
    assert (
        segments(0, DAY_MS, every_ms=600_000, hours_until_ms=DAY_MS, days_until_ms=DAY_MS, late=None) is None
    )
