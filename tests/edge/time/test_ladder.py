"""Which source of time is believed, and the four stamps of the host's answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.time.asking import FIRST_EVERY_S, LATER_EVERY_S, HostTime
from edge.time.ladder import Ladder, Rung, Sample
from telemetry.errors import WireError
from telemetry.time_exchange import TimeAnswer, parse_answer

UTC_S = 1_790_000_000.0


def _sample(rung: Rung, *, error_s: float = 0.1, at: float = 0.0, offset_s: float = UTC_S) -> Sample:
    return Sample(rung, offset_s, error_s, at)


def test_the_best_rung_counts_while_it_is_good_enough() -> None:
    ladder = Ladder()
    assert ladder.best(0.0) is None
    ladder.offer(_sample(Rung.MACHINE, error_s=2.0))
    ladder.offer(_sample(Rung.HOST))
    ladder.offer(_sample(Rung.GNSS, error_s=0.6))
    assert ladder.best(1.0).rung is Rung.GNSS  # type: ignore[union-attr]
    assert ladder.best(4_500.0).rung is Rung.HOST, "the receiver has been silent for too long"  # type: ignore[union-attr]
    assert ladder.best(100_000.0).rung is Rung.HOST, "nobody is good: the least wrong"  # type: ignore[union-attr]
    ladder.offer(_sample(Rung.NTP, at=100_000.0))
    assert ladder.best(100_000.0).rung is Rung.NTP  # type: ignore[union-attr]


def test_a_quicker_answer_replaces_and_a_slower_one_does_not_unless_they_disagree() -> None:
    ladder = Ladder()
    ladder.offer(_sample(Rung.HOST, error_s=0.1))
    ladder.offer(_sample(Rung.HOST, error_s=0.5, at=1.0, offset_s=UTC_S + 0.2))
    assert ladder.best(1.0).error_s == 0.1  # type: ignore[union-attr]
    ladder.offer(_sample(Rung.HOST, error_s=0.05, at=2.0))
    assert ladder.best(2.0).error_s == 0.05  # type: ignore[union-attr]
    ladder.offer(_sample(Rung.HOST, error_s=0.5, at=3.0, offset_s=UTC_S + 60))
    assert ladder.best(3.0).offset_s == UTC_S + 60, "one of both is wrong: the newer counts"  # type: ignore[union-attr]


@given(
    wrong_ms=st.integers(-(10**12), 10**12),
    there_ms=st.integers(0, 5_000),
    host_ms=st.integers(0, 2_000),
    back_ms=st.integers(0, 5_000),
)
def test_the_answer_is_never_more_wrong_than_it_says(
    wrong_ms: int, there_ms: int, host_ms: int, back_ms: int
) -> None:
    asked_ms = 5_000_000
    offset_ms = 1_790_000_000_000 + wrong_ms % 10**9
    received_ms = asked_ms + there_ms + offset_ms
    answer = parse_answer(str(TimeAnswer(asked_ms, received_ms, received_ms + host_ms)))
    arrived_ms = asked_ms + there_ms + host_ms + back_ms
    assert abs(answer.offset_ms(arrived_ms) - offset_ms) <= answer.error_ms(arrived_ms)
    assert answer.error_ms(arrived_ms) == (there_ms + back_ms) / 2


@pytest.mark.parametrize(
    "text", ["", "1:2", "x:1790000000000:1790000000000", "1:1790000000001:1790000000000", "1:2:3", "1" * 5000]
)
def test_answers_that_are_none(text: str) -> None:
    with pytest.raises(WireError):
        parse_answer(text)


class Keeper:
    """Wants to know, and notes what it is told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wants = True
        self.samples: list[Sample] = []

    def monotonic(self) -> float:
        return self.now

    def wants_host(self) -> bool:
        return self.wants

    def offer(self, sample: Sample) -> None:
        self.samples.append(sample)


def test_the_host_is_asked_thrice_then_seldom_and_only_while_wanted() -> None:
    keeper = Keeper()
    host = HostTime(keeper)
    asked = []
    for _ in range(2 * int(LATER_EVERY_S)):
        stamp = host.question()
        if stamp is not None:
            asked.append(keeper.now)
            keeper.now += 0.04
            utc_ms = round(1000 * (UTC_S + keeper.now))
            host.answered(f"{stamp}:{utc_ms}:{utc_ms}")
        keeper.now += 1.0
    assert asked[1] - asked[0] == pytest.approx(FIRST_EVERY_S, abs=1.2)
    assert asked[3] - asked[2] == pytest.approx(LATER_EVERY_S, abs=1.2)
    assert len(keeper.samples) == len(asked) == 6
    assert all(abs(sample.offset_s - UTC_S) <= sample.error_s for sample in keeper.samples)
    keeper.wants = False
    keeper.now += 10_000
    assert host.question() is None


def test_answers_to_nothing_late_ones_and_nonsense_are_passed_over() -> None:
    keeper = Keeper()
    host = HostTime(keeper)
    utc = "1790000000000:1790000000000"
    host.answered(f"5:{utc}")
    host.answered("nonsense")
    stamp = host.question()
    keeper.now += 11.0
    host.answered(f"{stamp}:{utc}")
    assert keeper.samples == []
    stamp = host.question()
    host.answered(f"{stamp}:{utc}")
    host.answered(f"{stamp}:{utc}")
    assert len(keeper.samples) == 1
