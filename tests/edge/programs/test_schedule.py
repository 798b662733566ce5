"""When lamps switch: by the clock, by the sun, by the calendar."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.programs.config import Calendar, Dates, Program, Step, SunEvent, parse_dates
from edge.programs.schedule import Switch
from edge.programs.sun import sun_time
from tests.edge.programs.samples import PHAN_THIET, ZONE, program, schedule


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


def local(switch: Switch) -> str:
    return datetime.fromtimestamp(switch.at_ms / 1000, ZONE).strftime("%d %H:%M")


def test_an_ordinary_night_goes_by_sun_and_clock() -> None:
    found = schedule().switches(date(2026, 11, 24), 1)  # a Tuesday
    assert [(local(each), each.level) for each in found] == [
        ("24 17:11", 100),
        ("24 22:30", 60),
        ("25 04:30", 100),
        ("25 05:52", 0),
    ]


def sunrise_equation(day: date, latitude: float, longitude: float) -> tuple[float, float]:
    """Sunrise and sunset in UTC seconds by the short sunrise equation, which is good to about two minutes."""
    number = day.toordinal() - date(2000, 1, 1).toordinal() + 0.0008 - longitude / 360
    mean = math.radians((357.5291 + 0.98560028 * number) % 360)
    centre = 1.9148 * math.sin(mean) + 0.02 * math.sin(2 * mean) + 0.0003 * math.sin(3 * mean)
    ecliptic = math.radians((math.degrees(mean) + centre + 180 + 102.9372) % 360)
    transit = 2451545.0 + number + 0.0053 * math.sin(mean) - 0.0069 * math.sin(2 * ecliptic)
    declination = math.asin(math.sin(ecliptic) * math.sin(math.radians(23.4397)))
    north = math.radians(latitude)
    hour = math.degrees(
        math.acos(
            (math.sin(math.radians(-0.833)) - math.sin(north) * math.sin(declination))
            / (math.cos(north) * math.cos(declination))
        )
    )
    return tuple((transit + side * hour / 360 - 2440587.5) * 86_400 for side in (-1, 1))  # type: ignore[return-value]


@given(st.dates(date(2026, 1, 1), date(2030, 12, 31)))
@settings(max_examples=40, deadline=None)
def test_the_sun_of_phan_thiet_agrees_with_the_sunrise_equation(day: date) -> None:
    place = (PHAN_THIET.latitude, PHAN_THIET.longitude)
    found = [sun_time(event, PHAN_THIET, day, ZONE) for event in (SunEvent.SUNRISE, SunEvent.SUNSET)]
    for seen, due in zip(found, sunrise_equation(day, *place), strict=True):
        assert seen.date() == day
        assert abs(seen.timestamp() - due) < 180


def test_the_night_of_saturday_ends_on_sunday_and_tet_wins_over_the_weekend() -> None:
    usual = schedule().switches(date(2026, 11, 28), 1)
    assert [each.level for each in usual] == [100, 70, 0]
    assert local(usual[1]) == "28 23:30"
    tet = schedule().switches(date(2027, 2, 6), 1)  # a Saturday, the first day of the year of the goat
    assert [each.level for each in tet] == [100, 0]


@pytest.mark.parametrize(
    ("moment", "level", "since"),
    [
        ("2026-11-24 12:00", 0, "2026-11-24 05:52"),
        ("2026-11-24 17:09:00", 0, "2026-11-24 05:52"),
        ("2026-11-24 22:29:59.999", 100, "2026-11-24 17:11"),
        ("2026-11-24 22:30", 60, "2026-11-24 22:30"),
        ("2026-11-25 00:00", 60, "2026-11-24 22:30"),
        ("2026-11-25 04:30", 100, "2026-11-25 04:30"),
    ],
)
def test_the_level_at_a_moment(moment: str, level: int, since: str) -> None:
    target = schedule().target(at(moment))
    assert target.level == level
    assert abs(target.since_ms - at(since)) < 60_000
    assert target.until_ms > at(moment)


def test_a_time_of_the_sun_is_held_between_two_times() -> None:
    held = program(
        nights=[
            {
                "steps": [
                    {"at": "sunset", "level": 100, "not_before": "17:45", "not_after": "18:00"},
                    {"at": "sunrise", "level": 0, "not_after": "05:30"},
                ]
            }
        ]
    )
    winter, summer = (schedule(held).switches(date(2026, month, 21), 1) for month in (12, 6))
    assert [local(each)[3:] for each in winter] == ["17:45", "05:30"]
    assert [local(each)[3:] for each in summer] == ["18:00", "05:26"]


def test_steps_that_cross_are_sorted_and_of_two_at_one_time_the_later_counts() -> None:
    crossing = program(
        nights=[
            {
                "steps": [
                    {"at": "22:00", "level": 50},
                    {"at": "18:00", "level": 100},
                    {"at": "22:00", "level": 40},
                    {"at": "06:00", "level": 0},
                ]
            }
        ]
    )
    found = schedule(crossing).switches(date(2026, 11, 24), 1)
    assert [each.level for each in found] == [100, 40, 0]


def test_days_of_every_year_may_go_over_new_year() -> None:
    days = Calendar(dates=["12-24..01-02"])
    assert days.hold(date(2026, 12, 24))
    assert days.hold(date(2027, 1, 2))
    assert not days.hold(date(2027, 1, 3))
    assert not days.hold(date(2026, 12, 23))
    assert parse_dates("02-29") == Dates(first=(0, 2, 29), last=(0, 2, 29))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("2027-02-30", "is no date"),
        ("tết", "is no date"),
        ("2027-02-11..2027-02-05", "ends before it begins"),
        ("2027-02-11..03-05", "in both dates or in none"),
    ],
)
def test_dates_that_are_none(text: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        parse_dates(text)


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        ({"at": 1350, "level": 1}, "in quotes"),
        ({"at": "25:00", "level": 1}, "no time of day"),
        ({"at": "noon", "level": 1}, "none of"),
        ({"at": "sunset+9999", "level": 1}, "none of"),
        ({"at": "22:30", "level": 101}, "less than or equal to 100"),
        ({"at": "22:30", "level": 1, "not_before": "21:00"}, "steps by the sun"),
        ({"at": "sunset", "level": 1, "not_before": "9:00"}, "pattern"),
    ],
)
def test_steps_that_are_none(step: dict[str, object], cause: str) -> None:
    with pytest.raises(ValidationError, match=cause):
        Step.model_validate(step)


def test_only_the_last_of_the_nights_is_for_all_others() -> None:
    usual = {"steps": [{"at": "18:00", "level": 1}]}
    with pytest.raises(ValidationError, match="all other days"):
        program(nights=[{"weekdays": ["sat"], **usual}])
    with pytest.raises(ValidationError, match="only the last"):
        program(nights=[usual, usual])


_STEPS = st.lists(
    st.builds(
        lambda at, level: {"at": at, "level": level},
        st.one_of(
            st.times().map(lambda each: each.strftime("%H:%M")),
            st.tuples(st.sampled_from(["sunrise", "sunset"]), st.integers(-300, 300)).map(
                lambda each: f"{each[0]}{each[1]:+d}"
            ),
        ),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=6,
)
_PROGRAMS = st.builds(
    lambda weekend, usual: program(nights=[{"weekdays": ["sat", "sun"], "steps": weekend}, {"steps": usual}]),
    _STEPS,
    _STEPS,
)


@settings(max_examples=60, deadline=None)
@given(_PROGRAMS, st.integers(1_700_000_000_000, 2_000_000_000_000))
def test_the_target_is_that_of_the_last_switch(given_program: Program, moment: int) -> None:
    plan = schedule(given_program)
    target = plan.target(moment)
    assert target.since_ms <= moment < target.until_ms
    day = datetime.fromtimestamp(moment / 1000, UTC).date()
    every = plan.switches(day - timedelta(days=4), 8)
    assert [each.at_ms for each in every] == sorted(each.at_ms for each in every)
    before = [each for each in every if each.at_ms <= moment]
    assert before[-1].level == target.level
    assert not [each for each in every if target.since_ms < each.at_ms < target.until_ms]
