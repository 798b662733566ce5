"""What thinning leaves out, and what it never does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.spool.thinning import COARSE_MS, FINE_MS, strip, thin
from telemetry.readings import Quality, Reading, Value, ValueType

DEVICE = "wm-000001"
START_MS = 1_790_000_000_000
KINDS = {
    "Flow/Rate": ValueType.DOUBLE,
    "Lamp/Burning Hours": ValueType.DOUBLE,
    "Volume/Total": ValueType.INT64,
    "Alarm/Leak": ValueType.BOOLEAN,
    "Valve/Position": ValueType.INT32,
}
COUNTERS = frozenset({"Lamp/Burning Hours"})


def _value(metric: str, number: int) -> Value:
    kind = KINDS[metric]
    if kind is ValueType.BOOLEAN:
        return number % 2 == 0
    return float(number) if kind is ValueType.DOUBLE else number


readings = st.lists(
    st.tuples(
        st.sampled_from(sorted(KINDS)),
        st.integers(0, 4 * COARSE_MS),
        st.integers(0, 20),
        st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.BAD]),
    ),
    max_size=120,
    unique_by=lambda row: (row[0], row[1]),
).map(
    lambda rows: [
        Reading(DEVICE, metric, KINDS[metric], _value(metric, number), START_MS + at, quality)
        for metric, at, number, quality in rows
    ]
)


@given(readings)
def test_only_what_was_measured_is_left_and_the_extremes_are(given_readings: list[Reading]) -> None:
    kept = thin(given_readings, COUNTERS)
    assert all(each in given_readings for each in kept)
    assert len(kept) == len({(each.metric, each.time_ms) for each in kept})
    assert [each.time_ms for each in kept] == sorted(each.time_ms for each in kept)
    assert thin(kept, COUNTERS) == kept, "a second time changes nothing"
    for window in {each.time_ms // FINE_MS for each in given_readings}:
        for metric in KINDS:
            before = [
                each
                for each in given_readings
                if (each.metric, each.time_ms // FINE_MS) == (metric, window) and each.quality is Quality.GOOD
            ]
            after = [
                each
                for each in kept
                if (each.metric, each.time_ms // FINE_MS) == (metric, window) and each.quality is Quality.GOOD
            ]
            if not before:
                continue
            last = max(before, key=lambda each: each.time_ms)
            assert last in after or metric in ("Alarm/Leak", "Valve/Position")
            if metric == "Flow/Rate":
                assert len(after) <= 3
                assert {min(each.value for each in before), max(each.value for each in before)} <= {  # type: ignore[type-var]
                    each.value for each in after
                }
            elif metric in ("Volume/Total", "Lamp/Burning Hours"):
                assert after == [last]


@given(readings)
def test_counters_and_states_are_never_given_up(given_readings: list[Reading]) -> None:
    kept = strip(given_readings, COUNTERS)
    assert all(each in given_readings for each in kept)
    assert not any(each.metric == "Flow/Rate" for each in kept)
    for metric in sorted(KINDS.keys() - {"Flow/Rate"}):
        before = {each.time_ms // COARSE_MS for each in given_readings if each.metric == metric}
        assert before == {each.time_ms // COARSE_MS for each in kept if each.metric == metric}
    states = [each for each in given_readings if each.metric == "Alarm/Leak"]
    seen = [each for each in kept if each.metric == "Alarm/Leak"]
    assert _turns(states) <= {each.time_ms for each in seen}


def _turns(run: list[Reading]) -> set[int]:
    """Times at which a state changes, within one window."""
    found: set[int] = set()
    before: Reading | None = None
    for each in sorted(run, key=lambda reading: reading.time_ms):
        same_window = before is not None and before.time_ms // COARSE_MS == each.time_ms // COARSE_MS
        if not same_window or before is None or (before.value, before.quality) != (each.value, each.quality):
            found.add(each.time_ms)
        before = each
    return found


def test_a_state_that_chatters_is_bounded() -> None:
    run = [
        Reading(DEVICE, "Alarm/Leak", ValueType.BOOLEAN, second % 2 == 0, START_MS + 1000 * second)
        for second in range(3600)
    ]
    assert len(strip(run, COUNTERS)) <= 2 * 60
