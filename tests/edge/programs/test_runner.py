"""Lamps go by their program with nobody there; commands override it for a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.commands.locks import EVERYTHING, LOCKS_FILE, Lock, write_locks
from edge.programs.decision import Reason
from edge.programs.lamps import FEEDBACK, LEVEL, ON, PROGRAM, REASON, TARGET, Lamp
from telemetry.commands import CommandStatus
from telemetry.devices.writing import WriteRule
from telemetry.readings import Batch, Reading, ValueType
from tests.edge.programs.rig import LAMP, LUX, Lamps, SetClock, Site, running
from tests.edge.programs.samples import program

pytestmark = pytest.mark.anyio
ACCEPTED, DONE, REJECTED, FAILED, EXPIRED = CommandStatus
EVENING = "2026-11-24 20:00"
SENSOR: dict[str, Any] = {"device": "ws-000001", "point": LUX, "on_below": 20, "off_above": 40, "level": 80}


def lux(value: float) -> Batch:
    return Batch("ws-000001", (Reading("ws-000001", LUX, ValueType.DOUBLE, value, 0),))


async def test_a_lamp_follows_its_program_and_says_so(tmp_path: Path) -> None:
    async with running(Site(tmp_path, Lamps(), SetClock(EVENING))) as site:
        await site.until(lambda: len(site.results()) == 1)
        assert site.lamps.writes == [(LAMP, LEVEL, 100)]
        assert [status for _, status in site.results()] == [DONE]
        assert site.results()[0][0].startswith("program/dem/program/100/")
        assert site.last(LEVEL) == 100
        site.clock.set("2026-11-24 22:30:01")
        await site.until(lambda: len(site.results()) == 2)
        assert site.lamps.writes[1:] == [(LAMP, LEVEL, 60)]
        told = (site.last(TARGET), site.last(REASON), site.last(FEEDBACK), site.last(PROGRAM))
        assert told == (60, Reason.PROGRAM, 60, "dem")


async def test_target_comes_before_feedback(tmp_path: Path) -> None:
    lamps = Lamps(silent={LAMP})
    async with running(Site(tmp_path, lamps, SetClock(EVENING))) as site:
        await site.until(lambda: site.last(TARGET) == 100)
        assert site.last(FEEDBACK) is None
        lamps.silent.clear()
        await site.until(lambda: site.last(FEEDBACK) == 100)


async def test_a_restart_writes_nothing_that_is_there_already(tmp_path: Path) -> None:
    lamps = Lamps(values={(LAMP, LEVEL): 100})
    async with running(Site(tmp_path, lamps, SetClock(EVENING))) as site:
        await site.until(lambda: site.last(FEEDBACK) == 100)
        assert lamps.writes == []
        assert site.results() == []


async def test_a_switch_that_never_worked_is_reported_when_the_next_begins(tmp_path: Path) -> None:
    lamps = Lamps(silent={LAMP})
    async with running(Site(tmp_path, lamps, SetClock(EVENING))) as site:
        await site.until(lambda: site.last(TARGET) == 100)
        site.up.clear()
        site.clock.set("2026-11-24 22:30:01")
        await site.until(lambda: len(site.results()) == 1)
        assert site.results()[0][1] == FAILED
        assert "/100/" in site.results()[0][0]
        lamps.silent.clear()
        site.up.add(LAMP)
        await site.until(lambda: len(site.results()) == 2)
        assert site.results()[1][1] == DONE
        assert lamps.writes == [(LAMP, LEVEL, 60)]


async def test_an_override_ends_by_itself_and_the_lamp_returns(tmp_path: Path) -> None:
    async with running(Site(tmp_path, Lamps(), SetClock(EVENING))) as site:
        await site.until(lambda: len(site.results()) == 1)
        site.order(LEVEL, 30, revert_after_s=0.7)
        await site.until(lambda: ("c-1", DONE) in site.results())
        await site.until(lambda: site.last(REASON) == Reason.OVERRIDE)
        assert (site.last(TARGET), site.last(FEEDBACK)) == (30, 30)
        await site.until(lambda: ("c-1/revert", DONE) in site.results())
        await site.until(lambda: site.last(REASON) == Reason.PROGRAM)
        assert site.lamps.writes == [(LAMP, LEVEL, 100), (LAMP, LEVEL, 30), (LAMP, LEVEL, 100)]


async def test_an_override_without_an_end_stands_until_the_program_switches(tmp_path: Path) -> None:
    async with running(Site(tmp_path, Lamps(), SetClock("2026-11-24 22:29:58"))) as site:
        await site.until(lambda: site.last(FEEDBACK) == 100)
        site.order(LEVEL, 10)
        await site.until(lambda: ("c-1/revert", DONE) in site.results())
        assert site.lamps.values[LAMP, LEVEL] == 60


async def test_an_override_outlives_the_agent_and_ends_in_time(tmp_path: Path) -> None:
    lamps, clock = Lamps(), SetClock(EVENING)
    async with running(Site(tmp_path, lamps, clock)) as site:
        await site.until(lambda: len(site.results()) == 1)
        site.order(LEVEL, 30, revert_after_s=1.5)
        await site.until(lambda: ("c-1", DONE) in site.results())
    async with running(Site(tmp_path, lamps, clock)) as later:
        await later.until(lambda: later.last(REASON) == Reason.OVERRIDE)
        assert later.last(TARGET) == 30
        await later.until(lambda: ("c-1/revert", DONE) in later.results())
        assert lamps.values[LAMP, LEVEL] == 100


async def test_a_later_override_replaces_the_earlier_one(tmp_path: Path) -> None:
    both = Lamp(LAMP, "bus", has_switch=True, has_dimmer=True)
    async with running(Site(tmp_path, Lamps(), SetClock(EVENING), lamp=both)) as site:
        await site.until(lambda: len(site.results()) == 1)
        assert site.lamps.writes == [(LAMP, LEVEL, 100), (LAMP, ON, True)]
        site.order(LEVEL, 30, revert_after_s=0.5)
        await site.until(lambda: ("c-1", DONE) in site.results())
        site.order(ON, False, "c-2", revert_after_s=1.2)
        await site.until(lambda: ("c-2/revert", DONE) in site.results())
        assert "c-1/revert" not in [name for name, _ in site.results()]
        assert site.lamps.values == {(LAMP, LEVEL): 100, (LAMP, ON): True}


async def test_light_decides_while_nobody_knows_the_time(tmp_path: Path) -> None:
    given = program(light_sensor=SENSOR, safe_level="hold")
    site = Site(tmp_path, Lamps(), SetClock("2026-11-24 12:00"), given=given)
    site.is_clock_known = False
    async with running(site):
        await site.until(lambda: site.last(REASON) == Reason.DEFAULT)
        assert site.lamps.writes == []
        site.commands.values.note(lux(3.0))
        await site.until(lambda: site.last(FEEDBACK) == 80)
        assert site.last(REASON) == Reason.SENSOR
        site.commands.values.note(lux(500.0))
        await site.until(lambda: site.last(FEEDBACK) == 0)
        site.is_clock_known = True
        site.clock.set(EVENING)
        await site.until(lambda: site.last(FEEDBACK) == 100)
        assert site.last(REASON) == Reason.PROGRAM


async def test_without_time_and_light_the_safe_level(tmp_path: Path) -> None:
    site = Site(tmp_path, Lamps(), SetClock("2026-11-24 12:00"), given=program(safe_level=70))
    site.is_clock_known = False
    async with running(site):
        await site.until(lambda: site.last(FEEDBACK) == 70)
        assert site.last(REASON) == Reason.DEFAULT


async def test_lamps_of_one_bus_switch_one_after_another(tmp_path: Path) -> None:
    site = Site(tmp_path, Lamps(), SetClock(EVENING), count=12)
    site.lamps.silent = {"sl-000003"}
    async with running(site):
        await site.until(lambda: len(site.results()) == 11)
        assert site.lamps.most_busy == 1
        site.lamps.silent.clear()
        await site.until(lambda: len(site.results()) == 12)


async def test_locks_and_rests_hold_for_programs_too(tmp_path: Path) -> None:
    rules = {LEVEL: WriteRule(settle_s=0.2, min_interval_s=0.8)}
    write_locks(tmp_path / LOCKS_FILE, [Lock(EVERYTHING, "an", "Sửa đèn", 0, None)])
    async with running(Site(tmp_path, Lamps(), SetClock(EVENING), rules=rules)) as site:
        await site.until(lambda: site.last(TARGET) == 100)
        assert site.lamps.writes == []
        write_locks(tmp_path / LOCKS_FILE, [])
        await site.until(lambda: site.last(FEEDBACK) == 100)
        site.clock.set("2026-11-24 22:30:01")
        await site.until(lambda: site.last(FEEDBACK) == 60)
        assert [each[2] for each in site.lamps.writes] == [100, 60]


async def test_a_lamp_that_lost_its_power_is_switched_again(tmp_path: Path) -> None:
    async with running(Site(tmp_path, Lamps(), SetClock(EVENING))) as site:
        await site.until(lambda: site.last(FEEDBACK) == 100)
        site.up.clear()
        site.lamps.values.clear()
        site.commands._programs.changed(LAMP)
        await site.until(lambda: site.lamps.writes == [(LAMP, LEVEL, 100)])
        site.up.add(LAMP)
        await site.until(lambda: len(site.lamps.writes) == 2)
