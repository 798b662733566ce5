"""Takes what the buses measured: checked, stamped, into the spool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from edge.spool.spool import Spool
from edge.supervision.points import PointWatch
from edge.uplink.intake import Intake
from edge.uplink.uplink import Uplink
from telemetry.readings import Batch

_LOG: Final = logging.getLogger("edge.agent")
KEEP_WITHIN_S: Final = 30.0
"""A disk that takes longer does not take it."""


class Sink:
    """Implements `edge.ports.ReadingSink`."""

    def __init__(self, intake: Intake, spool: Spool, uplink: Uplink) -> None:
        self._intake = intake
        self._spool = spool
        self._uplink = uplink
        self.points = PointWatch()
        """What was measured last."""
        self.up: set[str] = set()
        """Devices that answer."""
        self.listeners: list[Callable[[Batch], None]] = []
        """Who else looks at every scan."""

    async def accept(self, batch: Batch) -> None:
        """Queue one scan for its commit; waits while the queue is full."""
        self.points.saw(batch)
        for listener in self.listeners:
            listener(batch)
        ready = self._intake.prepare(batch)
        if ready is not None:
            await self._spool.put(ready)

    async def keep(self, batch: Batch) -> bool:
        """Commit one scan; False where the disk did not take it."""
        self.points.saw(batch)
        for listener in self.listeners:
            listener(batch)
        ready = self._intake.prepare(batch)
        if ready is None:
            return True
        durable = asyncio.wrap_future(await self._spool.put(ready))
        try:
            async with asyncio.timeout(KEEP_WITHIN_S):
                return await asyncio.shield(durable) is not None
        except TimeoutError:
            return False

    async def accept_result(self, batch: Batch) -> Future[int | None]:
        """Queue a command's result; what is returned is done once that is durable."""
        ready = self._intake.prepare(batch, is_result=True)
        assert ready is not None, "a result has readings"
        return await self._spool.put(ready)

    async def device_up(self, device: str) -> None:
        """The device answers."""
        self.up.add(device)
        self._uplink.device_up(device)

    async def device_down(self, device: str, reason: str) -> None:
        """The device does not answer any more."""
        _LOG.warning("device-down", extra={"device": device, "cause": reason})
        self.up.discard(device)
        self._uplink.device_down(device)
