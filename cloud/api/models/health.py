"""Health."""

from __future__ import annotations

from pydantic import BaseModel

from cloud.api.models.common import Milliseconds, example
from cloud.live.health import HealthReport, Status


class CheckModel(BaseModel):
    """How one part does."""

    status: Status
    detail: str
    latency_ms: float | None
    lag_s: float | None


class HealthModel(BaseModel):
    """How the cloud tier does: dead without the registry, degraded without another part."""

    model_config = example(
        status="ok",
        version="0.1.0",
        time_ms=1767571200000,
        checks={
            "ingest": {"status": "ok", "detail": "live values reach the store", "latency_ms": 0.4, "lag_s": 0}
        },
    )

    status: Status
    version: str
    time_ms: Milliseconds
    checks: dict[str, CheckModel]


def health_model(report: HealthReport, version: str) -> HealthModel:
    """The report as the API tells it."""
    return HealthModel(
        status=report.status,
        version=version,
        time_ms=report.time_ms,
        checks={
            name: CheckModel(
                status=check.status, detail=check.detail, latency_ms=check.latency_ms, lag_s=check.lag_s
            )
            for name, check in report.checks.items()
        },
    )
