"""What births tell, read with care: they come from outside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cloud.ingest.devices import ABOUT_DEVICE, GENERIC, OF_COMMANDS
from cloud.registry.port import DeviceBirth, PointRecord
from telemetry.devices.classes import DeviceClass, field_name
from telemetry.readings import Value
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import Metric, Payload
from telemetry.sparkplug.topics import Topic

LONGEST_ID: Final = 100
"""Characters of an area, gateway or device; other vendors' ids may be longer than ours, within reason."""
LONGEST_TEXT: Final = 200
MOST_POINTS: Final = 2_000
LARGEST: Final = 2**63 - 1
"""The largest number that the registry's databases keep."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What an NBIRTH or NDATA says of the gateway itself; None where it says nothing."""

    bd_seq: int | None = None
    software: str | None = None
    spool_depth: int | None = None
    spool_dropped: int | None = None


def node_facts(payload: Payload) -> NodeFacts:
    """The facts in the payload of an NBIRTH, NDATA or NDEATH."""
    values = _values(payload)
    software = values.get(names.SOFTWARE_VERSION)
    return NodeFacts(
        bd_seq=_count(values.get(names.BD_SEQ)),
        software=software[:LONGEST_TEXT] if isinstance(software, str) else None,
        spool_depth=_count(values.get(names.SPOOL_DEPTH)),
        spool_dropped=_count(values.get(names.SPOOL_DROPPED)),
    )


def device_birth(
    topic: Topic, payload: Payload, classes: Mapping[str, DeviceClass], now_ms: int
) -> DeviceBirth:
    """The device that a DBIRTH tells of. One whose class we do not know is `generic`."""
    values = _values(payload)
    told = values.get(names.DEVICE_CLASS)
    device_class = classes.get(told) if isinstance(told, str) else None
    assert topic.device is not None
    return DeviceBirth(
        id=topic.device,
        area=topic.area,
        gateway=topic.gateway,
        device_class=GENERIC if device_class is None else device_class.id,
        title=_text(values.get(names.DEVICE_TITLE)),
        model=_text(values.get(names.DEVICE_MODEL)),
        latitude=_degrees(values.get(names.LATITUDE), 90),
        longitude=_degrees(values.get(names.LONGITUDE), 180),
        points=tuple(_points(payload, device_class))[:MOST_POINTS],
        time_ms=now_ms,
    )


def asks_for_rebirth(payload: Payload) -> bool:
    """Whether an NCMD asks for a rebirth."""
    return _values(payload).get(names.REBIRTH) is True


def _values(payload: Payload) -> dict[str, Value]:
    return {
        metric.name: metric.value
        for metric in payload.metrics
        if isinstance(metric.value, bool | int | float | str)
    }


def _points(payload: Payload, device_class: DeviceClass | None) -> Iterator[PointRecord]:
    for metric in payload.metrics:
        of_class = device_class is not None and metric.name in device_class.by_metric
        is_static = metric.name in ABOUT_DEVICE or metric.name in OF_COMMANDS
        if not 0 < len(metric.name) <= LONGEST_TEXT or (is_static and not of_class):
            continue
        reading = names.reading_of("", metric, 0)
        if reading is not None:
            yield PointRecord(metric.name, field_name(metric.name), reading.type.value, _unit(metric))


def _unit(metric: Metric) -> str:
    unit = metric.properties.get(names.UNIT)
    return unit.value[:LONGEST_TEXT] if unit is not None and isinstance(unit.value, str) else ""


def _text(value: Value) -> str:
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""


def _count(value: Value) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return min(value, LARGEST)


def _degrees(value: Value, largest: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if abs(value) <= largest else None
