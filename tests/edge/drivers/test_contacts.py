"""Contacts and pulses, whatever their edges: counts only grow, and only by what can be true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.base import Captured
from edge.drivers.contacts import DRIVER as CONTACTS
from edge.drivers.contacts import WorkCounter
from edge.drivers.pulses import DRIVER as PULSES
from edge.errors import FrameError
from telemetry.devices.library import Library

LIBRARY = Library.shipped()
METER = LIBRARY.profile("pulse_water_meter")
TRUCK = LIBRARY.profile("truck_digital_inputs")
GAPS = st.lists(st.floats(0.001, 60), min_size=1, max_size=40)


@given(GAPS, st.integers(0, 10**6))
def test_pulses_are_counted_once_each_and_never_faster_than_the_meter(gaps: list[float], before: int) -> None:
    reader = PULSES.reader(METER, {"pulses": before}, {})
    now, accepted, expected = 0.0, None, before
    for gap in gaps:
        now += gap
        reader.edge("contact", True, now)
        reader.edge("contact", True, now)  # an edge that the kernel tells twice
        reader.edge("contact", False, now + gap / 2)
        if accepted is None or now - accepted >= 0.2:
            expected, accepted = expected + 1, now
        now += gap / 2
    assert reader.totals == {"pulses": expected}
    assert reader.rejected == len(gaps) - (expected - before)
    told = {point.key: point.value for point in reader.scan(now)}
    assert told["volume"] == pytest.approx(expected * 10 / 1000)
    assert isinstance(told["flow_rate"], float)
    assert 0 <= told["flow_rate"] <= 10 * 3.6 / 0.2 + 1


def test_flow_falls_to_zero_when_the_next_pulse_is_overdue() -> None:
    reader = PULSES.reader(METER, {}, {})
    for at in (0.0, 10.0):
        reader.edge("contact", True, at)
        reader.edge("contact", False, at + 1)
    flows = [{p.key: p.value for p in reader.scan(at)}["flow_rate"] for at in (10.0, 20.0, 25.0, 31.0)]
    assert flows == [3.6, 3.6, 2.4, 0.0]


@given(st.lists(st.tuples(st.floats(0.01, 30), st.floats(0.01, 30)), min_size=1, max_size=20))
def test_works_are_at_most_the_closings_and_looking_changes_nothing(spans: list[tuple[float, float]]) -> None:
    quiet, watched = WorkCounter(2, 5), WorkCounter(2, 5)
    now = 0.0
    for closed, opened in spans:
        for counter in (quiet, watched):
            counter.change(True, now)
        watched.look(now + closed / 2)
        now += closed
        for counter in (quiet, watched):
            counter.change(False, now)
        now += opened
        watched.look(now)
    assert watched.count == quiet.count
    assert 0 <= quiet.count <= sum(closed >= 2 for closed, _ in spans)


def test_contact_that_stays_closed_counts_while_it_is_closed() -> None:
    counter = WorkCounter(2, 5, 7)
    counter.change(True, 100)
    counter.look(101.9)
    assert counter.count == 7
    counter.look(102)
    assert counter.count == 8
    counter.look(500)
    assert counter.count == 8


def test_contact_that_is_closed_at_the_start_is_no_work() -> None:
    reader = CONTACTS.reader(TRUCK, {"bin_lifts": 3}, {"bin_lift": True})
    reader.edge("bin_lift", False, 50)
    assert reader.totals == {"bin_lifts": 3}


@pytest.mark.parametrize("text", ["", "pump=1", "door=2", "door"])
def test_text_that_is_no_state_is_named(text: str) -> None:
    with pytest.raises(FrameError, match="pto=1 door=0"):
        CONTACTS.explain(TRUCK, Captured(response=text.encode()))
    with pytest.raises(FrameError, match="number of pulses"):
        PULSES.explain(METER, Captured(response=b"12a"))
