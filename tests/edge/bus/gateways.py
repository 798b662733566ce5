"""Small gateways for bus tests, and a sink that remembers."""

from __future__ import annotations

import asyncio
from typing import Any

from edge.config import GatewayConfig
from edge.decoding.binding import BoundGateway, bind_gateway
from telemetry.devices.library import Library
from telemetry.readings import Batch, Reading

LIBRARY = Library.shipped()
DEADLINE_S = 10.0


def gateway(buses: list[dict[str, Any]], devices: list[dict[str, Any]]) -> BoundGateway:
    """A gateway with these buses and devices."""
    config = GatewayConfig.model_validate(
        {
            "gateway": "eg-0001",
            "area": "p060",
            "broker": {"url": "mqtt://127.0.0.1:1"},
            "state_dir": "unused",
            "buses": buses,
            "devices": devices,
        }
    )
    return bind_gateway(config, LIBRARY)


def lamp(number: int, bus: str, *, every_s: float = 0.1, profile: str = "eastron_sdm120") -> dict[str, Any]:
    """A lamp with one meter, whose unit id is its number."""
    return {
        "id": f"sl-{number:06d}",
        "class": "streetlight",
        "instruments": [{"profile": profile, "bus": bus, "unit_id": number, "every_s": every_s}],
    }


class MemorySink:
    """Remembers everything that buses tell, and lets tests wait for it."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.events: list[tuple[str, str]] = []
        self.reasons: list[str] = []
        self._changed = asyncio.Condition()

    async def accept(self, batch: Batch) -> None:
        self.batches.append(batch)
        await self._tell()

    async def keep(self, batch: Batch) -> bool:
        await self.accept(batch)
        return True

    async def device_up(self, device: str) -> None:
        self.events.append(("up", device))
        await self._tell()

    async def device_down(self, device: str, reason: str) -> None:
        self.events.append(("down", device))
        self.reasons.append(reason)
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Any, what: str) -> None:
        """Wait until `condition()` holds."""
        try:
            async with asyncio.timeout(DEADLINE_S), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"{what}: not within {DEADLINE_S} s; events {self.events}") from None

    def of(self, device: str) -> list[Batch]:
        """Batches of a device."""
        return [batch for batch in self.batches if batch.device == device]

    def last(self, device: str) -> dict[str, Reading]:
        """The last batch of a device by metric."""
        return {reading.metric: reading for reading in self.of(device)[-1].readings}
