"""What births repeat: of every metric the last value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.spool.batches import Priority, SpooledBatch, encode_batch
from edge.uplink.known import KnownValues
from telemetry.readings import Batch, Reading, ValueType

DEVICE = "sl-000001"
METRICS = [f"Group/Point {number}" for number in range(6)]


def committed(number: int, metrics: frozenset[str], time_ms: int) -> SpooledBatch:
    """A batch whose values are its number."""
    readings = tuple(
        Reading(DEVICE, each, ValueType.DOUBLE, float(number), time_ms) for each in sorted(metrics)
    )
    new = encode_batch(Batch(DEVICE, readings))
    return SpooledBatch(number, DEVICE, time_ms, len(readings), new.metrics, Priority.ORDINARY)


@given(
    st.lists(st.tuples(st.frozensets(st.sampled_from(METRICS), min_size=1), st.integers(1, 50)), max_size=60),
    st.integers(0, 60),
)
def test_each_metric_has_the_value_of_its_latest_time(
    scans: list[tuple[frozenset[str], int]], asked_after: int
) -> None:
    known = KnownValues()
    expected: dict[str, tuple[int, int]] = {}
    for number, (metrics, time_ms) in enumerate(scans):
        known.learn(committed(number, metrics, time_ms))
        for metric in metrics:
            expected[metric] = max(expected.get(metric, (0, 0)), (time_ms, number))
        if number == asked_after:
            known.of(DEVICE)
    found = known.of(DEVICE)
    assert {metric: (each.time_ms, each.value) for metric, each in found.items()} == expected


def test_of_a_device_that_said_nothing_nothing_is_known() -> None:
    assert KnownValues().of(DEVICE) == {}
