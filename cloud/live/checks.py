"""Asks the parts of the cloud tier how they do. A part that hangs is asked once, not piled upon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from cloud.errors import RegistryUnavailable
from cloud.live.health import UNTRIED, Check, HealthReport, IngestWatch, Status
from cloud.live.view import LiveView
from cloud.registry.port import Registry
from cloud.store.port import Store, StoreUnavailable
from telemetry.clock import Clock

TIMEOUT_S: Final = 5.0
_SAMPLE: Final = 5
_RECENT_MS: Final = 10_000


class HealthChecks:
    """Makes health reports. Belongs to one event loop."""

    def __init__(self, registry: Registry, store: Store, clock: Clock) -> None:
        self._registry = registry
        self._store = store
        self._clock = clock
        self._broker = UNTRIED
        self._ingest = IngestWatch()
        self._asked: dict[str, asyncio.Task[None]] = {}

    def broker_up(self) -> None:
        """The live link stands."""
        self._broker = Check(Status.OK, "connected")

    def broker_down(self, cause: str) -> None:
        """The live link is lost."""
        self._broker = Check(Status.DEAD, cause)

    async def report(self, view: LiveView) -> HealthReport:
        """How everything does now; takes `TIMEOUT_S` at most for each part."""
        registry = await self._ping("registry", self._registry.ping)
        store = await self._ping("store", self._store.ping)
        ingest = Check(Status.UNKNOWN, "the store does not answer")
        if store.status is Status.OK:
            ingest = await self._follow_ingest(view)
        return HealthReport(registry, store, self._broker, ingest, self._clock.now_ms())

    async def _ping(self, name: str, ping: Callable[[], None]) -> Check:
        task = self._asked.get(name)
        if task is None or task.done():
            task = self._asked[name] = asyncio.create_task(asyncio.to_thread(ping))
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await asyncio.shield(task)
        except TimeoutError:
            return Check(Status.DEAD, f"no answer within {TIMEOUT_S:g} s")
        except (RegistryUnavailable, StoreUnavailable) as error:
            return Check(Status.DEAD, f"does not answer: {type(error).__name__}")
        return Check(Status.OK, "answers", latency_ms=round((self._clock.monotonic() - began) * 1000, 1))

    async def _follow_ingest(self, view: LiveView) -> Check:
        now_ms = self._clock.now_ms()
        if not self._ingest.devices:
            self._ingest.expect(view.recently_heard(now_ms - _RECENT_MS, _SAMPLE))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                latest = await asyncio.to_thread(self._store.latest, self._ingest.devices)
        except (TimeoutError, StoreUnavailable):
            return Check(Status.UNKNOWN, "the store does not answer")
        stored = {
            device: max((sample.time_ms for sample in fields.values()), default=-1)
            for device, fields in latest.items()
        }
        return self._ingest.judge(stored, self._clock.now_ms())
