"""One ingest worker: receive, route, write, finish, acknowledge, with bounds between the steps."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from cloud.backoff import Backoff
from cloud.ingest.acks import AckCollector, ack_payload
from cloud.ingest.commit import Committer, Written
from cloud.ingest.inbox import Batch, Inbox
from cloud.ingest.intake import Intake, Session
from cloud.ingest.metrics import IngestMetrics
from cloud.ingest.router import RoutedBatch, Router
from cloud.ingest.routing import Received
from cloud.threads import in_thread
from telemetry.clock import Clock
from telemetry.errors import LinkError

ACK_WINDOW_S: Final = 0.25
"""Acknowledgements for one gateway are collected so long, or until many wait."""
UNDER_WAY: Final = 4
"""Batches at once: one is routed, two are written, so that the database has no pause, one is finished."""

_log = logging.getLogger(__name__)


class Worker:
    """Lives over connections: what is under way goes on while the broker is away."""

    def __init__(
        self, intake: Intake, router: Router, committer: Committer, metrics: IngestMetrics, clock: Clock
    ) -> None:
        self._intake = intake
        self._router = router
        self._committer = committer
        self._metrics = metrics
        self._clock = clock
        # of the places under way one is always left for live data
        self._inbox = Inbox(resent_under_way=UNDER_WAY - 1)
        self._places = asyncio.Semaphore(UNDER_WAY)
        self._writing: asyncio.Queue[tuple[Batch, RoutedBatch, asyncio.Task[Written]]] = asyncio.Queue()
        self._acks = AckCollector()
        self._acks_wait = asyncio.Event()
        self._since: dict[tuple[str, str], float] = {}
        """When the oldest batch came that waits for its acknowledgement, by gateway."""
        self._session: Session | None = None

    async def run(self) -> None:
        """Work until cancelled. Everything not acknowledged by then is sent again by its gateway."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive())
            tasks.create_task(self._route(tasks))
            tasks.create_task(self._finish())
            tasks.create_task(self._acknowledge())

    async def _receive(self) -> None:
        backoff = Backoff(0.5, 30.0)
        while True:
            try:
                async with self._intake.connect(self._deliver) as session:
                    backoff.reset()
                    _log.info("subscribed", extra={"broker": self._intake.url})
                    self._metrics.connected.set(1)
                    self._session = session
                    self._acks_wait.set()
                    cause = await asyncio.shield(session.lost)
                    _log.warning("broker-lost", extra={"broker": self._intake.url, "cause": cause})
            except LinkError as error:
                _log.warning("broker-not-reached", extra={"broker": self._intake.url, "cause": str(error)})
            finally:
                self._session = None
                self._metrics.connected.set(0)
            await asyncio.sleep(backoff.next_s())

    def _deliver(self, messages: list[Received]) -> None:
        dropped = self._inbox.put(messages)
        if dropped:
            self._metrics.dropped.inc(dropped)

    async def _route(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._places.acquire()
            batch = await self._inbox.take()
            self._metrics.waiting.set(len(self._inbox))
            routed = await in_thread(lambda batch=batch: self._router.route(batch.messages))  # type: ignore[misc]
            for verb, count in routed.verbs.items():
                self._metrics.messages.labels(verb).inc(count)
            self._metrics.unknown_device.inc(routed.unknown_devices)
            write = tasks.create_task(self._committer.write(routed))
            self._writing.put_nowait((batch, routed, write))

    async def _finish(self) -> None:
        """Writes end in any order; alarms are judged, and acknowledgements sent, in the order of arrival."""
        while True:
            batch, routed, write = await self._writing.get()
            written = await write
            await self._committer.finish(routed, written)
            self._inbox.done(batch, written.seconds)
            self._places.release()
            for stored in routed.stored:
                self._acks.add(stored)
                self._since.setdefault(stored.place, batch.arrived_s)
            if self._session is not None:
                self._send_acks(self._session, only_full=True)
            if self._acks:
                self._acks_wait.set()

    async def _acknowledge(self) -> None:
        while True:
            await self._acks_wait.wait()
            await asyncio.sleep(ACK_WINDOW_S)
            self._acks_wait.clear()
            if self._session is not None:
                self._send_acks(self._session)

    def _send_acks(self, session: Session, *, only_full: bool = False) -> None:
        now_ms = self._clock.now_ms()
        for topic, ack in self._acks.take(only_full=only_full):
            try:
                session.publish(str(topic), ack_payload(ack, now_ms))
            except LinkError:
                return  # what was not sent is asked for again: gateways repeat unacknowledged batches
            since_s = self._since.pop((topic.area, topic.gateway), None)
            if since_s is not None:
                self._metrics.lag.observe(topic.gateway, time.monotonic() - since_s)
            self._metrics.acknowledged.inc(sum(last - first + 1 for first, last in ack.ranges))
