"""No command acts after its end, whatever the wall clock says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.commands.errors import CommandRejected
from edge.commands.lifetime import Due, Moment, check_deadline, deadline, due_in
from telemetry.commands import Command, CommandStatus

NOW_MS = 1_790_000_000_000


def moment(seconds: float = 0, *, wrong_by_s: float = 0, boot: str = "a", known: bool = True) -> Moment:
    """`seconds` after the begin, on a clock that is wrong by `wrong_by_s`."""
    return Moment(NOW_MS + round((seconds + wrong_by_s) * 1000), 100 + seconds, boot, known)


def command(life_s: float) -> Command:
    return Command("wm-000001", "Valve/Position", 1, "c-1", NOW_MS + round(life_s * 1000))


def test_an_unknown_clock_counts_by_the_hosts_own_figures() -> None:
    wrong = moment(wrong_by_s=-1_000_000_000, known=False)
    due = deadline(command(30), NOW_MS, wrong)
    assert check_deadline(due, moment(29, wrong_by_s=-1_000_000_000, known=False)) == pytest.approx(130)
    with pytest.raises(CommandRejected, match="expired 1"):
        check_deadline(due, moment(31, wrong_by_s=-1_000_000_000, known=False))


def test_a_repetition_lives_no_longer_than_the_first_sending() -> None:
    late = deadline(command(30), NOW_MS + 20_000, moment(20, known=False))
    with pytest.raises(CommandRejected):
        check_deadline(late, moment(31, known=False))


def test_without_clock_and_time_of_sending_nothing_is_done() -> None:
    with pytest.raises(CommandRejected, match="clock is not set"):
        deadline(command(30), None, moment(known=False))


def test_the_broker_may_say_that_less_is_left() -> None:
    due = deadline(command(30), NOW_MS, moment(known=False), 2.0)
    with pytest.raises(CommandRejected):
        check_deadline(due, moment(3, known=False))


def test_a_clock_that_is_set_back_while_it_waits_gives_no_second_life() -> None:
    due = deadline(command(30), NOW_MS, moment())
    with pytest.raises(CommandRejected):
        check_deadline(due, moment(31, wrong_by_s=-3600))


def test_a_clock_that_becomes_known_ends_what_is_over() -> None:
    due = deadline(command(30), NOW_MS, moment(wrong_by_s=-500, known=False))
    with pytest.raises(CommandRejected):
        check_deadline(due, moment(5, wrong_by_s=60))


def test_a_restart_of_the_machine_needs_the_clock() -> None:
    due = deadline(command(30), NOW_MS, moment())
    after = Moment(NOW_MS + 10_000, 3.0, "b", is_clock_known=True)
    assert check_deadline(due, after) == pytest.approx(23.0)
    with pytest.raises(CommandRejected, match="restarted and its clock is not set") as caught:
        check_deadline(due, Moment(0, 3.0, "b", is_clock_known=False))
    assert caught.value.status is CommandStatus.EXPIRED
    with pytest.raises(CommandRejected):
        check_deadline(due, Moment(NOW_MS + 31_000, 3.0, "b", is_clock_known=True))


@given(
    life_s=st.floats(0, 86_000),
    waited_s=st.floats(0, 90_000),
    wrong_by_s=st.floats(-1e9, 1e9),
    known=st.booleans(),
    known_later=st.booleans(),
)
def test_nothing_acts_after_its_end_by_true_time(
    life_s: float, waited_s: float, wrong_by_s: float, known: bool, known_later: bool
) -> None:
    """A clock that claims to be known is right; one that does not may show anything."""
    try:
        due = deadline(command(life_s), NOW_MS, moment(wrong_by_s=0 if known else wrong_by_s, known=known))
        until = check_deadline(
            due, moment(waited_s, wrong_by_s=0 if known_later else wrong_by_s, known=known_later)
        )
    except CommandRejected:
        assert waited_s > 0 or life_s <= 0.001 or life_s > waited_s - 0.002
        return
    assert waited_s <= life_s + 0.002
    assert until <= 100 + life_s + 0.002


def test_a_due_moment_without_a_known_clock_cannot_be_told_after_a_restart() -> None:
    due = due_in(60, moment(known=False))
    assert due == Due("a", 160, None)
    assert due.left_s(moment(20, known=False)) == pytest.approx(40)
    assert due.left_s(moment(20, boot="b")) is None
