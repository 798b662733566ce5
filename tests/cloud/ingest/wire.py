"""Messages as gateways send them, for the tests of ingest."""

from __future__ import annotations

import time

from telemetry.readings import Value
from telemetry.sparkplug.payload import DataType, Metric, Payload, Property, encode

AREA = "p060"
GATEWAY = "eg-0001"
DEVICE = "sl-000001"
EPOCH = "3f9a62d1"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def double(
    name: str,
    value: float | None,
    time_ms: int | None = None,
    *,
    quality: int | None = None,
    is_historical: bool = False,
) -> Metric:
    properties = {} if quality is None else {"Quality": Property(DataType.INT32, quality)}
    at = time_ms or now_ms()
    return Metric(name, DataType.DOUBLE, value, at, is_historical, properties=properties)


def metric(name: str, datatype: DataType, value: Value, time_ms: int | None = None) -> Metric:
    return Metric(name, datatype, value, time_ms or now_ms())


def data(*metrics: Metric, batch: int | None = None, seq: int = 1) -> bytes:
    uuid = None if batch is None else f"{EPOCH}:{batch}"
    return encode(Payload(now_ms(), metrics, seq=seq, uuid=uuid))


def birth(*metrics: Metric, device_class: str | None = "streetlight") -> bytes:
    about = () if device_class is None else (metric("Device/Class", DataType.STRING, device_class),)
    return encode(Payload(now_ms(), (*about, *metrics), seq=1))


def topic(verb: str = "DDATA", gateway: str = GATEWAY, device: str | None = DEVICE) -> str:
    return f"spBv1.0/{AREA}/{verb}/{gateway}" + ("" if device is None else f"/{device}")
