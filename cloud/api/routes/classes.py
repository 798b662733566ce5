"""Device classes."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.api.access import Reader
from cloud.api.context import In
from cloud.api.models.devices import Classes, class_model

router = APIRouter(tags=["devices"])


@router.get("/classes")
async def classes(_who: Reader, context: In) -> Classes:
    """All device classes with their points."""
    return Classes(items=[class_model(each) for each in context.classes.values()])
