"""What routes work with, and how they get it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from cloud.api.map_view import DeviceMap
from cloud.api.threads import Threads
from cloud.errors import NotFound
from cloud.identity.people import People
from cloud.live.service import Live
from cloud.registry.port import DeviceRecord, Registry
from cloud.store.port import Store
from telemetry.clock import Clock
from telemetry.devices.classes import DeviceClass


@dataclass(frozen=True, slots=True)
class Context:
    """The parts that routes call."""

    registry: Registry
    store: Store
    classes: dict[str, DeviceClass]
    people: People
    live: Live
    threads: Threads
    clock: Clock
    version: str
    map: DeviceMap = field(default_factory=DeviceMap)

    async def device(self, device: str) -> DeviceRecord:
        """The device with its points. Raises NotFound."""
        record = await self.threads.run(self.registry.device, device)
        if record is None:
            raise NotFound(f"no device {device[:60]}: list the devices with GET /api/v1/devices")
        return record


def context_of(request: Request) -> Context:
    """The parts that `request`'s application was made with."""
    context: Context = request.app.state.context
    return context


In = Annotated[Context, Depends(context_of)]
