"""The alarm of growing dead letters: raised once, ended when no more come."""

from __future__ import annotations

from pathlib import Path

from cloud.ingest.letter_watch import LOOK_S, PLACE, RAISED_AT, RULE, WINDOW_S, LetterWatch
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import DeadLetter


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def now_ms(self) -> int:
        return 1_800_000_000_000 + round(self.s * 1000)

    def monotonic(self) -> float:
        return self.s


def add(registry: SqlRegistry, count: int) -> None:
    registry.add_dead_letters([DeadLetter(0, 1, "t", "bad-time", "", 1, b"x")] * count)


def active(registry: SqlRegistry) -> list[str]:
    return [alarm.rule for alarm in registry.alarms(device=PLACE) if alarm.active]


def test_the_alarm_is_raised_while_letters_come_and_ends_after(tmp_path: Path) -> None:
    registry, clock = open_registry(f"sqlite:///{tmp_path}/r.db"), Clock()
    try:
        add(registry, 500)  # of before: no news
        watch = LetterWatch(registry, clock)
        watch.look()
        clock.s += LOOK_S
        add(registry, RAISED_AT)
        watch.look()
        assert active(registry) == []
        clock.s += LOOK_S
        add(registry, 1)
        watch.look()
        assert active(registry) == [RULE]
        [alarm] = registry.alarms(device=PLACE)
        assert alarm.text_en == "21 messages within 10 minutes could not be stored (bad-time 21)"
        clock.s += WINDOW_S / 2
        watch.look()
        assert active(registry) == [RULE]
        for _ in range(3):
            clock.s += WINDOW_S / 2
            watch.look()
        assert active(registry) == []
    finally:
        registry.close()


def test_an_alarm_of_before_a_restart_is_ended(tmp_path: Path) -> None:
    registry, clock = open_registry(f"sqlite:///{tmp_path}/r.db"), Clock()
    try:
        first = LetterWatch(registry, clock)
        first.look()
        add(registry, RAISED_AT + 1)
        first.look()
        assert active(registry) == [RULE]
        second = LetterWatch(registry, clock)
        second.look()
        clock.s += WINDOW_S - 1
        second.look()
        assert active(registry) == [RULE]
        clock.s += 1
        second.look()
        assert active(registry) == []
    finally:
        registry.close()
