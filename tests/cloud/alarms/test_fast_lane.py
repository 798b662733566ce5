from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.alarms.fast_lane import FastLane
from cloud.errors import RegistryUnavailable
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import Admission, AlarmRecord, DeviceBirth, NewAlarm
from cloud.store.port import Scan
from telemetry.devices.library import Library
from telemetry.readings import Value

CLASSES = Library.shipped().classes
START_MS = 1_800_000_000_000


class Watch:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.s = 0.0

    def now_ms(self) -> int:
        return START_MS + round(self.s * 1000)

    def monotonic(self) -> float:
        return self.s


class Switched:
    """The registry behind a switch: while it is off, every call fails."""

    def __init__(self, registry: SqlRegistry) -> None:
        self._registry = registry
        self.is_on = True
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        if not self.is_on:
            self.calls += 1
            raise RegistryUnavailable("switched off")
        return getattr(self._registry, name)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    opened = open_registry(f"sqlite:///{tmp_path}/r.db")
    yield opened
    opened.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


def meter(second: float, device: str = "wm-1", **fields: Value) -> Scan:
    return Scan("water_meter", "p060", "eg-1", device, START_MS + round(second * 1000), fields)


def burst(start: float, until: float, step: float = 5, device: str = "wm-1") -> list[Scan]:
    return [meter(start + step * i, device, flow_rate=75.0) for i in range(int((until - start) / step) + 1)]


def active(registry: SqlRegistry) -> list[tuple[str, str]]:
    return sorted((alarm.device, alarm.rule) for alarm in registry.alarms() if alarm.active)


def test_a_burst_is_raised_in_words_and_cleared(registry: SqlRegistry, watch: Watch) -> None:
    lane = FastLane(registry, CLASSES, watch)
    lane.judge(burst(0, 15))
    assert registry.alarms() == []
    lane.judge([meter(20, flow_rate=75.25)])
    [alarm] = registry.alarms()
    assert (alarm.rule, alarm.severity, alarm.raised_ms) == ("water_meter/flow-high", "major", START_MS)
    assert alarm.text_vi == "Lưu lượng 75,25 m³/h cao bất thường (trên 60)"
    assert alarm.text_en == "Flow 75.25 m³/h is unusually high (above 60)"
    assert (alarm.value, alarm.limit, alarm.gateway) == (75.25, 60.0, "eg-1")
    lane.judge([meter(25, flow_rate=57.0)])
    assert len(active(registry)) == 1
    lane.judge([meter(30, flow_rate=54.0)])
    [alarm] = registry.alarms(open_only=True)
    assert (alarm.active, alarm.cleared_ms) == (False, START_MS + 30_000)


def test_devices_and_unknown_classes_do_not_mix(registry: SqlRegistry, watch: Watch) -> None:
    lane = FastLane(registry, CLASSES, watch)
    lane.judge([*burst(0, 20, device="wm-1"), *burst(0, 15, device="wm-2")])
    lane.judge([Scan("generic", "p060", "eg-1", "x-1", START_MS, {"flow_rate": 75.0})])
    assert active(registry) == [("wm-1", "water_meter/flow-high")]


def test_a_new_worker_knows_the_active_alarms(registry: SqlRegistry, watch: Watch) -> None:
    FastLane(registry, CLASSES, watch).judge(burst(0, 20))
    FastLane(registry, CLASSES, watch).judge([meter(30, flow_rate=2.0)])
    assert active(registry) == []


def test_two_workers_that_see_every_other_scan_agree(registry: SqlRegistry, watch: Watch) -> None:
    workers = [FastLane(registry, CLASSES, watch) for _ in range(2)]
    for number, each in enumerate(burst(0, 60)):
        workers[number % 2].judge([each])
        watch.s += 5
    assert len(registry.alarms()) == 1
    for number in range(6):
        workers[number % 2].judge([meter(70 + 5 * number, flow_rate=2.0)])
        watch.s += 5
    assert active(registry) == []
    assert len(registry.alarms()) == 1


def test_while_the_registry_is_away_verdicts_wait(registry: SqlRegistry, watch: Watch) -> None:
    switched = Switched(registry)
    lane = FastLane(switched, CLASSES, watch)  # type: ignore[arg-type]
    lane.judge([])
    switched.is_on = False
    lane.judge(burst(0, 30))
    lane.judge(burst(35, 60))
    assert switched.calls == 1, "an unreachable registry must not slow every call down"
    switched.is_on = True
    lane.judge([])
    assert registry.alarms() == [], "not asked before its pause is over"
    watch.s += 31
    lane.judge([])
    assert active(registry) == [("wm-1", "water_meter/flow-high")]


def test_what_ended_while_the_registry_was_away_leaves_nothing_active(
    registry: SqlRegistry, watch: Watch
) -> None:
    switched = Switched(registry)
    lane = FastLane(switched, CLASSES, watch)  # type: ignore[arg-type]
    lane.judge(burst(0, 20))
    switched.is_on = False
    watch.s += 1
    lane.judge([meter(30, flow_rate=2.0)])
    lane.judge(burst(40, 60, device="wm-2"))
    lane.judge([meter(70, "wm-2", flow_rate=2.0)])
    switched.is_on = True
    watch.s += 31
    lane.judge([])
    assert active(registry) == []


def test_too_many_waiting_verdicts_are_dropped_and_given_again(registry: SqlRegistry, watch: Watch) -> None:
    switched = Switched(registry)
    lane = FastLane(switched, CLASSES, watch, kept_verdicts=3)  # type: ignore[arg-type]
    lane.judge([])
    switched.is_on = False
    for number in range(5):
        lane.judge(burst(0, 20, device=f"wm-{number}"))
    assert lane.dropped == 2
    switched.is_on = True
    watch.s += 31
    lane.judge([meter(25, f"wm-{number}", flow_rate=75.0) for number in range(5)])
    watch.s += 1
    lane.judge([meter(30, f"wm-{number}", flow_rate=75.0) for number in range(5)])
    assert len(active(registry)) == 5


def test_retired_devices_raise_nothing_and_lose_their_alarms(registry: SqlRegistry, watch: Watch) -> None:
    lane = FastLane(registry, CLASSES, watch)
    lane.judge(burst(0, 20))
    registry.device_born(DeviceBirth("wm-1", "p060", "eg-1", "water_meter", "", "", None, None, [], START_MS))
    registry.set_admission("wm-1", Admission.RETIRED, by="lan")
    watch.s += 11
    lane.judge(burst(25, 60))
    assert active(registry) == []


def test_an_alarm_whose_rule_is_gone_is_cleared(registry: SqlRegistry, watch: Watch) -> None:
    def old(rule: str) -> NewAlarm:
        return NewAlarm("wm-1", "eg-1", rule, "major", "", "", "", "", None, None, START_MS)

    for rule in ("water_meter/renamed", "device-silent", "pest/rice-blast"):
        registry.raise_alarm(old(rule))
    FastLane(registry, CLASSES, watch).judge([])
    assert active(registry) == [("wm-1", "device-silent"), ("wm-1", "pest/rice-blast")]


def test_an_acknowledged_alarm_that_comes_back_is_a_new_one(registry: SqlRegistry, watch: Watch) -> None:
    lane = FastLane(registry, CLASSES, watch)
    lane.judge(burst(0, 20))
    [alarm] = registry.alarms()
    registry.acknowledge_alarm(alarm.id, by="lan", time_ms=START_MS)
    lane.judge([meter(30, flow_rate=2.0), *burst(40, 60)])
    alarms: list[AlarmRecord] = registry.alarms()
    assert [each.active for each in alarms] == [True, False]
