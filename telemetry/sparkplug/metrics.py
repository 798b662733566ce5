"""Readings as Sparkplug metrics and back, and the names of the metrics that kega itself defines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from telemetry.readings import Quality, Reading, Value, ValueType
from telemetry.sparkplug.payload import DATATYPE_OF, DataType, Metric, Property, Unsupported

BD_SEQ: Final = "bdSeq"
REBIRTH: Final = "Node Control/Rebirth"
PROFILE_VERSION: Final = "Profile/Version"
WIRE_PROFILE: Final = "1.0"
SPOOL_EPOCH: Final = "Spool/Epoch"
SPOOL_DEPTH: Final = "Spool/Depth"
SPOOL_OLDEST: Final = "Spool/Oldest"
SPOOL_DROPPED: Final = "Spool/Dropped"
SOFTWARE_VERSION: Final = "Properties/Software Version"

CONFIG_DESIRED: Final = "Config/Desired"
CONFIG_VERSION: Final = "Config/Applied Version"
CONFIG_HASH: Final = "Config/Applied Hash"
CONFIG_JUDGED: Final = "Config/Judged Version"
CONFIG_STATE: Final = "Config/State"
CONFIG_ERROR: Final = "Config/Error"

DEVICE_CLASS: Final = "Device/Class"
DEVICE_CLASS_VERSION: Final = "Device/Class Version"
DEVICE_MODEL: Final = "Device/Model"
DEVICE_TITLE: Final = "Device/Title"
LATITUDE: Final = "Position/Latitude"
LONGITUDE: Final = "Position/Longitude"

COMMAND_LAST_ID: Final = "Command/Last Id"
COMMAND_STATUS: Final = "Command/Status"
COMMAND_ERROR: Final = "Command/Error"

QUALITY: Final = "Quality"
QUALITY_REASON: Final = "QualityReason"
QUALITY_DETAIL: Final = "QualityDetail"
"""Code of a quality that is finer than the three of the standard."""
UNIT: Final = "engUnit"

_QUALITY_OF: Final = {int(quality): quality for quality in Quality}
_VALUE_TYPE_OF: Final = {datatype: value_type for value_type, datatype in DATATYPE_OF.items()}
_VALUE_TYPE_OF_FOREIGN: Final = {
    DataType.INT8: ValueType.DOUBLE,
    DataType.INT16: ValueType.DOUBLE,
    DataType.UINT8: ValueType.INT32,
    DataType.UINT16: ValueType.INT32,
    DataType.UINT32: ValueType.INT64,
    DataType.UINT64: ValueType.INT64,
    DataType.FLOAT: ValueType.DOUBLE,
    DataType.TEXT: ValueType.STRING,
    DataType.UUID: ValueType.STRING,
}


def metric_of(reading: Reading, *, unit: str | None = None, is_historical: bool = False) -> Metric:
    """The metric that carries `reading`; `unit` (UCUM) is given in births only."""
    properties: dict[str, Property] = {}
    if unit is not None:
        properties[UNIT] = Property(DataType.STRING, unit)
    if reading.quality != Quality.GOOD:
        standard = reading.quality.standard
        properties[QUALITY] = Property(DataType.INT32, int(standard))
        if standard is not reading.quality:
            properties[QUALITY_DETAIL] = Property(DataType.INT32, int(reading.quality))
        if reading.reason:
            properties[QUALITY_REASON] = Property(DataType.STRING, reading.reason)
    return Metric(
        name=reading.metric,
        type=DATATYPE_OF[reading.type],
        value=reading.value,
        time_ms=reading.time_ms,
        is_historical=is_historical,
        is_null=reading.value is None,
        properties=properties,
    )


def reading_of(device: str, metric: Metric, default_time_ms: int) -> Reading | None:
    """The reading that `metric` carries; None where its type is not one that we store.

    `default_time_ms` stands in where the sender gave the metric no time of its own.
    """
    value_type = _VALUE_TYPE_OF.get(metric.type) or _VALUE_TYPE_OF_FOREIGN.get(metric.type)
    if value_type is None or isinstance(metric.value, Unsupported):
        return None
    quality, reason = quality_of(metric)
    value: Value = metric.value
    if value_type is ValueType.DOUBLE and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    return Reading(
        device=device,
        metric=metric.name,
        type=value_type,
        value=value,
        time_ms=default_time_ms if metric.time_ms is None else metric.time_ms,
        quality=Quality.BAD if value is None and quality is Quality.GOOD else quality,
        reason=reason,
    )


def quality_of(metric: Metric) -> tuple[Quality, str]:
    """Quality and reason that `metric` carries as properties; an unknown code counts as bad."""
    prop = metric.properties.get(QUALITY)
    if prop is None:
        return Quality.GOOD, ""
    reason = metric.properties.get(QUALITY_REASON)
    text = reason.value if reason is not None and isinstance(reason.value, str) else ""
    quality = _QUALITY_OF.get(prop.value) if isinstance(prop.value, int) else Quality.BAD
    if quality is None or quality is not quality.standard:
        return Quality.BAD, text or f"unknown quality code {prop.value}"
    detail = metric.properties.get(QUALITY_DETAIL)
    if quality is Quality.BAD and detail is not None and isinstance(detail.value, int):
        # Whatever it says, a detail never makes a bad value good.
        finer = _QUALITY_OF.get(detail.value, quality)
        quality = finer if finer.standard is Quality.BAD else quality
    return quality, text


def as_historical(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """The same metrics, marked as re-sent (rule X-ACK-4: values and times stay as they are)."""
    return tuple(replace(metric, is_historical=True) for metric in metrics)
