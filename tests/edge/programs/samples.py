"""Programs, calendars and places that tests share."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from edge.programs.config import Calendar, Place, Program
from edge.programs.schedule import Schedule
from edge.programs.sun import sun_time

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PHAN_THIET = Place(latitude=10.93, longitude=108.10)
TET = Calendar(dates=["2027-02-05..2027-02-11"])
YEAR_END = Calendar(dates=["12-24..01-02"])
NIGHTS: list[dict[str, Any]] = [
    {"calendar": "tet", "steps": [{"at": "sunset-15", "level": 100}, {"at": "sunrise+10", "level": 0}]},
    {
        "weekdays": ["sat", "sun"],
        "steps": [
            {"at": "sunset", "level": 100},
            {"at": "23:30", "level": 70},
            {"at": "sunrise", "level": 0},
        ],
    },
    {
        "steps": [
            {"at": "sunset-10", "level": 100},
            {"at": "22:30", "level": 60},
            {"at": "04:30", "level": 100},
            {"at": "sunrise+5", "level": 0},
        ]
    },
]


def program(**changes: Any) -> Program:
    content = {"id": "dem", "lamps": ["sl-000001"], "nights": NIGHTS, "spread_s": 0, "pace_s": 0}
    return Program.model_validate(content | changes)


def schedule(given: Program | None = None) -> Schedule:
    calendars = {"tet": TET, "year-end": YEAR_END}
    return Schedule(given or program(), calendars, PHAN_THIET, zone=ZONE, sun=sun_time)
