"""Limit alarms as pure functions: a point beyond its limit, long enough, while other points say so.

Time is the readings' own. A rule is judged when its point is read, or when one of its `while` points is. The
condition of a rule is its whole sentence: where a `while` point has another value it has ended, just as where
the point is back behind `clear`. In between (hysteresis), with a bad value, or with an unknown `while` point
nothing is decided and an alarm stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from cloud.alarms.words import sentence
from cloud.registry.port import NewAlarm
from cloud.store.port import Scan
from telemetry.devices.classes import DeviceClass, LimitAlarm, Point
from telemetry.readings import Quality, Value

GAP_INTERVALS: Final = 3
"""A point that was not read for this many expected intervals has not held its value."""


class Judgement(Enum):
    """What a scan says of a rule's condition."""

    HOLDS = "holds"
    """Beyond the limit for long enough."""
    ENDED = "ended"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A limit alarm of a class, with the field names of the store."""

    id: str
    """`<class>/<alarm>`."""
    alarm: LimitAlarm
    point: Point
    conditions: Mapping[str, Value]
    """Field → value that it must have (`while`)."""
    gap_ms: float
    """Longest pause between two readings of the point that still counts as holding."""

    @property
    def limit(self) -> float | int | bool:
        """The limit, whichever kind it is."""
        alarm = self.alarm
        return next(limit for limit in (alarm.above, alarm.below, alarm.equals) if limit is not None)

    def breaches(self, value: Value) -> bool:
        """Whether `value` is beyond the limit."""
        if self.alarm.equals is not None:
            return value == self.alarm.equals
        if isinstance(value, str) or value is None:
            return False
        if self.alarm.above is not None:
            return value > self.alarm.above
        return self.alarm.below is not None and value < self.alarm.below

    def is_clear(self, value: Value) -> bool:
        """Whether `value` is back far enough for the alarm to end."""
        if self.alarm.equals is not None:
            return value is not None and value != self.alarm.equals
        if isinstance(value, str) or value is None:
            return False
        level = self.alarm.clear
        if self.alarm.above is not None:
            return value <= (self.alarm.above if level is None else level)
        return self.alarm.below is not None and value >= (self.alarm.below if level is None else level)

    def new_alarm(self, scan: Scan, since_ms: int) -> NewAlarm:
        """The alarm that `scan` raises; it began when the limit was first passed."""
        value = scan.fields[self.point.field]
        text = sentence(self.alarm.text, self.point, value, self.limit)
        advice = sentence(self.alarm.advice, self.point, value, self.limit)
        return NewAlarm(
            device=scan.device,
            gateway=scan.gateway,
            rule=self.id,
            severity=self.alarm.severity.value,
            text_vi=text.vi,
            text_en=text.en,
            advice_vi=advice.vi,
            advice_en=advice.en,
            value=None if value is None or isinstance(value, str) else float(value),
            limit=float(self.limit),
            raised_ms=since_ms,
        )


def rules_of(device_class: DeviceClass) -> list[LimitRule]:
    """All limit alarms of a class."""
    return [
        LimitRule(
            id=f"{device_class.id}/{alarm.id}",
            alarm=alarm,
            point=device_class.by_metric[alarm.point],
            conditions={
                device_class.by_metric[metric].field: value for metric, value in alarm.while_.items()
            },
            gap_ms=GAP_INTERVALS * device_class.expected_every_s * 1000,
        )
        for alarm in device_class.alarms
    ]


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest that is known of a field."""

    time_ms: int
    value: Value
    is_good: bool


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit passed, and not taken back since."""

    since_ms: int
    last_ms: int
    """The newest reading that says so."""


@dataclass(slots=True)
class DeviceView:
    """What is remembered of one device between scans."""

    newest: dict[str, Newest] = field(default_factory=dict)
    """Of the fields that rules use."""
    breaches: dict[str, Breach] = field(default_factory=dict)
    """Rule id → breach that goes on."""


def judge(rules: Sequence[LimitRule], view: DeviceView, scan: Scan) -> list[tuple[LimitRule, Judgement, int]]:
    """What `scan` says of each rule that it touches, with the time that the judgement holds from.

    `view` learns the scan. A reading that is not newer than the one judged last is passed over: late data is
    no news of the present.
    """
    used = {rule.point.field for rule in rules} | {name for rule in rules for name in rule.conditions}
    fresh = {name for name in used & scan.fields.keys() if _learn(view, scan, name)}
    judgements: list[tuple[LimitRule, Judgement, int]] = []
    for rule in rules:
        judgement, from_ms = _judge(rule, view, scan, fresh)
        if judgement is not Judgement.UNDECIDED:
            judgements.append((rule, judgement, from_ms))
    return judgements


def _learn(view: DeviceView, scan: Scan, name: str) -> bool:
    known = view.newest.get(name)
    if known is not None and scan.time_ms <= known.time_ms:
        return False
    is_good = scan.quality.get(name, Quality.GOOD) is Quality.GOOD and scan.fields[name] is not None
    view.newest[name] = Newest(scan.time_ms, scan.fields[name], is_good)
    return True


def _judge(rule: LimitRule, view: DeviceView, scan: Scan, fresh: set[str]) -> tuple[Judgement, int]:
    nothing = (Judgement.UNDECIDED, scan.time_ms)
    is_read = rule.point.field in fresh
    if not is_read and not fresh & rule.conditions.keys():
        return nothing
    applies = _applies(rule, view)
    if applies is False:
        view.breaches.pop(rule.id, None)
        return Judgement.ENDED, scan.time_ms
    if not is_read or applies is None or not view.newest[rule.point.field].is_good:
        return nothing
    value = scan.fields[rule.point.field]
    if not rule.breaches(value):
        view.breaches.pop(rule.id, None)
        return (Judgement.ENDED, scan.time_ms) if rule.is_clear(value) else nothing
    breach = view.breaches.get(rule.id)
    if breach is None or scan.time_ms - breach.last_ms > max(rule.gap_ms, rule.alarm.for_s * 1000):
        breach = Breach(scan.time_ms, scan.time_ms)
    breach = replace(breach, last_ms=scan.time_ms)
    view.breaches[rule.id] = breach
    held_s = (scan.time_ms - breach.since_ms) / 1000
    return (Judgement.HOLDS, breach.since_ms) if held_s >= rule.alarm.for_s else nothing


def _applies(rule: LimitRule, view: DeviceView) -> bool | None:
    """Whether the `while` points have their values; None where one of them is not known."""
    unknown = False
    for name, wanted in rule.conditions.items():
        known = view.newest.get(name)
        if known is None or not known.is_good:
            unknown = True
        elif known.value != wanted:
            return False
    return None if unknown else True
