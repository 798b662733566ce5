from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloud.host.rebirths import Rebirths, Target


def target(number: int) -> Target:
    return Target("p060", f"eg-{number}")


def queue(per_s: float = 10, pause_s: float = 60, bound: int = 100) -> Rebirths:
    return Rebirths(per_s=per_s, pause_s=pause_s, bound=bound)


def test_one_gateway_is_asked_once_in_a_while() -> None:
    rebirths = queue()
    asked = []
    for second in range(150):
        rebirths.want(target(1))
        asked += [(second, each.gateway) for each in rebirths.due(second)]
    assert [second for second, _ in asked] == [0, 60, 120]


def test_a_birth_makes_asking_needless() -> None:
    rebirths = queue()
    rebirths.want(target(1))
    rebirths.born("eg-1")
    assert rebirths.due(0) == []


def test_somebody_elses_request_counts() -> None:
    rebirths = queue()
    rebirths.want(target(1))
    rebirths.asked("eg-1", 0)
    rebirths.want(target(1))
    assert rebirths.due(59) == []
    assert rebirths.due(60) == [target(1)]


def test_the_queue_is_bounded() -> None:
    rebirths = queue(bound=3)
    for number in range(10):
        rebirths.want(target(number))
    assert len(rebirths) == 3


@given(
    wants=st.lists(st.tuples(st.integers(0, 30), st.floats(0, 2)), max_size=200),
    per_s=st.floats(0.5, 5),
    pause_s=st.floats(1, 20),
)
def test_the_pace_is_kept_whatever_is_wanted(
    wants: list[tuple[int, float]], per_s: float, pause_s: float
) -> None:
    rebirths = queue(per_s=per_s, pause_s=pause_s)
    now_s = 0.0
    by_gateway: dict[str, list[float]] = defaultdict(list)
    times: list[float] = []
    for number, step in wants:
        now_s += step
        rebirths.want(target(number))
        for each in rebirths.due(now_s):
            by_gateway[each.gateway].append(now_s)
            times.append(now_s)
    for asked in by_gateway.values():
        assert all(later - earlier >= pause_s - 1e-6 for earlier, later in pairwise(asked))
    for start in times:
        in_window = [time for time in times if start <= time < start + 10]
        assert len(in_window) <= max(1.0, per_s) + per_s * 10 + 1
