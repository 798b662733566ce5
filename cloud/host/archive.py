"""Gateways' figures as time series: measurement `gateway`, one scan for each message of a gateway itself.

They are not acknowledged: what the store cannot take for long is given up, oldest first, and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from cloud.backoff import Backoff
from cloud.store.port import Scan, Store, StoreUnavailable
from cloud.threads import in_thread
from telemetry.devices.classes import field_name
from telemetry.errors import KegaError
from telemetry.readings import Value

MEASUREMENT: Final = "gateway"
WAITING: Final = 20_000
WRITE_EVERY_S: Final = 1.0
_AT_ONCE: Final = 1000

_log = logging.getLogger(__name__)


class Archive:
    """Takes scans in the event loop and writes them from a worker thread."""

    def __init__(self, opener: Callable[[], Store]) -> None:
        """`opener` is called when there is something to write."""
        self._opener = opener
        self._store: Store | None = None
        self._waiting: deque[Scan] = deque(maxlen=WAITING)
        self.dropped = 0

    def add(self, area: str, gateway: str, time_ms: int, figures: Mapping[str, Value]) -> None:
        """What a gateway told at `time_ms`; values that are not known are left out."""
        fields = {field_name(name): value for name, value in figures.items() if value is not None}
        if not fields:
            return
        self.dropped += len(self._waiting) == WAITING
        self._waiting.append(Scan(MEASUREMENT, area, gateway, gateway, time_ms, fields))

    async def run(self) -> None:
        """Write until cancelled."""
        backoff = Backoff(1.0, 60.0)
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                while self._waiting:
                    await self._write([self._waiting[n] for n in range(min(_AT_ONCE, len(self._waiting)))])
                backoff.reset()
            except StoreUnavailable as error:
                pause = backoff.next_s()
                about = {"waiting": len(self._waiting), "retry_s": round(pause, 1), "cause": str(error)}
                _log.warning("figures-wait-for-store", extra=about)
                await asyncio.sleep(pause)

    async def _write(self, scans: list[Scan]) -> None:
        rejected = await in_thread(lambda: self._written(scans))
        for _ in range(len(scans)):
            self._waiting.popleft()
        if rejected:
            _log.warning("figures-refused", extra={"scans": rejected})

    def _written(self, scans: list[Scan]) -> int:
        if self._store is None:
            try:
                self._store = self._opener()
            except StoreUnavailable:
                raise
            except KegaError as error:
                raise StoreUnavailable(str(error)) from error
        return len(self._store.write(scans))

    def close(self) -> None:
        """Give the store back."""
        if self._store is not None:
            self._store.close()
