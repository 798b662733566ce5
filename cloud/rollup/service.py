"""The role `rollup`: makes roll-ups and, on the embedded store, lets go of what is too old."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

from cloud.backoff import Backoff
from cloud.errors import RegistryUnavailable
from cloud.registry.port import Registry
from cloud.rollup.scheduler import Scheduler
from cloud.settings import Settings
from cloud.store.port import Store, StoreUnavailable
from cloud.store.rollups import rollups_of
from cloud.store.sqlite import SqliteStore
from cloud.store.sqlite_retention import SqliteExpiry
from cloud.threads import in_thread
from telemetry.clock import Clock, SystemClock

ROUND_S: Final = 60.0
EXPIRY_S: Final = 3600.0

_log = logging.getLogger(__name__)


async def run_rollup(
    settings: Settings, registry: Registry, store: Store, clock: Clock | None = None
) -> None:
    """Work until cancelled. Several processes doing this would do the same work twice."""
    await Keeper(settings, registry, store, clock or SystemClock()).run()


class Keeper:
    """Rounds for ever."""

    def __init__(self, settings: Settings, registry: Registry, store: Store, clock: Clock) -> None:
        self._retention = settings.retention.to_retention()
        self._registry = registry
        self._store = store
        self._clock = clock
        self._expired_s: float | None = None

    async def run(self) -> None:
        """Do rounds until cancelled; while a database does not answer, ever more seldom."""
        backoff = Backoff(5.0, 300.0)
        while True:
            try:
                has_rollups = await in_thread(self.round)
                backoff.reset()
                if not has_rollups:
                    _log.info("no-rollups", extra={"cause": "the store keeps none"})
                    await asyncio.Event().wait()
                pause_s = ROUND_S * random.uniform(0.9, 1.1)  # noqa: S311, jitter
            except (StoreUnavailable, RegistryUnavailable) as error:
                pause_s = backoff.next_s()
                _log.warning("rollup-failed", extra={"cause": str(error), "again_in_s": f"{pause_s:.1f}"})
            await asyncio.sleep(pause_s)

    def round(self) -> bool:
        """One round; whether the store keeps roll-ups. Raises StoreUnavailable, RegistryUnavailable."""
        rollups = rollups_of(self._store)
        if rollups is None:
            return False
        done = Scheduler(rollups, self._registry, self._retention).round(self._clock.now_ms())
        if done.hours or done.late_devices:
            _log.info(
                "rolled-up",
                extra={"hours": done.hours, "late_devices": done.late_devices, "until_ms": done.until_ms},
            )
        self._expire(done.until_ms)
        return True

    def _expire(self, rolled_until_ms: int | None) -> None:
        """The servers do this by themselves; nothing goes that is not rolled up."""
        now_s = self._clock.monotonic()
        is_due = self._expired_s is None or now_s - self._expired_s >= EXPIRY_S
        if not isinstance(self._store, SqliteStore) or not is_due or rolled_until_ms is None:
            return
        self._expired_s = now_s
        gone = SqliteExpiry(self._store.file).expire(self._clock.now_ms(), rolled_until_ms=rolled_until_ms)
        if gone.rows:
            _log.info(
                "values-expired",
                extra={
                    "rows": gone.rows,
                    "slices": gone.slices,
                    "longest_ms": round(gone.longest_s * 1000),
                    "pages_given_back": gone.pages_given_back,
                },
            )
