"""What lamps do while nobody knows the time."""

from __future__ import annotations

from typing import Any

import pytest

from edge.programs.decision import UNKNOWN_OVERRIDE_S, Decision, Reason, decide
from tests.edge.programs.samples import program, schedule
from tests.edge.programs.test_schedule import at

SENSOR: dict[str, Any] = {"device": "ws-000001", "on_below": 20, "off_above": 40, "level": 80}
DARK, BRIGHT = Decision(80, Reason.SENSOR), Decision(0, Reason.SENSOR)


def test_the_program_decides_while_the_time_is_known() -> None:
    found = decide(program(light_sensor=SENSOR), schedule(), at("2026-11-24 23:00"), 5000.0, None)
    assert (found.level, found.reason) == (60, Reason.PROGRAM)
    assert found.left_s == 5.5 * 3600


@pytest.mark.parametrize(
    ("light", "before", "wanted"),
    [
        (19.0, None, DARK),
        (41.0, None, BRIGHT),
        (30.0, None, DARK),  # at dusk light is the safe side
        (30.0, BRIGHT, BRIGHT),
        (30.0, DARK, DARK),
        (None, BRIGHT, Decision(100, Reason.DEFAULT)),
    ],
)
def test_light_decides_while_it_is_not(
    light: float | None, before: Decision | None, wanted: Decision
) -> None:
    assert decide(program(light_sensor=SENSOR), schedule(), None, light, before) == wanted


def test_without_time_and_light_the_safe_level_or_nothing() -> None:
    assert decide(program(safe_level=70), schedule(), None, None, None) == Decision(70, Reason.DEFAULT)
    held = decide(program(safe_level="hold"), schedule(), None, 5.0, None)
    assert held == Decision(None, Reason.DEFAULT)
    assert held.left_s == UNKNOWN_OVERRIDE_S
