"""Whether the cloud tier works: the one thing that anybody may ask."""

from __future__ import annotations

from fastapi import APIRouter, Response

from cloud.api.context import In
from cloud.api.models.health import HealthModel, health_model
from cloud.live.health import Status

router = APIRouter(tags=["health"])


@router.get("/health", responses={503: {"model": HealthModel, "description": "Dead"}})
async def health(context: In, response: Response) -> HealthModel:
    """How all parts do. 200 while anything can be done, 503 when dead; made every 5 s, so ask freely."""
    report = context.live.health
    if report.status is Status.DEAD:
        response.status_code = 503
    return health_model(report, context.version)
