"""Alarms."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from cloud.alarms.life import AlarmState, state_of
from cloud.api.models.common import Given, Milliseconds, Text, example
from cloud.registry.port import AlarmRecord


class AlarmModel(BaseModel):
    """A state that somebody must end (ISA-18.2)."""

    model_config = example(
        id=17,
        device="sl-000001",
        gateway="eg-0001",
        rule="streetlight/lamp-out",
        severity="major",
        state="closed",
        active=False,
        acknowledged=True,
        text={"vi": "Đèn được bật nhưng chỉ tiêu thụ 0,4 W", "en": "The lamp is on but draws only 0.4 W"},
        advice={"vi": "Kiểm tra bóng và cầu chì", "en": "Check lamp and fuse"},
        value=0.4,
        limit=5,
        raised_ms=1767571200000,
        cleared_ms=1767573000000,
        acknowledged_ms=1767571500000,
        acknowledged_by="lan",
        shelved_until_ms=1767572100000,
    )

    id: int
    device: str
    gateway: str
    rule: str
    severity: str = Field(description="critical, major, minor or info")
    state: AlarmState = Field(
        description="raised: holds, nobody took it up; acknowledged: holds, taken up; "
        "cleared: over, nobody saw it; closed; shelved: put aside until `shelved_until_ms`"
    )
    active: bool
    acknowledged: bool
    text: Text
    advice: Text
    value: float | None
    limit: float | None
    raised_ms: Milliseconds
    cleared_ms: Milliseconds | None
    acknowledged_ms: Milliseconds | None
    acknowledged_by: str
    shelved_until_ms: Milliseconds | None


class Alarms(BaseModel):
    """Alarms, newest first."""

    items: list[AlarmModel]


class Shelving(Given):
    """How long to put an alarm aside, and why."""

    minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60, description="0 takes it back", examples=[60])]
    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=3, max_length=500),
        Field(examples=["Đội trực đang sửa tại tủ"]),
    ]


def alarm_model(alarm: AlarmRecord, now_ms: int) -> AlarmModel:
    """The alarm as the API tells it."""
    return AlarmModel(
        id=alarm.id,
        device=alarm.device,
        gateway=alarm.gateway,
        rule=alarm.rule,
        severity=alarm.severity,
        state=state_of(alarm, now_ms),
        active=alarm.active,
        acknowledged=alarm.acknowledged,
        text=Text(vi=alarm.text_vi, en=alarm.text_en),
        advice=Text(vi=alarm.advice_vi, en=alarm.advice_en),
        value=alarm.value,
        limit=alarm.limit,
        raised_ms=alarm.raised_ms,
        cleared_ms=alarm.cleared_ms,
        acknowledged_ms=alarm.acknowledged_ms,
        acknowledged_by=alarm.acknowledged_by,
        shelved_until_ms=alarm.shelved_until_ms,
    )
