"""Devices, and whether people accept them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cloud.api.access import Admitter, Reader
from cloud.api.context import Context, In
from cloud.api.models.common import Id
from cloud.api.models.devices import (
    Devices,
    DevicesOnMap,
    DeviceWithPoints,
    MapDevice,
    MapGroup,
    device_model,
    device_with_points,
)
from cloud.api.places import parse_box
from cloud.errors import NotFound
from cloud.identity.people import Principal
from cloud.registry.port import Admission, DeviceRecord

router = APIRouter(tags=["devices"])


@router.get("/devices")
async def devices(
    _who: Reader,
    context: In,
    *,
    device_class: Annotated[str | None, Query(alias="class", max_length=60)] = None,
    gateway: Id | None = None,
    admission: Admission | None = None,
    after: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=2000)] = 1000,
) -> Devices:
    """A page of devices in order of id, beginning behind `after`."""
    records = await context.threads.run(
        context.registry.devices,
        device_class=device_class,
        gateway=gateway,
        admission=admission,
        after=after,
        limit=limit + 1,
    )
    now_ms = context.clock.now_ms()
    items = [device_model(each, context.live.view, now_ms) for each in records[:limit]]
    return Devices(items=items, next=items[-1].id if len(records) > limit else None)


@router.get("/devices/map")
async def devices_on_map(
    _who: Reader,
    context: In,
    *,
    bbox: Annotated[str, Query(max_length=100, description="west,south,east,north in degrees")],
    zoom: Annotated[int, Query(ge=0, le=22, description="Of the web's map tiles")],
    device_class: Annotated[str | None, Query(alias="class", max_length=60)] = None,
) -> DevicesOnMap:
    """A part of the map: up to 500 devices one by one, more of them in groups of neighbours."""
    box = parse_box(bbox)
    seen = await context.map.look(
        context.registry, context.threads, context.clock, box=box, zoom=zoom, device_class=device_class
    )
    now_ms = context.clock.now_ms()
    return DevicesOnMap(
        groups=[
            MapGroup(
                latitude=round(each.latitude, 6),
                longitude=round(each.longitude, 6),
                count=each.count,
                online=each.online,
            )
            for each in seen.groups
        ],
        devices=[
            MapDevice(
                **{"class": each.device_class},
                id=each.id,
                title=each.title,
                latitude=each.latitude,
                longitude=each.longitude,
                state=context.live.view.state(each, now_ms),
            )
            for each in seen.devices
        ],
    )


@router.get("/devices/{device}")
async def one_device(device: Id, _who: Reader, context: In) -> DeviceWithPoints:
    """A device with its points and their newest values."""
    return _told(context, await context.device(device))


@router.post("/devices/{device}/accept")
async def accept(device: Id, who: Admitter, context: In) -> DeviceWithPoints:
    """Accept a device: from now on it takes commands."""
    return await _decide(context, device, Admission.ACCEPTED, who)


@router.post("/devices/{device}/retire")
async def retire(device: Id, who: Admitter, context: In) -> DeviceWithPoints:
    """Retire a device: it takes no commands any more; its past stays."""
    return await _decide(context, device, Admission.RETIRED, who)


async def _decide(context: Context, device: str, admission: Admission, who: Principal) -> DeviceWithPoints:
    if not await context.threads.run(context.registry.set_admission, device, admission, by=who.name):
        raise NotFound(f"no device {device}: list the devices with GET /api/v1/devices")
    return _told(context, await context.device(device))


def _told(context: Context, record: DeviceRecord) -> DeviceWithPoints:
    device_class = context.classes.get(record.device_class)
    return device_with_points(record, context.live.view, device_class, context.clock.now_ms())
