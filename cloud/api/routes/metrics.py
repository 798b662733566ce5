"""Figures of this process for Prometheus."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.responses import Response

from cloud.api.access import Reader

router = APIRouter(tags=["health"])

_EXAMPLE: Final = "kega_ingest_stored_values_total 1234.0\n"


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}}}},
)
async def metrics(_who: Reader) -> Response:
    """Counters and gauges of the roles that run in this process, in the text format of Prometheus."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
