"""What a technician writes for the lamps of a gateway: programs, their steps, days and fall-backs."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from telemetry.devices.texts import METRIC_NAME, Text

_STEP: Final = re.compile(r"(?:(?P<sun>sunrise|sunset)(?P<offset>[+-]\d{1,3})?|(?P<time>\d{2}:\d{2}))")
_RANGE: Final = re.compile(r"(?P<first>[\d-]+)(?:\.\.(?P<last>[\d-]+))?")
HOLD: Final = "hold"
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SunEvent(StrEnum):
    """What the sun does."""

    SUNRISE = "sunrise"
    SUNSET = "sunset"


def clock_time(text: str) -> time:
    """The time of day that `HH:MM` names. Raises `ValueError`."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time of day: write it as '22:30', in quotes") from None


def _is_clock_time(text: str) -> str:
    clock_time(text)
    return text


ClockText = Annotated[str, Field(pattern=r"^\d{2}:\d{2}$"), AfterValidator(_is_clock_time)]


class Step(_Data):
    """From a time of the night on, a level."""

    at: str
    """`'22:30'`, `sunset`, `sunset-15`, `sunrise+10` (minutes)."""
    level: int = Field(ge=0, le=100)
    """Percent; lamps that can only be switched are on above 0."""
    not_before: ClockText | None = None
    not_after: ClockText | None = None
    """A time of the sun is held between these two."""

    @field_validator("at", mode="before")
    @classmethod
    def _can_be_read(cls, value: object) -> object:
        # YAML reads 22:30 without quotes as a number to the base 60
        hint = "; put a time of day in quotes" if isinstance(value, int) else ""
        found = _STEP.fullmatch(str(value))
        if found is None:
            raise ValueError(f"{value!r} is none of '22:30', sunset, sunset-15, sunrise+10{hint}")
        if found["time"]:
            clock_time(found["time"])
        return value

    @model_validator(mode="after")
    def _limits_are_for_the_sun(self) -> Step:
        if self.sun is None and (self.not_before or self.not_after):
            raise ValueError("not_before and not_after are for steps by the sun")
        return self

    @property
    def sun(self) -> SunEvent | None:
        """What the sun does then; None for a fixed time."""
        found = _STEP.fullmatch(self.at)
        return SunEvent(found["sun"]) if found and found["sun"] else None

    @property
    def offset(self) -> timedelta:
        """From the sun's time."""
        found = _STEP.fullmatch(self.at)
        return timedelta(minutes=int((found and found["offset"]) or 0))

    @property
    def time(self) -> time:
        """The time of day of a fixed step."""
        return clock_time(self.at)


class Dates(_Data):
    """One day or several: of one year (`2027-02-05..2027-02-11`) or of every year (`12-24..01-02`)."""

    first: tuple[int, int, int]
    """Year (0: every year), month, day."""
    last: tuple[int, int, int]

    def hold(self, day: date) -> bool:
        """Whether `day` is one of them."""
        here = (day.year if self.first[0] else 0, day.month, day.day)
        if self.first <= self.last:
            return self.first <= here <= self.last
        return self.first[0] == 0 and (here >= self.first or here <= self.last)  # over New Year


def parse_dates(text: str) -> Dates:
    """The days that `text` names. Raises `ValueError`."""
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no date: write '2027-02-05', '2027-02-05..2027-02-11' or '04-30'")
    first, last = _day(found["first"]), _day(found["last"] or found["first"])
    if (first[0] == 0) != (last[0] == 0):
        raise ValueError(f"{text!r}: name the year in both dates or in none")
    if first[0] and first > last:
        raise ValueError(f"{text!r} ends before it begins")
    return Dates(first=first, last=last)


def _day(text: str) -> tuple[int, int, int]:
    every_year = text.count("-") == 1
    try:
        day = date.fromisoformat(f"2024-{text}" if every_year else text)  # a leap year: 02-29 is a day
    except ValueError:
        raise ValueError(f"{text!r} is no date") from None
    return (0 if every_year else day.year, day.month, day.day)


def _as_text(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _is_dates(text: str) -> str:
    parse_dates(text)
    return text


DatesText = Annotated[str, AfterValidator(_is_dates)]


class Calendar(_Data):
    """Named days, such as Tết or the days of a festival."""

    title: Text | None = None
    dates: Annotated[list[DatesText], Field(min_length=1)]

    @field_validator("dates", mode="before")
    @classmethod
    def _days_of_yaml(cls, value: object) -> object:
        return [_as_text(each) for each in value] if isinstance(value, list) else value

    def hold(self, day: date) -> bool:
        """Whether `day` is one of them."""
        return any(parse_dates(each).hold(day) for each in self.dates)


class Night(_Data):
    """What happens in the nights that begin on certain days; a night goes from noon to noon."""

    weekdays: tuple[Weekday, ...] = ()
    calendar: str = ""
    """Name of a calendar."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=24)]

    @property
    def is_usual(self) -> bool:
        """Whether it is for every night."""
        return not self.weekdays and not self.calendar


class Place(_Data):
    """Where the sun is looked at."""

    latitude: float = Field(ge=-60, le=60)
    longitude: float = Field(ge=-180, le=180)


class LightSensor(_Data):
    """What says whether it is dark while nobody knows the time."""

    device: str
    point: Annotated[str, Field(pattern=METRIC_NAME)] = "Solar/Illuminance"
    on_below: float = Field(default=20, ge=0)
    off_above: float = Field(default=40, gt=0)
    """Between the two, what was decided before stands. In the unit of the point, usually lx."""
    max_age_s: float = Field(default=900, gt=0, le=86_400)
    level: int = Field(default=100, ge=1, le=100)

    @model_validator(mode="after")
    def _has_a_gap(self) -> LightSensor:
        if self.off_above <= self.on_below:
            raise ValueError("off_above must be greater than on_below, or the lamps flicker at dusk")
        return self


class Program(_Data):
    """What some lamps do by themselves."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,40}$")]
    title: Text | None = None
    lamps: Annotated[list[str], Field(min_length=1)]
    """Devices, or groups of devices."""
    place: Place | None = None
    """Where the sun is looked at; the first lamp's place where it is left out."""
    nights: Annotated[tuple[Night, ...], Field(min_length=1, max_length=50)]
    """The first that fits a day counts; the last is for all others."""
    light_sensor: LightSensor | None = None
    safe_level: Annotated[int, Field(ge=0, le=100)] | Literal["hold"] = 100
    """While neither the time nor a light sensor can tell; `hold` leaves the lamps as they are."""
    pace_s: float = Field(default=0.3, ge=0, le=60)
    """Pause between two lamps of one bus."""
    spread_s: float = Field(default=10, ge=0, le=600)
    """Gateways switch within this time of each other, so that not all lamps of a town start at once."""

    @model_validator(mode="after")
    def _last_is_usual(self) -> Program:
        if not self.nights[-1].is_usual:
            raise ValueError("the last of `nights` is for all other days: it has no weekdays and no calendar")
        for night in self.nights[:-1]:
            if night.is_usual:
                raise ValueError("only the last of `nights` may leave out weekdays and calendar")
        return self

    @property
    def needs_place(self) -> bool:
        """Whether the sun matters."""
        return any(step.sun is not None for night in self.nights for step in night.steps)
