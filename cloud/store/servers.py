"""Which time-series server answers: found out by `/ping`, as it decides paths, credentials and languages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cloud.store.http import Answer, HttpServer
from cloud.store.port import StoreUnavailable


class Kind(StrEnum):
    """What is spoken to it."""

    INFLUX1 = "InfluxDB 1.x"
    """Written by /write, login by Basic, databases made by InfluxQL."""
    INFLUX2 = "InfluxDB 2.x"
    """Written by /api/v2/write, `Token`, buckets and DBRP mappings by /api/v2."""
    INFLUX3 = "InfluxDB 3"
    """Written by /api/v2/write, `Bearer`, databases by /api/v3/configure; one statement a request."""
    VICTORIA = "VictoriaMetrics"
    """Written by /api/v2/write, read by /api/v1; its retention is a flag of its own."""


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered."""

    kind: Kind
    version: str


def identify(server: HttpServer) -> Found:
    """What answers at `server`.

    Raises:
        StoreUnavailable: nothing does, or something else.
    """
    answer = server.get("/ping", {})
    version = _version(answer)
    if version.startswith("1."):
        return Found(Kind.INFLUX1, version)
    if version.startswith("2."):
        return Found(Kind.INFLUX2, version)
    if version[:1].isdigit():
        return Found(Kind.INFLUX3, version)
    if server.get("/api/v1/query", {"query": "1"}).status == 200:
        return Found(Kind.VICTORIA, "")
    raise StoreUnavailable(f"store {server.url} is neither InfluxDB nor VictoriaMetrics")


def _version(answer: Answer) -> str:
    """From the header, which all versions send, or from the body of version 3."""
    version = answer.headers.get("X-Influxdb-Version", "")
    if not version and answer.body.startswith(b"{"):
        told = answer.json()
        version = str(told.get("version", "")) if isinstance(told, dict) else ""
    return version.removeprefix("v")
