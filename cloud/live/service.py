"""The live view at work: its own subscription to the wire, and looks at registry and store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from cloud.errors import RegistryUnavailable
from cloud.ingest.devices import Devices
from cloud.live.changes import Changes
from cloud.live.checks import HealthChecks
from cloud.live.events import Event
from cloud.live.health import HealthReport, Status
from cloud.live.hub import Hub
from cloud.live.view import LiveView
from cloud.live.wire import FILTERS, Born, Died, GatewayDied, Told, Wire
from cloud.registry.port import DeviceRecord, Registry
from cloud.store.port import Store, StoreUnavailable
from telemetry.clock import Clock
from telemetry.devices.classes import DeviceClass
from telemetry.errors import LinkError
from telemetry.mqtt import Broker, Link, Message, open_link

logger = logging.getLogger(__name__)

POLL_S: Final = 0.5
STATES_S: Final = 1.0
DEVICES_S: Final = 5.0
ALL_DEVICES_S: Final = 600.0
CLOCKS_MS: Final = 60_000
"""So far the clocks of two processes that write the registry may lie apart, and a transaction may last."""
HEALTH_S: Final = 5.0
RELOAD_S: Final = 30.0
"""After messages were lost the store is asked for what was missed, at most this often."""
_PAGE: Final = 2_000
_BATCH: Final = 500
_LONGEST_WAIT_S: Final = 30.0


class Live:
    """What happens now. `run` lives until cancelled; all else may be called at any time in the same loop."""

    def __init__(
        self,
        broker: Broker,
        registry: Registry,
        store: Store,
        *,
        classes: Mapping[str, DeviceClass],
        clock: Clock,
        encode: Callable[[Event], bytes],
        standbys: Sequence[Broker] = (),
    ) -> None:
        self.view = LiveView(classes)
        self.hub = Hub(encode, self.view.class_of)
        self.health = HealthReport()
        self._brokers = deque([broker, *standbys])
        """Nodes of one cluster; the first is in use."""
        self._registry = registry
        self._store = store
        self._clock = clock
        self._wire = Wire(Devices(registry, classes, clock))
        self._checks = HealthChecks(registry, store, clock)
        self._all_loaded_s: float | None = None
        self._changed_ms = 0
        self._missed = asyncio.Event()
        self._doubt = asyncio.Event()
        """Set when health may have changed: it is looked at now instead of at the next turn."""

    async def run(self) -> None:
        """Keep the view true and tell watchers of every change, until cancelled."""
        self.health = await self._checks.report(self.view)
        await self._load_devices_once()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_wire())
            tasks.create_task(self._again(DEVICES_S, self._load_devices, "registry"))
            tasks.create_task(self._follow_changes())
            tasks.create_task(self._load_stored())
            tasks.create_task(self._again(STATES_S, self._tell_states, "states"))
            tasks.create_task(self._follow_health())

    async def _follow_wire(self) -> None:
        failures = 0
        while True:
            try:
                client_id = f"kega-live-{secrets.token_hex(4)}"
                async with open_link(self._brokers[0], client_id) as link:
                    await link.subscribe(*FILTERS)
                    self._checks.broker_up()
                    self._doubt.set()
                    # What was said between start (or loss) and this subscription is in the store only.
                    self._missed.set()
                    failures = 0
                    await self._read(link)
                    raise LinkError(f"connection lost: {link.lost.result()}")
            except LinkError as error:
                failures += 1
                self._brokers.rotate(-1)
                self._checks.broker_down(str(error))
                self._doubt.set()
                wait_s = min(_LONGEST_WAIT_S, 2.0 ** min(failures, 6) / 2) * random.uniform(0.5, 1)  # noqa: S311
                logger.warning("live-link-lost", extra={"cause": str(error), "again_in_s": f"{wait_s:.1f}"})
                await asyncio.sleep(wait_s)

    async def _read(self, link: Link) -> None:
        inbox: asyncio.Queue[Message | None] = asyncio.Queue(_BATCH)
        dropped = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_pour(link, inbox))
            while batch := await _next_batch(inbox):
                self._take(await asyncio.to_thread(self._wire.read, batch, self._clock.now_ms()))
                if link.dropped > dropped:
                    logger.warning("live-messages-dropped", extra={"count": link.dropped - dropped})
                    dropped = link.dropped
                    self._missed.set()

    def _take(self, told: list[Told]) -> None:
        now_ms = self._clock.now_ms()
        for each in told:
            match each:
                case Born():
                    self.view.born(each.device, each.gateway, each.device_class, now_ms)
                case Died():
                    self.view.died(each.device, now_ms)
                case GatewayDied():
                    self.view.gateway_died(each.gateway, now_ms)
                case _:
                    news = self.view.values(each, now_ms)
                    if news is not None:
                        self.hub.publish(news)

    async def _load_devices(self) -> None:
        """What has changed since the last look; now and then everything, which heals what was missed."""
        began = self._clock.monotonic()
        began_ms = self._clock.now_ms()
        if self._all_loaded_s is None or began - self._all_loaded_s >= ALL_DEVICES_S:
            await self._load_all_devices()
            self._all_loaded_s = began
        else:
            await self._load_changed_devices(self._changed_ms - CLOCKS_MS)
        self._changed_ms = began_ms

    async def _load_all_devices(self) -> None:
        after = ""
        while True:
            page: list[DeviceRecord] = await asyncio.to_thread(
                self._registry.devices, after=after, limit=_PAGE
            )
            self.view.load_devices(page, self._clock.now_ms())
            if len(page) < _PAGE or self.view.is_full:
                return
            after = page[-1].id

    async def _load_changed_devices(self, since_ms: int) -> None:
        after: tuple[int, str] | None = None
        while True:
            look = partial(self._registry.devices_changed, since_ms=since_ms, after=after, limit=_PAGE)
            page, after = await asyncio.to_thread(look)
            self.view.load_devices(page, self._clock.now_ms())
            if after is None:
                return

    async def _load_devices_once(self) -> None:
        try:
            await self._load_devices()
        except RegistryUnavailable as error:
            logger.warning("live-registry-lost", extra={"cause": str(error)})

    async def _load_stored(self) -> None:
        """At the start, and whenever messages may have been missed, take the store's newest values."""
        while True:
            try:
                ids = self.view.ids()
                for first in range(0, len(ids), _PAGE):
                    part = ids[first : first + _PAGE]
                    self.view.load_stored(await asyncio.to_thread(self._store.latest, part))
                self._missed.clear()
            except StoreUnavailable as error:
                logger.warning("live-store-lost", extra={"cause": str(error)})
                self._missed.set()
            await asyncio.sleep(RELOAD_S * random.uniform(0.9, 1.1))  # noqa: S311, jitter
            await self._missed.wait()

    async def _follow_changes(self) -> None:
        changes = Changes(self._registry, self._clock.now_ms())

        async def poll() -> None:
            for event in await asyncio.to_thread(changes.poll, self._clock.now_ms()):
                self.hub.publish(event)

        await self._again(POLL_S, poll, "registry")

    async def _tell_states(self) -> None:
        ids = self.view.ids()
        for first in range(0, len(ids), _PAGE):
            for change in self.view.changes(self._clock.now_ms(), ids[first : first + _PAGE]):
                self.hub.publish(change)
            await asyncio.sleep(0)  # others get their turn between the parts of a large fleet

    async def _follow_health(self) -> None:
        while True:
            await self._check_health()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEALTH_S):
                    await self._doubt.wait()
            self._doubt.clear()

    async def _check_health(self) -> None:
        before, self.health = self.health, await self._checks.report(self.view)
        if self.health.summary != before.summary:
            logger.log(
                logging.INFO if self.health.status is Status.OK else logging.WARNING,
                "health-changed",
                extra={"status": self.health.status}
                | {name: check.status for name, check in self.health.checks.items()},
            )
            self.hub.publish(self.health)

    @staticmethod
    async def _again(every_s: float, work: Callable[[], Awaitable[None]], what: str) -> None:
        """Do `work` for ever; while the registry does not answer, ever more seldom."""
        failures = 0
        while True:
            try:
                await work()
                if failures:
                    logger.info("live-again", extra={"what": what})
                failures = 0
            except RegistryUnavailable as error:
                if not failures:
                    logger.warning("live-registry-lost", extra={"what": what, "cause": str(error)})
                failures += 1
            wait_s = min(_LONGEST_WAIT_S, every_s * 2.0 ** min(failures, 6))
            await asyncio.sleep(wait_s * random.uniform(0.9, 1.1))  # noqa: S311, jitter


async def _pour(link: Link, inbox: asyncio.Queue[Message | None]) -> None:
    async for message in link.messages():
        await inbox.put(message)
    await inbox.put(None)


async def _next_batch(inbox: asyncio.Queue[Message | None]) -> list[Message]:
    """All that waits, at least one message; empty at the end of the connection."""
    batch = [await inbox.get()]
    while batch[-1] is not None and not inbox.empty():
        batch.append(inbox.get_nowait())
    if batch[-1] is None and len(batch) > 1:
        inbox.put_nowait(None)
    return [message for message in batch if message is not None]
