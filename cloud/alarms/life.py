"""The life of an alarm after ISA-18.2: raised, acknowledged, cleared, closed; shelved over all of them.

Pure: each function gives the alarm as it is afterwards, the very same object where nothing changes. The
registry applies them inside one transaction, so all processes share one machine.

          raise                acknowledge
   (new) ──────▶ RAISED ──────────────────────▶ ACKNOWLEDGED
                 │    ▲                              │
           clear │    │ raise                        │ clear
                 ▼    │                              ▼
                 CLEARED ─────────────────────────▶ CLOSED
                               acknowledge
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from cloud.registry.port import AlarmRecord, NewAlarm
from telemetry.devices.classes import Severity

_RANK = {severity.value: rank for rank, severity in enumerate(reversed(Severity))}


class AlarmState(StrEnum):
    """Where an alarm stands, as a person sees it."""

    RAISED = "raised"
    """The condition holds, nobody has taken it up."""
    ACKNOWLEDGED = "acknowledged"
    """The condition holds, somebody works on it."""
    CLEARED = "cleared"
    """The condition has ended before anybody saw it."""
    CLOSED = "closed"
    SHELVED = "shelved"
    """Put aside by a person until a time; it keeps its life underneath."""


def state_of(alarm: AlarmRecord, now_ms: int) -> AlarmState:
    """The state to show at `now_ms`."""
    if not is_open(alarm):
        return AlarmState.CLOSED
    if alarm.shelved_until_ms is not None and now_ms < alarm.shelved_until_ms:
        return AlarmState.SHELVED
    if not alarm.active:
        return AlarmState.CLEARED
    return AlarmState.ACKNOWLEDGED if alarm.acknowledged else AlarmState.RAISED


def is_open(alarm: AlarmRecord) -> bool:
    """Whether somebody still has to do something: active or not acknowledged."""
    return alarm.active or not alarm.acknowledged


def opened(new: NewAlarm, *, before: AlarmRecord | None, now_ms: int) -> AlarmRecord:
    """A new alarm (its id is still 0); shelving outlives the closing of `before`, its last life."""
    shelved = None if before is None else before.shelved_until_ms
    return AlarmRecord(
        id=0,
        device=new.device,
        gateway=new.gateway,
        rule=new.rule,
        severity=new.severity,
        text_vi=new.text_vi,
        text_en=new.text_en,
        advice_vi=new.advice_vi,
        advice_en=new.advice_en,
        value=new.value,
        limit=new.limit,
        active=True,
        acknowledged=False,
        raised_ms=new.raised_ms,
        cleared_ms=None,
        acknowledged_ms=None,
        acknowledged_by="",
        shelved_until_ms=shelved if shelved is not None and shelved > now_ms else None,
        updated_ms=now_ms,
    )


def raised(alarm: AlarmRecord, new: NewAlarm, *, now_ms: int) -> AlarmRecord:
    """The open `alarm` when its condition is reported again.

    Active already: nothing changes, unless the severity has grown; then it must be acknowledged anew.
    Cleared: it is active again, unless the report is older than the clearing (workers overtake one another).
    """
    if alarm.active:
        if _RANK.get(new.severity, 0) <= _RANK.get(alarm.severity, 0):
            return alarm
        return replace(
            _told_anew(alarm, new),
            acknowledged=False,
            acknowledged_ms=None,
            acknowledged_by="",
            updated_ms=now_ms,
        )
    if alarm.cleared_ms is not None and new.raised_ms < alarm.cleared_ms:
        return alarm
    return replace(
        _told_anew(alarm, new), active=True, raised_ms=new.raised_ms, cleared_ms=None, updated_ms=now_ms
    )


def cleared(alarm: AlarmRecord, *, time_ms: int, now_ms: int) -> AlarmRecord:
    """`alarm` when its condition has ended at `time_ms`; a report older than the raising says nothing."""
    if not alarm.active or time_ms < alarm.raised_ms:
        return alarm
    return replace(alarm, active=False, cleared_ms=time_ms, updated_ms=now_ms)


def acknowledged(alarm: AlarmRecord, *, by: str, time_ms: int, now_ms: int) -> AlarmRecord:
    """`alarm` when a person takes it up; the first one counts."""
    if alarm.acknowledged:
        return alarm
    return replace(alarm, acknowledged=True, acknowledged_ms=time_ms, acknowledged_by=by, updated_ms=now_ms)


def shelved(alarm: AlarmRecord, *, until_ms: int, now_ms: int) -> AlarmRecord:
    """The open `alarm` when a person puts it aside until `until_ms`; a time gone by takes it back."""
    until = until_ms if until_ms > now_ms else None
    if until == alarm.shelved_until_ms:
        return alarm
    return replace(alarm, shelved_until_ms=until, updated_ms=now_ms)


def _told_anew(alarm: AlarmRecord, new: NewAlarm) -> AlarmRecord:
    return replace(
        alarm,
        gateway=new.gateway,
        severity=new.severity,
        text_vi=new.text_vi,
        text_en=new.text_en,
        advice_vi=new.advice_vi,
        advice_en=new.advice_en,
        value=new.value,
        limit=new.limit,
    )
