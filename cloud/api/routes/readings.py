"""Readings: the newest, and the past."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from cloud.api.access import Reader
from cloud.api.context import Context, In
from cloud.api.errors import Invalid
from cloud.api.models.common import Id
from cloud.api.models.readings import LatestReadings, Readings
from cloud.api.times import parse_duration, parse_time
from cloud.errors import NotFound
from cloud.live.state import DeviceState
from cloud.live.view import LiveDevice
from cloud.registry.port import DeviceRecord, PointRecord
from cloud.rollup.history import History
from cloud.store.port import Aggregate, Sample
from telemetry.devices.classes import field_name

router = APIRouter(tags=["readings"])

MOST_SAMPLES: Final = 50_000
"""Samples of one answer, about 3 MB."""
_DAY_MS: Final = 86_400_000
_LONGEST_RAW_MS: Final = 31 * _DAY_MS
_LONGEST_MS: Final = 3_660 * _DAY_MS
_SHORTEST_EVERY_MS: Final = 1_000


@router.get("/readings/latest", response_model=LatestReadings)
async def latest(
    _who: Reader,
    context: In,
    *,
    device: Annotated[list[Id] | None, Query(max_length=1000, description="May be repeated")] = None,
    device_class: Annotated[str | None, Query(alias="class", max_length=60)] = None,
) -> Response:
    """The newest values of every device, from memory; of some devices or of one class where asked for."""
    view = context.live.view
    if device:
        chosen = [live for each in dict.fromkeys(device) if (live := view.device(each)) is not None]
        if view.is_full and len(chosen) < len(device):
            chosen += await _beyond_memory(context, [each for each in device if view.device(each) is None])
    else:
        chosen = list(view.devices())
    now_ms = context.clock.now_ms()
    items = [
        _latest(each, view.state_now(each, now_ms))
        for each in chosen
        if device_class in (None, each.device_class)
    ]
    return _json({"items": items})


@router.get("/readings", response_model=Readings)
async def readings(
    _who: Reader,
    context: In,
    *,
    device: Id,
    point: Annotated[str, Query(min_length=1, max_length=100, description="Field or metric name")],
    start: Annotated[
        str, Query(alias="from", max_length=40, description="UTC ms, ISO 8601 with zone, or -24h")
    ] = "-24h",
    end: Annotated[str, Query(alias="to", max_length=40)] = "now",
    every: Annotated[
        str | None, Query(max_length=12, description="Interval, such as 10m; left out: as measured")
    ] = None,
    fn: Annotated[
        Aggregate | None, Query(description="What becomes of an interval; mean if left out")
    ] = None,
) -> Response:
    """One point over a time: values as measured, bad ones too; with `every`, good ones as `fn` has it."""
    now_ms = context.clock.now_ms()
    start_ms, end_ms = parse_time(start, "from", now_ms), parse_time(end, "to", now_ms)
    every_ms = None if every is None else parse_duration(every, "every")
    _check_range(start_ms, end_ms, every_ms, fn)
    found = _point(await context.device(device), point)
    function = None if every_ms is None else fn or Aggregate.MEAN
    samples = await context.threads.run(
        History(context.store, context.registry).series,
        device,
        found.field,
        start_ms,
        end_ms,
        every_ms=every_ms,
        aggregate=function or Aggregate.MEAN,
        limit=MOST_SAMPLES + 1,
    )
    if len(samples) > MOST_SAMPLES:
        raise Invalid(
            f"more than {MOST_SAMPLES} values in this time", "ask for less time, or for intervals with every="
        )
    return _json(
        {
            "device": device,
            "point": found.field,
            "unit": found.unit,
            "every_ms": every_ms,
            "fn": function,
            "samples": [_timed(sample) for sample in samples],
        }
    )


async def _beyond_memory(context: Context, devices: list[str]) -> list[LiveDevice]:
    """Devices of a fleet that is larger than what is kept in memory: from registry and store."""
    found: list[LiveDevice] = []
    stored = await context.threads.run(context.store.latest, devices)
    for each in dict.fromkeys(devices):
        record = await context.threads.run(context.registry.device, each)
        if record is None:
            continue
        fields = stored.get(each, {})
        newest = max((sample.time_ms for sample in fields.values()), default=None)
        found.append(
            LiveDevice(
                each, record.gateway, record.device_class, record.admission, record.online, fields, newest
            )
        )
    return found


def _check_range(start_ms: int, end_ms: int, every_ms: int | None, fn: Aggregate | None) -> None:
    span_ms = end_ms - start_ms
    if span_ms <= 0:
        raise Invalid("from is not before to", "give a from that is earlier than to")
    if span_ms > _LONGEST_MS:
        raise Invalid("the time is longer than ten years", "ask for less time")
    if every_ms is None:
        if fn is not None:
            raise Invalid("fn needs every", f"add the interval: fn={fn.value}&every=10m")
        if span_ms > _LONGEST_RAW_MS:
            raise Invalid("more than 31 days of single values", "ask for intervals: every=1h")
    elif every_ms < _SHORTEST_EVERY_MS:
        raise Invalid("every is shorter than 1 s", "leave every out to have the values as measured")
    elif span_ms // every_ms > MOST_SAMPLES:
        least_s = -(-span_ms // (MOST_SAMPLES * 1000))
        raise Invalid(
            f"{span_ms // every_ms} intervals are more than {MOST_SAMPLES}", f"use every={least_s}s or longer"
        )


def _point(device: DeviceRecord, name: str) -> PointRecord:
    for point in device.points:
        if name in (point.field, point.metric):
            return point
    near = [point.field for point in device.points if field_name(name)[:5] in point.field][:5]
    hint = f"did you mean {', '.join(near)}?" if near else f"see GET /api/v1/devices/{device.id}"
    raise NotFound(f"device {device.id} has no point {name[:60]!r}: {hint}")


def _latest(device: LiveDevice, state: DeviceState) -> dict[str, Any]:
    return {
        "device": device.id,
        "class": device.device_class,
        "gateway": device.gateway,
        "state": state,
        "fresh": state is DeviceState.ONLINE,
        "time_ms": device.time_ms,
        "fields": {name: _timed(sample) for name, sample in device.fields.items()},
    }


def _timed(sample: Sample) -> dict[str, Any]:
    return {"value": sample.value, "time_ms": sample.time_ms, "quality": int(sample.quality)}


def _json(body: Any) -> Response:
    # Thousands of values: encoded directly instead of through the models, which describe the same shape.
    return Response(orjson.dumps(body), media_type="application/json")
