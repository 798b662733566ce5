"""The alarm queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from cloud.api.access import AlarmWorker, Reader
from cloud.api.context import In
from cloud.api.models.alarms import AlarmModel, Alarms, Shelving, alarm_model
from cloud.api.models.common import Id
from cloud.errors import NotFound
from cloud.registry.port import AlarmRecord
from telemetry.devices.classes import Severity

router = APIRouter(tags=["alarms"])

AlarmId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("/alarms")
async def alarms(
    _who: Reader,
    context: In,
    *,
    is_open: Annotated[
        bool, Query(alias="open", description="Only those that are active or not acknowledged")
    ] = False,
    device: Id | None = None,
    severity: Annotated[list[Severity] | None, Query(description="May be repeated")] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> Alarms:
    """Alarms, newest first."""
    records = await context.threads.run(
        context.registry.alarms, open_only=is_open, device=device, limit=5000 if severity else limit
    )
    now_ms = context.clock.now_ms()
    wanted = [each for each in records if not severity or each.severity in severity]
    return Alarms(items=[alarm_model(each, now_ms) for each in wanted[:limit]])


@router.post("/alarms/{alarm}/acknowledge")
async def acknowledge(alarm: AlarmId, who: AlarmWorker, context: In) -> AlarmModel:
    """Take the alarm up; the first one who does counts."""
    now_ms = context.clock.now_ms()
    record = await context.threads.run(context.registry.acknowledge_alarm, alarm, by=who.name, time_ms=now_ms)
    return alarm_model(_existing(record, alarm), now_ms)


@router.post("/alarms/{alarm}/shelve")
async def shelve(alarm: AlarmId, given: Shelving, who: AlarmWorker, context: In) -> AlarmModel:
    """Put the alarm aside for some minutes; 0 takes it back. It lives on underneath."""
    now_ms = context.clock.now_ms()
    record = await context.threads.run(
        context.registry.shelve_alarm,
        alarm,
        until_ms=now_ms + given.minutes * 60_000,
        by=who.name,
        reason=given.reason,
    )
    return alarm_model(_existing(record, alarm), now_ms)


def _existing(record: AlarmRecord | None, alarm: int) -> AlarmRecord:
    if record is None:
        raise NotFound(f"no alarm {alarm}: list the alarms with GET /api/v1/alarms")
    return record
