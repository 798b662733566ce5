"""What a configuration must show, and by when."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge.configuration.trial import Limits, Sight, Trial

POINTS = frozenset((f"sl-{number:06}", "Power/Active") for number in range(40))
BEFORE = Sight(POINTS, online=True, acknowledged=100, waiting=0)
LIMITS = Limits(probation_s=300, settle_s=30, good_share=0.95)


def trial(before: Sight = BEFORE, configured: frozenset[tuple[str, str]] = POINTS) -> Trial:
    return Trial(before, configured, LIMITS, began=0.0)


def some(number: int) -> frozenset[tuple[str, str]]:
    return frozenset(sorted(POINTS)[:number])


def test_passes_when_all_is_well_but_not_before_it_settled() -> None:
    assert trial().judge(replace(BEFORE, acknowledged=101), 29) is None
    verdict = trial().judge(replace(BEFORE, acknowledged=101), 30)
    assert verdict is not None
    assert verdict.passed


def test_ninety_five_of_a_hundred_points_are_enough() -> None:
    assert trial().judge(replace(BEFORE, good=some(38)), 30) is not None
    assert trial().judge(replace(BEFORE, good=some(37)), 30) is None
    verdict = trial().judge(replace(BEFORE, good=some(30)), 300)
    assert verdict is not None
    assert verdict.reason.startswith("after 300 s 10 of 40 points that were good are not any more: sl-000030")
    assert verdict.reason.endswith("and 5 more")


def test_points_that_are_meant_to_go_are_not_missed() -> None:
    verdict = trial(configured=some(3)).judge(replace(BEFORE, good=some(3)), 30)
    assert verdict is not None
    assert verdict.passed


def test_the_host_must_acknowledge_what_waits() -> None:
    waits = replace(BEFORE, waiting=5)
    assert trial().judge(waits, 30) is None
    verdict = trial().judge(waits, 300)
    assert verdict is not None
    assert "acknowledges nothing" in verdict.reason
    assert trial().judge(replace(waits, acknowledged=101), 31) is not None


def test_a_gateway_that_was_offline_need_not_be_online() -> None:
    offline = replace(BEFORE, online=False, waiting=9)
    verdict = trial(before=offline).judge(offline, 30)
    assert verdict is not None
    assert verdict.passed
    verdict = trial().judge(offline, 300)
    assert verdict is not None
    assert "the broker is not reached" in verdict.reason


@given(
    good=st.integers(0, 40),
    online=st.booleans(),
    acknowledged=st.integers(100, 102),
    waiting=st.integers(0, 2),
    now=st.floats(0, 400),
)
def test_every_trial_ends_in_time(
    good: int, online: bool, acknowledged: int, waiting: int, now: float
) -> None:
    verdict = trial().judge(Sight(some(good), online, acknowledged, waiting), now)
    if now >= LIMITS.probation_s:
        assert verdict is not None
    if verdict is not None and verdict.passed:
        assert now >= LIMITS.settle_s
        assert good >= 38
        assert online
    if verdict is not None and not verdict.passed:
        assert verdict.reason
