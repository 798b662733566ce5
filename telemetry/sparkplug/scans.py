"""A scan's readings as the metrics of a payload: the agent's hot path."""

from __future__ import annotations

from collections.abc import Iterable

from telemetry.readings import Quality, Reading, ValueType
from telemetry.sparkplug.metrics import metric_of
from telemetry.sparkplug.payload import Payload, encode
from telemetry.sparkplug.wire import (
    METRIC_DOUBLE,
    SHORT_METRIC,
    metric_field,
    name_field,
    pack_double,
    time_field,
)


def encode_readings(readings: Iterable[Reading]) -> bytes:
    """The readings as metrics of a payload without time, seq and uuid.

    The same bytes as `encode(Payload(None, metrics))`; good measured numbers, which is nearly all, are put
    together from known pieces.

    Raises:
        CodecError: a reading's value does not fit its type.
    """
    fields: list[bytes] = []
    stamped_ms: int | None = None
    stamp = b""
    for reading in readings:
        value = reading.value
        if reading.type is ValueType.DOUBLE and type(value) is float and reading.quality is Quality.GOOD:
            if reading.time_ms != stamped_ms:
                stamped_ms, stamp = reading.time_ms, time_field(reading.time_ms)
            body = name_field(reading.metric) + stamp + METRIC_DOUBLE + pack_double(value)
            size = len(body)
            fields.append(SHORT_METRIC[size] + body if size < 128 else metric_field(body))
        else:
            fields.append(encode(Payload(None, (metric_of(reading),))))
    return b"".join(fields)
