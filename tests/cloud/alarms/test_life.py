"""The alarm's life as a state machine: whatever happens, in whatever order, the rules of ISA-18.2 hold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cloud.alarms import life
from cloud.alarms.life import AlarmState
from cloud.registry.port import AlarmRecord, NewAlarm

NEW = NewAlarm("sl-1", "eg-1", "streetlight/lamp-out", "major", "vi", "en", "", "", 0.4, 5.0, 0)
MOMENTS = st.integers(0, 200)


class AlarmLife(RuleBasedStateMachine):
    """Drives one alarm and keeps a second, plainer account of it."""

    alarm: AlarmRecord

    @initialize(at=MOMENTS)
    def open(self, at: int) -> None:
        self.now = 1000
        self.alarm = life.opened(replace(NEW, raised_ms=at), before=None, now_ms=self.now)
        self.taken_up = False

    @rule(step=st.integers(1, 50))
    def time_goes_by(self, step: int) -> None:
        self.now += step

    @rule(at=MOMENTS, severity=st.sampled_from(["info", "minor", "major", "critical"]))
    def raise_again(self, at: int, severity: str) -> None:
        before = self.alarm
        if not life.is_open(before):
            return
        self.alarm = life.raised(before, replace(NEW, raised_ms=at, severity=severity), now_ms=self.now)
        if before.active and severity in ("info", "minor"):
            assert self.alarm == before or before.severity in ("info", "minor")
        if not before.active and before.cleared_ms is not None:
            assert self.alarm.active == (at >= before.cleared_ms)
        if self.alarm.severity != before.severity and before.active:
            assert not self.alarm.acknowledged
            self.taken_up = False

    @rule(at=MOMENTS)
    def clear(self, at: int) -> None:
        before = self.alarm
        self.alarm = life.cleared(before, time_ms=at, now_ms=self.now)
        if before.active:
            assert self.alarm.active == (at < before.raised_ms)
        else:
            assert self.alarm is before

    @rule(who=st.sampled_from(["lan", "minh"]))
    def acknowledge(self, who: str) -> None:
        before = self.alarm
        self.alarm = life.acknowledged(before, by=who, time_ms=self.now, now_ms=self.now)
        assert self.alarm.acknowledged_by == (before.acknowledged_by if before.acknowledged else who)
        self.taken_up = True

    @rule(minutes=st.integers(-5, 60))
    def shelve(self, minutes: int) -> None:
        self.alarm = life.shelved(self.alarm, until_ms=self.now + minutes, now_ms=self.now)
        shelved = life.state_of(self.alarm, self.now) is AlarmState.SHELVED
        assert shelved == (minutes > 0 and life.is_open(self.alarm))

    @invariant()
    def the_state_is_what_a_person_expects(self) -> None:
        alarm = self.alarm
        assert alarm.acknowledged == self.taken_up
        assert (alarm.cleared_ms is None) == alarm.active
        state = life.state_of(replace(alarm, shelved_until_ms=None), self.now)
        expected = {
            (True, False): AlarmState.RAISED,
            (True, True): AlarmState.ACKNOWLEDGED,
            (False, False): AlarmState.CLEARED,
            (False, True): AlarmState.CLOSED,
        }
        assert state is expected[alarm.active, alarm.acknowledged]

    @invariant()
    def what_changed_says_when(self) -> None:
        assert self.alarm.updated_ms <= self.now


TestAlarmLife = AlarmLife.TestCase


def test_a_shelved_alarm_shows_itself_again_when_the_time_is_over() -> None:
    alarm = life.shelved(life.opened(NEW, before=None, now_ms=0), until_ms=100, now_ms=0)
    assert [life.state_of(alarm, now) for now in (99, 100)] == [AlarmState.SHELVED, AlarmState.RAISED]


def test_shelving_goes_over_to_the_next_life_while_it_lasts() -> None:
    first = life.shelved(life.opened(NEW, before=None, now_ms=0), until_ms=100, now_ms=0)
    assert life.opened(NEW, before=first, now_ms=50).shelved_until_ms == 100
    assert life.opened(NEW, before=first, now_ms=100).shelved_until_ms is None
