"""Values, steps, interlocks, rests and locks that keep a command from a device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.commands.errors import CommandRejected, LockFileError
from edge.commands.gate import Gate
from edge.commands.lifetime import Due, Moment
from edge.commands.locks import EVERYTHING, Lock, Locks, read_locks, write_locks
from edge.commands.rules import permitted_value, rest_s
from edge.commands.values import LastValues
from telemetry.commands import Command
from telemetry.devices.writing import Condition, Interlock, WriteRule, joined
from telemetry.readings import Batch, Quality, Reading, Value, ValueType
from tests.edge.commands.rig import DEVICE, FLOW, LOCAL, OPENING, TEXT, VALVE, definition

NOW = Moment(1_790_000_000_000, 1000.0, "a", is_clock_known=True)
OPEN_ONLY_BELOW_6_BAR = Interlock.model_validate(
    {
        "writing": {"above": 0},
        "only_while": {"point": FLOW.metric, "below": 6, "max_age_s": 120},
        "text": {"vi": "Áp suất quá cao", "en": "Pressure is too high"},
    }
)


class Time:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def flow(value: Value, quality: Quality = Quality.GOOD) -> Batch:
    return Batch(DEVICE, (Reading(DEVICE, FLOW.metric, ValueType.DOUBLE, value, 0, quality),))


def order(metric: str, value: Value, revert_after_s: float | None = None) -> Command:
    return Command(DEVICE, metric, value, "c-1", 0, revert_after_s=revert_after_s)


@pytest.mark.parametrize(
    ("rule", "value", "cause"),
    [
        (WriteRule(step=5), 12.5, "no whole step of 5 from 0"),
        (WriteRule(range=(20, 80)), 10.0, "outside 20 … 80"),
        (WriteRule(range=(2, 80), step=3), 10.0, "no whole step of 3 from 2"),
        (WriteRule(longest_s=600), 50.0, "must end by itself: give revert_after_s, at most 600"),
    ],
)
def test_values_that_a_device_does_not_allow(rule: WriteRule, value: float, cause: str) -> None:
    device = definition(rules={OPENING.metric: rule})
    with pytest.raises(CommandRejected, match=cause):
        permitted_value(device, order(OPENING.metric, value))


def test_values_that_it_does() -> None:
    device = definition(rules={OPENING.metric: WriteRule(range=(2, 80), step=0.1, longest_s=600)})
    assert permitted_value(device, order(OPENING.metric, 2.3, 60)) == 2.3
    assert permitted_value(definition(), order(VALVE.metric, 1.0)) == 1
    for seconds in (0, -5, 601, float("inf")):
        with pytest.raises(CommandRejected, match="revert_after_s"):
            permitted_value(device, order(OPENING.metric, 2.3, seconds))


@pytest.mark.parametrize(
    ("seen", "value", "cause"),
    [
        (flow(5.0), 1, ""),
        (flow(6.0), 1, "Áp suất quá cao / Pressure is too high"),
        (flow(6.0), 0, ""),  # closing is none of its business
        (flow(5.0, Quality.BAD), 1, "no good value for 120 s"),
        (None, 1, "no good value for 120 s"),
    ],
)
def test_interlock_lets_through_only_what_is_known_to_be_safe(
    tmp_path: Path, seen: Batch | None, value: int, cause: str
) -> None:
    values = LastValues(lambda: 0.0)
    if seen is not None:
        values.note(seen)
    gate = Gate(Locks(tmp_path / "locks.json"), values)
    device = definition(rules={VALVE.metric: WriteRule(interlocks=(OPEN_ONLY_BELOW_6_BAR,))})
    if not cause:
        gate.check(device, VALVE.metric, value, NOW)
        return
    with pytest.raises(CommandRejected, match=cause):
        gate.check(device, VALVE.metric, value, NOW)


def test_a_good_value_grows_old(tmp_path: Path) -> None:
    time = Time()
    values = LastValues(time)
    values.note(flow(5.0))
    gate = Gate(Locks(tmp_path / "locks.json"), values)
    lock = Interlock(not_while=Condition(point=FLOW.metric, above=9, max_age_s=60), text=TEXT)
    device = definition(rules={VALVE.metric: WriteRule(interlocks=(lock,))})
    gate.check(device, VALVE.metric, 1, NOW)
    time.seconds += 61
    with pytest.raises(CommandRejected, match="no good value for 60 s"):
        gate.check(device, VALVE.metric, 1, NOW)


def test_rest_between_two_moves(tmp_path: Path) -> None:
    gate = Gate(Locks(tmp_path / "locks.json"), LastValues(lambda: 0.0))
    device = definition(rules={VALVE.metric: WriteRule(min_interval_s=60)})
    gate.moved(DEVICE, VALVE.metric, NOW)
    later = Moment(NOW.now_ms, NOW.monotonic_s + 20, "a", is_clock_known=True)
    with pytest.raises(CommandRejected, match="wait 40 s") as caught:
        gate.check(device, VALVE.metric, 1, later)
    assert caught.value.retry_s == pytest.approx(40)
    gate.check(device, OPENING.metric, 1.0, later)
    gate.check(device, VALVE.metric, 1, Moment(0, NOW.monotonic_s + 60, "a", is_clock_known=False))


@pytest.mark.parametrize(
    ("now", "rest"),
    [
        (Moment(NOW.now_ms + 20_000, 5.0, "b", is_clock_known=True), 40.0),
        (Moment(0, 5.0, "b", is_clock_known=False), 55.0),  # as long as the machine has run
        (Moment(0, 61.0, "b", is_clock_known=False), 0.0),
    ],
)
def test_rest_over_a_restart_of_the_machine(now: Moment, rest: float) -> None:
    last = Due("a", NOW.monotonic_s, NOW.now_ms)
    assert rest_s(WriteRule(min_interval_s=60), last, now) == pytest.approx(rest)
    assert rest_s(WriteRule(), last, now) == 0


def test_locks_hold_until_somebody_unlocks_or_their_time_is_over(tmp_path: Path) -> None:
    file = tmp_path / "state" / "locks.json"
    locks = Locks(file)
    assert locks.on(DEVICE, NOW) is None
    write_locks(file, [Lock(DEVICE, "an", "Thay bóng", 0, NOW.now_ms + 1000)])
    found = locks.on(DEVICE, NOW)
    assert found is not None
    assert found.reason == "Thay bóng"
    assert locks.on("wm-000002", NOW) is None
    over = Moment(NOW.now_ms + 2000, 0, "a", is_clock_known=True)
    assert locks.on(DEVICE, over) is None
    assert locks.on(DEVICE, Moment(over.now_ms, 0, "a", is_clock_known=False)) is not None
    write_locks(file, [Lock(EVERYTHING, "an", "Bảo trì tủ", 0, None)])
    assert locks.on("wm-000002", NOW) is not None
    write_locks(file, [])
    assert locks.on(DEVICE, NOW) is None


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe", b"[]", b'{"locks": [{"device": 1}]}', b'{"locks": 7}']
)
def test_a_broken_file_of_locks_locks_everything(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "locks.json"
    file.write_bytes(content)
    with pytest.raises(LockFileError, match=r"kega edge unlock"):
        read_locks(file)
    found = Locks(file).on(DEVICE, NOW)
    assert found is not None
    assert "cannot be understood" in found.reason
    gate = Gate(Locks(file), LastValues(lambda: 0.0))
    with pytest.raises(CommandRejected, match="khóa tại chỗ / locked at the site"):
        gate.check(definition(), VALVE.metric, 1, NOW)


def test_locks_are_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "locks.json"
    write_locks(file, [Lock(DEVICE, "an", "x", 1, None)])
    assert [path.name for path in tmp_path.iterdir()] == ["locks.json"]
    assert json.loads(file.read_text())["locks"][0]["device"] == DEVICE


@pytest.mark.parametrize(("seen", "cause"), [(True, "is on"), (None, "is unknown"), (False, "")])
def test_a_switch_at_the_cabinet_locks_out(tmp_path: Path, seen: bool | None, cause: str) -> None:
    values = LastValues(lambda: 0.0)
    if seen is not None:
        values.note(Batch(DEVICE, (Reading(DEVICE, LOCAL.metric, ValueType.BOOLEAN, seen, 0),)))
    gate = Gate(Locks(tmp_path / "locks.json"), values)
    device = definition(lockout=LOCAL.metric)
    if not cause:
        gate.check(device, VALVE.metric, 1, NOW)
        return
    with pytest.raises(CommandRejected, match=cause):
        gate.check(device, VALVE.metric, 1, NOW)


def test_what_is_nearer_to_the_device_counts_and_interlocks_add_up() -> None:
    far = WriteRule(settle_s=90, tolerance=1, interlocks=(OPEN_ONLY_BELOW_6_BAR,))
    near = WriteRule(settle_s=240, min_interval_s=5, interlocks=(OPEN_ONLY_BELOW_6_BAR,))
    both = joined(far, near)
    assert (both.settle_s, both.tolerance, both.min_interval_s) == (240, 1, 5)
    assert len(both.interlocks) == 2


@pytest.mark.parametrize(
    "content",
    [
        {"text": {"vi": "a", "en": "b"}},
        {"only_while": {"point": "A/B"}, "text": {"vi": "a", "en": "b"}},
        {"only_while": {"point": "A/B", "above": 1, "below": 2}, "text": {"vi": "a", "en": "b"}},
    ],
)
def test_an_interlock_has_one_condition(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Interlock.model_validate(content)
