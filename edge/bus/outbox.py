"""Batches on their way to the sink, so that a bus need not wait for each of them."""

from __future__ import annotations

import asyncio
from typing import Final

from edge.ports import ReadingSink
from telemetry.readings import Batch

LARGEST: Final = 4
"""Batches that may wait. Past that the bus waits: it polls slower, and nothing is thrown away."""


class Outbox:
    """A short queue in front of a sink; order is kept."""

    def __init__(self, sink: ReadingSink) -> None:
        self._sink = sink
        self._batches: asyncio.Queue[Batch] = asyncio.Queue(LARGEST)

    async def run(self) -> None:
        """Give the sink one batch after the other, until cancelled."""
        while True:
            batch = await self._batches.get()
            await self._sink.accept(batch)
            self._batches.task_done()

    def post(self, batch: Batch) -> bool:
        """Take a batch at once; False where there is no room."""
        if self._batches.full():
            return False
        self._batches.put_nowait(batch)
        return True

    async def put(self, batch: Batch) -> None:
        """Take a batch as soon as there is room."""
        await self._batches.put(batch)

    async def emptied(self) -> None:
        """Return when the sink has taken everything."""
        await self._batches.join()
