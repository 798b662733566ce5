"""The payloads that say what a gateway and its devices are: births and deaths. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from edge.spool.figures import SpoolFigures
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition
from telemetry.readings import Quality, Reading, Value, ValueType
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.ack import ACK_METRIC
from telemetry.sparkplug.payload import DATATYPE_OF, DataType, Metric, Payload
from telemetry.time_exchange import answer_metric, question_metric


def node_birth(
    gateway: GatewayDefinition, bd_seq: int, seq: int, figures: SpoolFigures, now_ms: int
) -> Payload:
    """The NBIRTH: every metric that the gateway itself will send or take."""
    fixed: list[tuple[str, DataType, Value]] = [
        (names.BD_SEQ, DataType.INT64, bd_seq),
        (names.REBIRTH, DataType.BOOLEAN, False),
        (names.PROFILE_VERSION, DataType.STRING, names.WIRE_PROFILE),
        (names.SPOOL_EPOCH, DataType.STRING, figures.epoch),
        (ACK_METRIC, DataType.STRING, ""),
        (names.SOFTWARE_VERSION, DataType.STRING, gateway.software),
    ]
    metrics = tuple(Metric(name, datatype, value, now_ms) for name, datatype, value in fixed)
    metrics += (question_metric(None, now_ms), answer_metric(None, now_ms))
    return Payload(now_ms, metrics + spool_metrics(figures, now_ms), seq)


def spool_metrics(figures: SpoolFigures, now_ms: int) -> tuple[Metric, ...]:
    """The spool's state, for NBIRTH and NDATA; a historian need not keep it."""
    values: tuple[tuple[str, DataType, Value], ...] = (
        (names.SPOOL_DEPTH, DataType.INT64, figures.depth),
        (names.SPOOL_OLDEST, DataType.DATETIME, figures.oldest_ms),
        (names.SPOOL_DROPPED, DataType.INT64, figures.dropped),
    )
    return tuple(
        Metric(name, datatype, value, now_ms, is_transient=True, is_null=value is None)
        for name, datatype, value in values
    )


def node_death(bd_seq: int, now_ms: int) -> Payload:
    """The NDEATH: `bdSeq` only, and no `seq`."""
    return Payload(now_ms, (Metric(names.BD_SEQ, DataType.INT64, bd_seq, now_ms),))


def device_birth(
    device: DeviceDefinition,
    known: Mapping[str, Reading],
    extra: Mapping[str, ValueType],
    seq: int,
    now_ms: int,
) -> Payload:
    """The DBIRTH: every metric that the device may send, with its last value and that value's own time.

    `known` is empty for a device that does not answer: repeating an old value as stale, under its own time,
    would replace the good one in the store. `extra` are metrics that only the spool still holds.
    """
    metrics = [
        Metric(name, DATATYPE_OF[value_type], value, now_ms)
        for name, (value_type, value) in device.statics.items()
    ]
    for name, value_type in (dict(extra) | device.metrics).items():
        point = device.points.get(name)
        reading = known.get(name)
        if reading is None or reading.type is not value_type:
            reading = Reading(device.id, name, value_type, None, now_ms, Quality.STALE, "not measured yet")
        metrics.append(names.metric_of(reading, unit=None if point is None else point.unit))
    return Payload(now_ms, tuple(metrics), seq)


def device_death(seq: int, now_ms: int) -> Payload:
    """The DDEATH: nothing but its time and number."""
    return Payload(now_ms, (), seq)
