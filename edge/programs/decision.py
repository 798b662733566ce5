"""What lamps shall do now, and why: by the program; without the time by light, or what is safe. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from edge.programs.config import HOLD, Program
from edge.programs.schedule import Schedule

UNKNOWN_OVERRIDE_S: Final = 8 * 3600.0
"""How long a command without an end stands while nobody knows when the program switches next."""


class Reason(IntEnum):
    """Why a lamp has its target: TALQ's reasons, as metric `Lamp/Target Reason`."""

    UNKNOWN = 0
    DEFAULT = 1
    """Neither time nor light is known: the safe level."""
    OVERRIDE = 2
    SENSOR = 3
    PROGRAM = 4


@dataclass(frozen=True, slots=True)
class Decision:
    """What a program's lamps shall do."""

    level: int | None
    """Percent; None: stay as they are."""
    reason: Reason
    since_ms: int | None = None
    """When the program switched to it; None where nobody knows the time."""
    left_s: float = UNKNOWN_OVERRIDE_S
    """Until the program switches next."""


def decide(
    program: Program, schedule: Schedule, now_ms: int | None, light: float | None, before: Decision | None
) -> Decision:
    """What the lamps of `program` shall do.

    Args:
        program: with its light sensor and safe level.
        schedule: of the program.
        now_ms: UTC milliseconds; None while the clock is not known to be right.
        light: what the light sensor last said; None where there is none, or its value is too old.
        before: the last decision.
    """
    if now_ms is not None:
        target = schedule.target(now_ms)
        return Decision(target.level, Reason.PROGRAM, target.since_ms, (target.until_ms - now_ms) / 1000)
    sensor = program.light_sensor
    if sensor is not None and light is not None:
        if light < sensor.on_below:
            return Decision(sensor.level, Reason.SENSOR)
        if light > sensor.off_above:
            return Decision(0, Reason.SENSOR)
        if before is not None and before.level is not None:
            return Decision(before.level, Reason.SENSOR)
        return Decision(sensor.level, Reason.SENSOR)
    return Decision(None if program.safe_level == HOLD else int(program.safe_level), Reason.DEFAULT)
