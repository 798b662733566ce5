"""Changes in the registry, seen by asking."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.live import changes as module
from cloud.live.changes import Changes
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import AlarmRecord, CommandRecord, CommandState, GatewayRecord, NewAlarm
from telemetry.commands import CommandStatus

NOW = 1_767_571_200_000


class SetClock:
    def __init__(self) -> None:
        self.ms = NOW

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def registry(tmp_path: Path, empty_registry: Path, clock: SetClock) -> Iterator[SqlRegistry]:
    shutil.copy(empty_registry, tmp_path / "registry.db")
    opened = open_registry(f"sqlite:///{tmp_path}/registry.db", clock)
    yield opened
    opened.close()


def alarm(rule: str = "streetlight/lamp-out") -> NewAlarm:
    return NewAlarm("sl-1", "eg-1", rule, "major", "", "", "", "", None, None, NOW)


def command(number: int, asked_ms: int = NOW) -> CommandRecord:
    return CommandRecord(
        id=f"c-{number:04}",
        area="p060",
        gateway="eg-1",
        device="sl-1",
        metric="Lamp/On",
        field="lamp_on",
        type="boolean",
        value=True,
        issuer="lan",
        reason="",
        state=CommandState.ASKED,
        error="",
        asked_ms=asked_ms,
        sent_ms=None,
        ended_ms=None,
        expires_ms=asked_ms + 30_000,
        attempts=0,
    )


def test_alarm_is_told_at_each_change_and_once(registry: SqlRegistry, clock: SetClock) -> None:
    registry.raise_alarm(alarm("streetlight/old"))
    clock.ms += 60_000
    changes = Changes(registry, clock.ms)
    assert changes.poll(clock.ms) == []
    raised = registry.raise_alarm(alarm())
    told = changes.poll(clock.ms)
    assert [(each.id, each.active) for each in told if isinstance(each, AlarmRecord)] == [(raised, True)]
    assert changes.poll(clock.ms) == []
    registry.acknowledge_alarm(raised, by="lan", time_ms=clock.ms)
    registry.clear_alarm("sl-1", "streetlight/lamp-out", time_ms=clock.ms)
    told = changes.poll(clock.ms)
    assert [(each.active, each.acknowledged) for each in told if isinstance(each, AlarmRecord)] == [
        (False, True)
    ]
    clock.ms += 3_600_000
    assert changes.poll(clock.ms) == []
    registry.raise_alarm(alarm())
    assert len(changes.poll(clock.ms)) == 1


def test_change_that_another_process_dates_a_little_earlier(registry: SqlRegistry, clock: SetClock) -> None:
    changes = Changes(registry, clock.ms)
    registry.raise_alarm(alarm("streetlight/a"))
    assert len(changes.poll(clock.ms)) == 1
    clock.ms -= 2_000
    registry.raise_alarm(alarm("streetlight/b"))
    assert [each.rule for each in changes.poll(clock.ms) if isinstance(each, AlarmRecord)] == [
        "streetlight/b"
    ]


def test_alarm_that_comes_back_from_the_shelf_by_itself(registry: SqlRegistry, clock: SetClock) -> None:
    changes = Changes(registry, clock.ms)
    raised = registry.raise_alarm(alarm())
    registry.shelve_alarm(raised, until_ms=clock.ms + 60_000, by="lan", reason="")
    assert len(changes.poll(clock.ms)) == 1
    clock.ms += 59_999
    assert changes.poll(clock.ms) == []
    clock.ms += 1
    assert [each.id for each in changes.poll(clock.ms) if isinstance(each, AlarmRecord)] == [raised]
    assert changes.poll(clock.ms) == []


def test_command_is_told_at_each_step(registry: SqlRegistry, clock: SetClock) -> None:
    registry.add_command(command(0))
    changes = Changes(registry, clock.ms)
    assert changes.poll(clock.ms) == []
    steps = []
    registry.add_command(command(1))
    steps += changes.poll(clock.ms)
    registry.command_sent("c-0001", time_ms=clock.ms)
    steps += changes.poll(clock.ms)
    registry.command_result("c-0001", CommandStatus.DONE, "", time_ms=clock.ms)
    steps += changes.poll(clock.ms)
    steps += changes.poll(clock.ms)
    assert [each.state for each in steps if isinstance(each, CommandRecord)] == [
        CommandState.ASKED,
        CommandState.SENT,
        CommandState.DONE,
    ]


def test_old_open_command_ends_behind_many_newer_ones(
    registry: SqlRegistry, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RECENT_COMMANDS", 2)
    changes = Changes(registry, clock.ms)
    changes.poll(clock.ms)
    for number in range(1, 5):
        registry.add_command(command(number))
    assert [each.id for each in changes.poll(clock.ms) if isinstance(each, CommandRecord)] == [
        "c-0001",
        "c-0002",
        "c-0003",
        "c-0004",
    ]
    registry.command_result("c-0001", CommandStatus.FAILED, "no answer", time_ms=clock.ms)
    told = changes.poll(clock.ms)
    assert [(each.id, each.error) for each in told if isinstance(each, CommandRecord)] == [
        ("c-0001", "no answer")
    ]


def test_gateway_is_told_when_more_than_its_last_message_changes(
    registry: SqlRegistry, clock: SetClock
) -> None:
    registry.gateway_born("eg-1", "p060", time_ms=NOW, software="0.1.0")
    changes = Changes(registry, clock.ms)
    assert changes.poll(clock.ms) == []
    registry.gateways_seen({"eg-1": NOW + 5_000})
    assert changes.poll(clock.ms) == []
    registry.gateway_spool("eg-1", depth=12, dropped=0)
    registry.gateway_born("eg-2", "p060", time_ms=NOW, software="0.1.0")
    told = changes.poll(clock.ms)
    assert {each.id for each in told if isinstance(each, GatewayRecord)} == {"eg-1", "eg-2"}
    registry.gateway_died("eg-1", time_ms=NOW + 6_000)
    assert [each.online for each in changes.poll(clock.ms) if isinstance(each, GatewayRecord)] == [False]
