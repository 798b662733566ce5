"""Program + place + time → level: pure.

A night belongs to the day on which it begins and goes from noon to noon: in the night of Saturday, `'22:30'`
is Saturday evening and `'04:30'` Sunday morning, `sunset` is Saturday's and `sunrise` Sunday's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, Protocol

from edge.programs.config import WEEKDAYS, Calendar, Night, Place, Program, Step, SunEvent

NOON: Final = time(12)
_DAY: Final = timedelta(days=1)


class Sun(Protocol):
    """When the sun rises and sets."""

    def __call__(self, event: SunEvent, place: Place, day: date, zone: tzinfo) -> datetime:
        """The local time of `event` on `day`."""
        ...


@dataclass(frozen=True, slots=True)
class Switch:
    """A change of level."""

    at_ms: int
    level: int
    step: str
    """The step as it was written."""
    night: date
    """The day on which the night begins."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a program wants at some time."""

    level: int
    since_ms: int
    until_ms: int


class Schedule:
    """A program at its place; remembers the switches of the days that it was asked about last."""

    def __init__(
        self,
        program: Program,
        calendars: Mapping[str, Calendar],
        place: Place | None,
        *,
        zone: tzinfo,
        sun: Sun,
    ) -> None:
        self._program = program
        self._calendars = calendars
        self._place = place
        self._zone = zone
        self._sun = sun
        self._around: tuple[date, list[Switch]] | None = None

    def switches(self, first: date, nights: int) -> list[Switch]:
        """All switches of the nights that begin on `first` and the following days, in order."""
        found: list[Switch] = []
        for number in range(nights):
            found += self._of_night(first + number * _DAY)
        return sorted(found, key=lambda each: each.at_ms)

    def target(self, time_ms: int) -> Target:
        """What the program wants at `time_ms`."""
        day = datetime.fromtimestamp(time_ms / 1000, self._zone).date()
        if self._around is None or self._around[0] != day:
            self._around = (day, self.switches(day - 2 * _DAY, 4))
        around = self._around[1]
        place = bisect_right([each.at_ms for each in around], time_ms)
        current, following = around[place - 1], around[place]
        return Target(current.level, current.at_ms, following.at_ms)

    def night(self, day: date) -> Night:
        """What holds in the night that begins on `day`."""
        weekday = WEEKDAYS[day.weekday()]
        return next(
            night
            for night in self._program.nights
            if (not night.weekdays or weekday in night.weekdays)
            and (not night.calendar or self._calendars[night.calendar].hold(day))
        )

    def _of_night(self, day: date) -> list[Switch]:
        by_time: dict[int, Switch] = {}
        for step in self.night(day).steps:
            at_ms = round(self._moment(step, day).timestamp() * 1000)
            by_time[at_ms] = Switch(
                at_ms, step.level, step.at, day
            )  # of two at one time the later one counts
        return list(by_time.values())

    def _moment(self, step: Step, day: date) -> datetime:
        if step.sun is None:
            return self._local(step.time, day)
        assert self._place is not None, "the check of the configuration sees to a place"
        sun_day = day if step.sun is SunEvent.SUNSET else day + _DAY
        moment = self._sun(step.sun, self._place, sun_day, self._zone) + step.offset
        if step.not_before is not None:
            moment = max(moment, self._local(time.fromisoformat(step.not_before), day))
        if step.not_after is not None:
            moment = min(moment, self._local(time.fromisoformat(step.not_after), day))
        return moment.replace(microsecond=0)

    def _local(self, at: time, day: date) -> datetime:
        return datetime.combine(day if at >= NOON else day + _DAY, at, self._zone)
