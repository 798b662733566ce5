"""When groups are committed, by a clock that the test moves."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge.spool.pace import ACKS_WAIT_S, GATHERED_S, QUIET_S, SAVED, CommitPace

EVERY_S = 0.25
STEP_S = 0.001


def commits(arrivals: list[float], until: float, every_s: float = EVERY_S) -> list[tuple[float, list[float]]]:
    """Times of commits, each with the times at which its batches came."""
    pace = CommitPace(every_s)
    waiting: list[float] = []
    found: list[tuple[float, list[float]]] = []
    rest = sorted(arrivals)
    for step in range(round(until / STEP_S)):
        now = step * STEP_S
        while rest and rest[0] <= now:
            waiting.append(rest.pop(0))
        pace.plan(now, len(waiting), others=False)
        if pace.is_due(now, len(waiting)):
            pace.begin()
            found.append((now, waiting))
            pace.committed(now)
            waiting = []
    assert not waiting
    return found


def test_a_burst_is_committed_together_as_soon_as_it_has_ended() -> None:
    burst = [1 + 0.001 * number for number in range(20)]
    [(at, group)] = commits(burst, 3)
    assert len(group) == 20
    assert at <= burst[-1] + 2 * QUIET_S + STEP_S


def test_a_stream_without_pauses_is_committed_once_an_interval() -> None:
    found = commits([0.005 * number for number in range(400)], 3)
    assert len(found) <= 2 / EVERY_S + SAVED + 1


def test_of_a_long_burst_nothing_waits_for_its_end() -> None:
    for at, group in commits([1 + 0.003 * number for number in range(60)], 3):
        assert at - min(group) <= GATHERED_S + STEP_S


def test_a_burst_that_falters_is_committed_in_parts_at_once() -> None:
    found = commits([1.0, 1.05, 1.1], 3)
    assert [len(group) for _, group in found] == [1, 1, 1]
    assert all(at - group[0] <= 2 * QUIET_S for at, group in found)


def test_acknowledgements_alone_are_in_no_hurry_until_batches_come() -> None:
    pace = CommitPace(EVERY_S)
    pace.plan(0.0, 0, others=True)
    assert pace.due == ACKS_WAIT_S
    pace.plan(0.5, 1, others=True)
    assert pace.due == 0.5 + QUIET_S


@given(st.lists(st.floats(0, 3), max_size=40), st.sampled_from([0.02, 0.25, 1.0]))
def test_no_batch_waits_longer_than_the_interval_and_commits_are_no_more_than_it_allows(
    arrivals: list[float], every_s: float
) -> None:
    found = commits(arrivals, 5, every_s)
    for at, group in found:
        assert at - min(group) <= every_s + 2 * STEP_S
    for (first, (began, _)), (last, (ended, _)) in itertools.combinations(enumerate(found), 2):
        assert last - first <= (ended - began + 2 * STEP_S) / every_s + SAVED


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_an_interval_of_nothing_commits_at_once(arrivals: list[float]) -> None:
    assert all(at - min(group) <= STEP_S for at, group in commits(arrivals, 2, 0.0))
