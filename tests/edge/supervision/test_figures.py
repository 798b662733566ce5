"""Health as node metrics: names, types and sums."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bus.statistics import BusStatistics
from edge.errors import BusCrcError, BusException, BusTimeout
from edge.supervision.figures import Utilisation, bus_figures, group_of
from edge.supervision.health import EVERY_S, ClockFigures, Health
from edge.supervision.lag import LoopLag
from edge.supervision.lives import Life, Lives
from edge.supervision.machine import Machine, hottest, look
from telemetry.readings import ValueType
from telemetry.sparkplug import metrics as names

NAME = re.compile(r"[A-Z][A-Za-z0-9]*( [A-Z0-9][A-Za-z0-9]*)*/[A-Z][A-Za-z0-9]*( [A-Z0-9][A-Za-z0-9]*)*")


def bus() -> BusStatistics:
    counted = BusStatistics(busy_s=3.0, losses=2, damaged=1)
    alive, dead = counted.unit(1), counted.unit(2)
    for number in range(100):
        alive.took(number / 1000)
    alive.count(BusException("refused", 2))
    alive.count(BusCrcError("noise"))
    for _ in range(3):
        dead.count(BusTimeout("silent"))
    alive.overruns = 4
    return counted


def test_a_bus_tells_its_counts() -> None:
    told = {figure.name.partition("/")[2]: figure.value for figure in bus_figures("rs485-1", bus(), 0.5)}
    assert told == {
        "Utilisation": 50.0,
        "Round Trip P50": 50.0,
        "Round Trip P99": 99.0,
        "Timeouts": 3,
        "CRC Errors": 2,
        "Mismatches": 0,
        "Exceptions": 1,
        "Overruns": 4,
        "Losses": 2,
        "Units Up": 1,
        "Units Down": 1,
    }


def test_a_gateway_that_says_that_the_unit_is_silent_counts_as_silence() -> None:
    unit = BusStatistics().unit(1)
    unit.took(0.1)
    for _ in range(2):
        unit.count(BusException("no path", 11))
    assert unit.is_down
    unit.count(BusException("busy", 6))
    assert not unit.is_down


def test_utilisation_is_the_share_between_two_looks() -> None:
    counted = BusStatistics()
    shares = Utilisation()
    assert shares.look({"a": counted}, 10.0) == {"a": 0.0}
    counted.busy_s = 3.0
    assert shares.look({"a": counted}, 20.0) == {"a": pytest.approx(0.3)}
    assert shares.look({"a": BusStatistics(busy_s=1.0)}, 30.0) == {"a": pytest.approx(0.1)}


def health(folder: Path, clock: Callable[[], ClockFigures] = lambda: ClockFigures("synced", -12.5)) -> Health:
    def machine(_folder: Path) -> Machine:
        return Machine(30_000_000, 1.0, 5_000_000_000, 4096, -5.0)

    return Health(folder, lambda: Life(3, "b", "killed"), LoopLag(), clock=clock, machine=machine)


def test_all_figures_have_names_types_and_units_of_the_wire(tmp_path: Path) -> None:
    figures = health(tmp_path).collect({"rs485-1": bus(), "cabinet": BusStatistics()}, None)
    assert len({figure.name for figure in figures}) == len(figures)
    for figure in figures:
        assert NAME.fullmatch(figure.name), figure.name
        birth = figure.metric(1, with_unit=True)
        assert (names.UNIT in birth.properties) == bool(figure.unit)
        assert birth.is_null == (figure.value is None)
        if figure.type in (ValueType.INT32, ValueType.INT64) and figure.value is not None:
            assert isinstance(figure.value, int)
            assert figure.value >= 0
    told = {figure.name: figure.value for figure in figures}
    assert told["Board/Temperature"] == -5.0
    assert told["Clock/Offset"] == -12.5
    assert told["Process/Last End"] == "killed"
    assert told["Disk/Written"] is None


def test_told_every_minute_and_when_a_state_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("edge.supervision.health.time.monotonic", lambda: now)
    counted = bus()
    watched = health(tmp_path)
    assert watched.is_due({"a": counted})
    now += 10
    assert not watched.is_due({"a": counted})
    counted.unit(2).took(0.1)
    assert watched.is_due({"a": counted}), "a unit is back"
    now += 1
    counted.unit(2).count(BusTimeout("x"))
    counted.unit(2).count(BusTimeout("x"))
    assert not watched.is_due({"a": counted}), "told a moment ago"
    now += 2
    assert watched.is_due({"a": counted})
    now += EVERY_S
    assert watched.is_due({"a": counted})


def test_groups_of_buses_are_words() -> None:
    assert group_of("rs485-1") == "Bus Rs485 1"
    assert group_of("cabinet--a-") == "Bus Cabinet A"


def test_the_hottest_sensor_counts_and_a_broken_one_does_not(tmp_path: Path) -> None:
    for zone, text in (("0", "48312\n"), ("1", "61000\n"), ("2", "hot\n")):
        folder = tmp_path / f"thermal_zone{zone}"
        folder.mkdir()
        (folder / "temp").write_text(text)
    assert hottest(tmp_path) == 61.0
    assert hottest(tmp_path / "none") is None


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    seen = look(tmp_path)
    assert seen.memory_bytes is not None
    assert seen.memory_bytes > 1_000_000
    assert seen.disk_free_bytes is not None
    assert look(tmp_path / "gone").disk_free_bytes is None


def test_lives_are_counted_and_their_ends_known(tmp_path: Path) -> None:
    file = tmp_path / "lives.json"
    assert Lives(file, "boot-1").life == Life(1, "boot-1", "")
    assert Lives(file, "boot-1").life.last_end == "killed"
    third = Lives(file, "boot-2")
    assert third.life.last_end == "power cut, or the machine was reset"
    third.ended("stopped")
    fourth = Lives(file, "boot-2")
    assert (fourth.life.starts, fourth.life.last_end) == (4, "stopped")
    fourth.ended("watchdog: bus a is 70 s late: it talks")
    assert Lives(file, "boot-2").life.last_end.startswith("watchdog: bus a")
    file.write_text("{")
    assert Lives(file, "boot-2").life.starts == 1
