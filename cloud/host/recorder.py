"""Writes the journal into the registry, in order, and patiently while the registry is away."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import takewhile
from typing import Final

from cloud.backoff import Backoff
from cloud.configuration.port import GatewayHealth
from cloud.errors import RegistryUnavailable
from cloud.host.changes import Change, DeviceBorn
from cloud.host.journal import Entry, Journal
from cloud.host.nodes import HealthTold
from cloud.registry.port import DeviceBirth, Registry
from cloud.threads import in_thread
from telemetry.clock import Clock
from telemetry.errors import KegaError

LOOK_S: Final = 0.05
SIGHTINGS_S: Final = 1.0
"""Seen-times are written at most so often."""
CHUNK: Final = 200
"""Changes written between two looks, so that an end need not wait for a storm of births."""

_log = logging.getLogger(__name__)


class Recorder:
    """The only writer of the supervisor's changes. Nothing is lost while the registry is away: it waits."""

    def __init__(self, registry: Registry, journal: Journal, clock: Clock) -> None:
        self._registry = registry
        self._journal = journal
        self._clock = clock
        self._sightings_at = float("-inf")

    async def run(self) -> None:
        """Write until cancelled."""
        backoff = Backoff(0.2, 10.0)
        while True:
            try:
                is_idle = await self._write_some()
            except RegistryUnavailable as error:
                pause = backoff.next_s()
                _log.warning(
                    "changes-wait-for-registry",
                    extra={"waiting": len(self._journal), "retry_s": round(pause, 2), "cause": str(error)},
                )
                await asyncio.sleep(pause)
            else:
                backoff.reset()
                if is_idle:
                    await asyncio.sleep(LOOK_S)

    async def finish(self, timeout_s: float) -> None:
        """Write what still waits, as far as that goes within `timeout_s`."""
        self._sightings_at = float("-inf")
        try:
            async with asyncio.timeout(timeout_s):
                while not await self._write_some():
                    pass
        except (TimeoutError, RegistryUnavailable) as error:
            _log.warning("changes-not-written", extra={"waiting": len(self._journal), "cause": str(error)})

    async def _write_some(self) -> bool:
        """Write a part of what waits; whether nothing is left to write now."""
        now_s = self._clock.monotonic()
        with_sightings = now_s >= self._sightings_at
        entry = self._journal.take(CHUNK, sightings=with_sightings)
        if not entry:
            return True
        rest, error = await in_thread(lambda: write(self._registry, entry))
        if error is not None:
            self._journal.put_back(rest)
            raise error
        if with_sightings:
            self._sightings_at = now_s + SIGHTINGS_S
        return len(self._journal) == 0


def write(registry: Registry, entry: Entry) -> tuple[Entry, RegistryUnavailable | None]:
    """Write `entry`; returns what could not be written, and why. Blocking."""
    changes = deque(entry.changes)
    try:
        while changes:
            births = _leading_births(changes)
            healths = _leading_healths(changes)
            if len(births) > 1 and _is_taken(partial(registry.devices_born, births), f"{len(births)} births"):
                for _ in births:
                    changes.popleft()
            elif len(healths) > 1 and _is_taken(partial(registry.health_told, healths), "health"):
                for _ in healths:
                    changes.popleft()
            else:
                _is_taken(partial(changes[0].write, registry), "/".join(changes[0].key))
                changes.popleft()
        registry.gateways_seen(entry.gateways_seen)
        registry.devices_seen(entry.devices_seen)
    except RegistryUnavailable as error:
        return Entry(tuple(changes), entry.gateways_seen, entry.devices_seen), error
    return Entry((), {}, {}), None


def _leading_births(changes: Iterable[Change]) -> list[DeviceBirth]:
    births: list[DeviceBirth] = []
    for change in changes:
        if not isinstance(change, DeviceBorn):
            break
        births.append(change.birth)
    return births


def _leading_healths(changes: Iterable[Change]) -> list[GatewayHealth]:
    leading = takewhile(lambda change: isinstance(change, HealthTold), changes)
    return [change.health for change in leading if isinstance(change, HealthTold)]


def _is_taken(call: Callable[[], None], what: str) -> bool:
    """Whether the registry has taken it; what it refuses for good must not hold up the rest."""
    try:
        call()
    except RegistryUnavailable:
        raise
    except KegaError as error:
        _log.error("change-refused", extra={"change": what, "cause": str(error)})
        return False
    return True
