"""Gateways."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.api.access import Reader
from cloud.api.context import In
from cloud.api.models.devices import Gateways, gateway_model

router = APIRouter(tags=["devices"])


@router.get("/gateways")
async def gateways(_who: Reader, context: In) -> Gateways:
    """All gateways, in order of id."""
    records = await context.threads.run(context.registry.gateways)
    health = await context.threads.run(context.registry.health)
    return Gateways(items=[gateway_model(each, health.get(each.id)) for each in records])
