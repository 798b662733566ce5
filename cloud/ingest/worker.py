"""One ingest worker: receive, route, commit, acknowledge, as four tasks with bounds between them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Final

from cloud.backoff import Backoff
from cloud.ingest.acks import AckCollector, ack_payload
from cloud.ingest.commit import Committer
from cloud.ingest.devices import Devices
from cloud.ingest.inbox import Inbox
from cloud.ingest.metrics import IngestMetrics
from cloud.ingest.routing import Received, Routed, receive, route
from cloud.threads import in_thread
from telemetry.clock import Clock
from telemetry.errors import LinkError
from telemetry.mqtt import Broker, Link, open_link
from telemetry.sparkplug.topics import NAMESPACE, Verb

ACK_WINDOW_S: Final = 0.25
"""Acknowledgements for one gateway are collected so long."""
LINK_QUEUE: Final = 5000

_log = logging.getLogger(__name__)


class Worker:
    """Lives over connections: what is under way goes on while the broker is away."""

    def __init__(
        self,
        broker: Broker,
        devices: Devices,
        committer: Committer,
        metrics: IngestMetrics,
        clock: Clock,
        *,
        client_id: str,
        share: str | None,
    ) -> None:
        self._broker = broker
        self._devices = devices
        self._committer = committer
        self._metrics = metrics
        self._clock = clock
        self._client_id = f"{client_id}-{secrets.token_hex(4)}"
        self._share = share
        self._inbox = Inbox()
        # one batch is being stored, one waits here, one is being routed: no more is ever under way
        self._routed: asyncio.Queue[list[Routed]] = asyncio.Queue(1)
        self._acks = AckCollector()
        self._acks_wait = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. Everything not acknowledged by then is sent again by its gateway."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive())
            tasks.create_task(self._route())
            tasks.create_task(self._commit())

    async def _receive(self) -> None:
        backoff = Backoff(0.5, 30.0)
        while True:
            try:
                async with open_link(self._broker, self._client_id, queue_size=LINK_QUEUE) as link:
                    await link.subscribe(*self._filters())
                    backoff.reset()
                    await self._session(link)
                    _log.warning("broker-lost", extra={"broker": self._broker.url, "cause": await link.lost})
            except LinkError as error:
                _log.warning("broker-not-reached", extra={"broker": self._broker.url, "cause": str(error)})
            await asyncio.sleep(backoff.next_s())

    def _filters(self) -> tuple[str, str]:
        # every worker hears all births, so that each knows the devices whose data it may get
        shared = f"$share/{self._share}/" if self._share else ""
        return (
            f"{NAMESPACE}/+/{Verb.DBIRTH.value}/+/+",
            f"{shared}{NAMESPACE}/+/{Verb.DDATA.value}/+/+",
        )

    async def _session(self, link: Link) -> None:
        _log.info("subscribed", extra={"broker": self._broker.url, "share": self._share or ""})
        self._metrics.connected.set(1)
        sender = asyncio.create_task(self._send_acks(link))
        dropped = 0
        try:
            async for message in link.messages():
                await self._inbox.put(receive(message.topic, message.payload))
                self._metrics.dropped.inc(link.dropped - dropped)
                dropped = link.dropped
        finally:
            self._metrics.connected.set(0)
            sender.cancel()
            await asyncio.wait({sender})

    async def _route(self) -> None:
        while True:
            batch = await self._inbox.take()
            self._metrics.waiting.set(len(self._inbox))
            routed = await in_thread(lambda batch=batch: self._route_all(batch))  # type: ignore[misc]
            for each in routed:
                self._metrics.messages.labels(each.verb or "other").inc()
                self._metrics.unknown_device.inc(each.is_unknown)
            await self._routed.put(routed)

    def _route_all(self, batch: list[Received]) -> list[Routed]:
        now_ms = self._clock.now_ms()
        return [route(received, self._devices, now_ms) for received in batch]

    async def _commit(self) -> None:
        while True:
            for stored in await self._committer.commit(await self._routed.get()):
                self._acks.add(stored)
            if self._acks:
                self._acks_wait.set()

    async def _send_acks(self, link: Link) -> None:
        if self._acks:
            self._acks_wait.set()
        while True:
            await self._acks_wait.wait()
            await asyncio.sleep(ACK_WINDOW_S)
            self._acks_wait.clear()
            for topic, ack in self._acks.take():
                try:
                    link.publish(str(topic), ack_payload(ack, self._clock.now_ms()))
                except LinkError:
                    return  # what was not sent is asked for again: gateways repeat unacknowledged batches
                self._metrics.acknowledged.inc(sum(last - first + 1 for first, last in ack.ranges))
