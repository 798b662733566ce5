from __future__ import annotations

import multiprocessing
import threading
from dataclasses import replace

import pytest

from cloud.errors import Refused
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import NewAlarm
from tests.cloud.registry.conftest import SetClock

LAMP_OUT = NewAlarm(
    device="sl-1",
    gateway="eg-1",
    rule="streetlight/lamp-out",
    severity="major",
    text_vi="Đèn được bật nhưng chỉ tiêu thụ 0,4 W",
    text_en="The lamp is switched on but draws only 0.4 W",
    advice_vi="Kiểm tra bóng",
    advice_en="Check the lamp",
    value=0.4,
    limit=5.0,
    raised_ms=1000,
)


def test_an_alarm_lives_and_is_one_row_while_it_is_open(registry: SqlRegistry, clock: SetClock) -> None:
    alarm_id = registry.raise_alarm(LAMP_OUT)
    assert registry.raise_alarm(replace(LAMP_OUT, raised_ms=1500)) == alarm_id
    [alarm] = registry.alarms()
    assert (alarm.active, alarm.acknowledged, alarm.raised_ms, alarm.limit) == (True, False, 1000, 5.0)

    assert registry.clear_alarm("sl-1", LAMP_OUT.rule, time_ms=2000)
    assert not registry.clear_alarm("sl-1", LAMP_OUT.rule, time_ms=2100)
    [alarm] = registry.alarms(open_only=True)
    assert (alarm.active, alarm.cleared_ms) == (False, 2000)

    assert registry.raise_alarm(replace(LAMP_OUT, raised_ms=3000, value=0.1)) == alarm_id
    [alarm] = registry.alarms()
    assert (alarm.active, alarm.cleared_ms, alarm.raised_ms, alarm.value) == (True, None, 3000, 0.1)

    assert registry.clear_alarm("sl-1", LAMP_OUT.rule, time_ms=4000)
    acknowledged = registry.acknowledge_alarm(alarm_id, by="lan", time_ms=4500)
    assert acknowledged is not None
    assert (acknowledged.acknowledged_by, acknowledged.acknowledged_ms) == ("lan", 4500)
    assert registry.alarms(open_only=True) == []

    assert registry.raise_alarm(replace(LAMP_OUT, raised_ms=5000)) != alarm_id
    assert len(registry.alarms()) == 2


def test_acknowledging_is_audited_and_the_first_counts(registry: SqlRegistry) -> None:
    alarm_id = registry.raise_alarm(LAMP_OUT)
    registry.acknowledge_alarm(alarm_id, by="lan", time_ms=1)
    again = registry.acknowledge_alarm(alarm_id, by="minh", time_ms=2)
    assert again is not None
    assert again.acknowledged_by == "lan"
    assert registry.acknowledge_alarm(alarm_id + 1, by="lan", time_ms=1) is None
    assert [(row.who, row.what) for row in registry.audit_trail(subject="sl-1")] == [
        ("lan", "alarm-acknowledged")
    ]


def test_shelving_outlives_the_alarm_and_ends_by_itself(registry: SqlRegistry, clock: SetClock) -> None:
    alarm_id = registry.raise_alarm(LAMP_OUT)
    until = clock.ms + 60_000
    shelved = registry.shelve_alarm(alarm_id, until_ms=until, by="lan", reason="đang sửa")
    assert shelved is not None
    assert shelved.shelved_until_ms == until
    registry.acknowledge_alarm(alarm_id, by="lan", time_ms=1)
    registry.clear_alarm("sl-1", LAMP_OUT.rule, time_ms=2000)
    with pytest.raises(Refused, match="closed"):
        registry.shelve_alarm(alarm_id, until_ms=until, by="lan", reason="")

    registry.raise_alarm(replace(LAMP_OUT, raised_ms=3000))
    [alarm] = registry.alarms(open_only=True)
    assert alarm.shelved_until_ms == until
    back = registry.shelve_alarm(alarm.id, until_ms=0, by="lan", reason="")
    assert back is not None
    assert back.shelved_until_ms is None
    assert [row.what for row in registry.audit_trail()][:1] == ["alarm-unshelved"]
    assert registry.shelve_alarm(999, until_ms=until, by="lan", reason="") is None


def test_changes_are_found_by_their_time(registry: SqlRegistry, clock: SetClock) -> None:
    registry.raise_alarm(LAMP_OUT)
    registry.raise_alarm(replace(LAMP_OUT, device="sl-2", raised_ms=1001))
    before = clock.ms
    clock.ms += 5
    registry.clear_alarm("sl-1", LAMP_OUT.rule, time_ms=2000)
    registry.raise_alarm(replace(LAMP_OUT, device="sl-2", raised_ms=1900))  # says nothing new
    assert [alarm.device for alarm in registry.alarms(changed_after_ms=before)] == ["sl-1"]
    assert [alarm.device for alarm in registry.alarms()] == ["sl-2", "sl-1"]
    assert [alarm.device for alarm in registry.alarms(device="sl-2")] == ["sl-2"]
    assert len(registry.alarms(limit=1)) == 1


def _raise_many(url: str, number: int) -> None:
    registry = open_registry(url)
    for step in range(number):
        registry.raise_alarm(replace(LAMP_OUT, raised_ms=1000 + step))
        registry.raise_alarm(replace(LAMP_OUT, device=f"sl-{step}"))
    registry.close()


def test_two_processes_that_raise_the_same_alarm_make_one_row(url: str, registry: SqlRegistry) -> None:
    processes = [
        multiprocessing.get_context("spawn").Process(target=_raise_many, args=(url, 30)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    alarms = registry.alarms()
    assert len(alarms) == 30
    assert len({alarm.device for alarm in alarms}) == 30


def test_threads_that_raise_clear_and_acknowledge_leave_at_most_one_open(registry: SqlRegistry) -> None:
    failures: list[Exception] = []

    def work(step: int) -> None:
        try:
            for turn in range(15):
                alarm_id = registry.raise_alarm(replace(LAMP_OUT, raised_ms=10_000 + turn))
                if step == 1:
                    registry.clear_alarm("sl-1", LAMP_OUT.rule, time_ms=20_000)
                    registry.acknowledge_alarm(alarm_id, by="lan", time_ms=1)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(step,)) for step in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(registry.alarms(open_only=True)) <= 1
