"""One connection to the broker at work: publishes what the session says, feeds it what arrives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from edge.spool.batches import Priority, SpooledBatch
from edge.spool.errors import SpoolError
from edge.spool.figures import SpoolFigures
from edge.spool.spool import Spool
from edge.uplink.budget import Budget
from edge.uplink.delivery import Delivery
from edge.uplink.inbound import (
    Acknowledged,
    ConfigurationOffered,
    DeviceCommand,
    Event,
    HostState,
    PrimaryHost,
    RebirthAsked,
    TimeTold,
    read_message,
)
from edge.uplink.session import Outgoing, Phase, Session
from edge.uplink.settings import UplinkSettings
from telemetry.clock import Clock
from telemetry.errors import LinkError
from telemetry.mqtt import Link
from telemetry.sparkplug.payload import Metric
from telemetry.sparkplug.topics import StateTopic

_LOG: Final = logging.getLogger("edge.uplink")
_TICK_S: Final = 0.2
_FIGURES_EVERY_S: Final = 1.0
_GOODBYE_S: Final = 2.0
_SEARCH_AGAIN_S: Final = 5.0
_HELD: Final = 100
"""Batches that may wait for their device's first birth; more go out from the spool, a little later."""


class Connection:
    """Lives from CONNECT to the end of the connection."""

    def __init__(
        self,
        gateway: str,
        link: Link,
        session: Session,
        spool: Spool,
        *,
        figures: SpoolFigures,
        primary: PrimaryHost | None,
        on_command: Callable[[DeviceCommand], None],
        on_configuration: Callable[[str], None],
        on_time: Callable[[str], None],
        settings: UplinkSettings,
        clock: Clock,
    ) -> None:
        self._gateway = gateway
        self._link = link
        self._session = session
        self._spool = spool
        self._figures = figures
        self._newest = figures.newest
        self._primary = primary
        self._on_command = on_command
        self._on_configuration = on_configuration
        self._on_time = on_time
        self._settings = settings
        self._clock = clock
        self._delivery = Delivery(first_s=settings.resend_first_s)
        self._budget = Budget(settings.backfill_batches_rate, settings.backfill_bytes_rate)
        self._figures_at = clock.monotonic()
        self._reported_at = clock.monotonic()
        self._reported_dropped = figures.dropped
        self._probe_at = 0.0
        self._birth_at = 0.0
        self._held: list[SpooledBatch] = []
        self._urgent: deque[int] = deque(maxlen=_HELD)
        self._searched = 0
        self._search_again_at = 0.0
        """Nothing numbered up to this waits in the spool but for what is on the way."""
        self._wake = asyncio.Event()
        self._host_gone = asyncio.Event()

    @property
    def is_online(self) -> bool:
        """Whether all births are out and data flows."""
        return self._session.phase is Phase.ONLINE

    async def serve(self, stopping: asyncio.Event) -> str:
        """Work until `stopping` is set or the primary host goes, then say goodbye; returns why it ended.

        Raises:
            LinkError: the connection is lost, or does not carry anything any more.
        """
        await self._link.subscribe(*self._session.command_filters, qos=self._settings.command_qos)
        if self._primary is None:
            self._session.begin()
        else:
            await self._link.subscribe(str(StateTopic(self._primary.host)), qos=1)
        work = [asyncio.create_task(each) for each in (self._receive(), self._send())]
        ends = [asyncio.create_task(each.wait()) for each in (stopping, self._host_gone)]
        every: list[asyncio.Task[Any]] = [*work, *ends]
        try:
            await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
            for task in work:
                if task.done():
                    task.result()
            await self._say_goodbye()
        finally:
            for task in every:
                task.cancel()
            await asyncio.gather(*every, return_exceptions=True)
        return "primary host is offline" if self._host_gone.is_set() else "stopped"

    def committed(self, batch: SpooledBatch) -> None:
        """A batch is durable: it goes out live if its device was born in this session, or in a moment."""
        self._newest = max(self._newest, batch.number)
        if self._session.awaits_birth(batch.device) and len(self._held) < _HELD:
            self._held.append(batch)
        elif not self._publish_live(batch) and batch.priority is Priority.IMPORTANT and self.is_online:
            # A command to a device that is down: whoever gave it must not wait for the spool's turn.
            self._urgent.append(batch.number)
            self._wake.set()

    def _publish_live(self, batch: SpooledBatch) -> bool:
        sent = self._publish(self._session.live(batch, self._spool.epoch, self._clock.now_ms()))
        if sent:
            self._delivery.sent_live(self._clock.monotonic())
        return sent

    def device_up(self, device: str) -> None:
        """Give birth to a device that answers, as soon as the pace of births allows."""
        self._session.device_up(device)
        self._wake.set()

    def device_down(self, device: str) -> None:
        """Let a device die that does not answer any more."""
        self._publish(self._session.device_down(device, self._clock.now_ms()))

    def tell_node(self, metrics: Iterable[Metric]) -> None:
        """Publish figures of the gateway itself; nothing where births are not out yet: they tell them."""
        self._publish(self._session.node_report(metrics, self._clock.now_ms()))

    def rebirth(self) -> None:
        """Give birth to everything again."""
        self._session.rebirth()
        self._wake.set()

    def spool_replaced(self, epoch: str) -> None:
        """The spool began a new file: numbers begin again, and births must name its epoch."""
        self._figures = replace(self._figures, epoch=epoch, newest=0)
        self._newest = 0
        self._searched = 0
        self._held.clear()
        self._urgent.clear()
        self._session.rebirth()
        self._wake.set()

    def _publish(self, messages: Iterable[Outgoing]) -> bool:
        """Hand messages to the link; whether there were any. A lost link is noticed by `serve`."""
        sent = False
        with contextlib.suppress(LinkError):
            for message in messages:
                self._link.publish(message.topic, message.payload, qos=message.qos)
                sent = True
        return sent

    async def _say_goodbye(self) -> None:
        farewell = self._session.end(self._clock.now_ms())
        with contextlib.suppress(LinkError):
            for message in farewell:
                await self._link.publish_confirmed(
                    message.topic, message.payload, qos=message.qos, timeout_s=_GOODBYE_S
                )
        await self._link.close(with_will=bool(farewell))

    # Arriving messages

    async def _receive(self) -> None:
        async for message in self._link.messages():
            for event in read_message(message.topic, message.payload, message.expires_in_s):
                self._meet(event)
        raise LinkError(f"connection lost: {self._link.lost.result()}")

    def _meet(self, event: Event) -> None:
        match event:
            case RebirthAsked():
                _LOG.info("rebirth-asked", extra={"gateway": self._gateway})
                self._session.rebirth()
                self._wake.set()
            case Acknowledged(ack):
                if ack.epoch == self._spool.epoch:
                    self._spool.acknowledge(ack)
                    self._delivery.acked(ack, self._clock.monotonic())
                    self._wake.set()
            case TimeTold(answer):
                self._on_time(answer)
            case ConfigurationOffered(envelope):
                self._on_configuration(envelope)
            case DeviceCommand():
                self._on_command(event)
            case HostState():
                self._judge(event)

    def _judge(self, state: HostState) -> None:
        verdict = None if self._primary is None else self._primary.judge(state)
        if verdict is True:
            self._session.begin()
            self._wake.set()
        elif verdict is False and self._session.phase is not Phase.CONNECTED:
            self._host_gone.set()

    # Sending

    async def _send(self) -> None:
        while True:
            await self._look_at_spool()
            if self._session.awaits_births:
                await self._give_births()
            if self.is_online:
                self._publish(self._session.end_flushes(self._clock.now_ms(), self._clock.monotonic()))
                self._report()
                await self._backfill()
                await self._probe()
            self._wake.clear()
            if not self._session.awaits_births:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._wake.wait()

    async def _look_at_spool(self) -> None:
        now = self._clock.monotonic()
        if now - self._figures_at < _FIGURES_EVERY_S:
            return
        self._figures_at = now
        if not self._spool.is_alive:
            raise SpoolError("the spool's writer has ended: the agent must be restarted")
        with contextlib.suppress(SpoolError):
            self._figures = await self._spool.figures()
            self._delivery.note_newest(now, self._figures.newest)

    async def _give_births(self) -> None:
        was_online = self.is_online
        while self._session.awaits_births:
            await self._pace_of_births()
            self._publish(self._session.next_birth(self._figures, self._clock.now_ms()))
            for batch in [each for each in self._held if not self._session.awaits_birth(each.device)]:
                self._held.remove(batch)
                self._publish_live(batch)
        if not was_online:
            self._delivery.begin(self._newest)
            self._searched = 0
            _LOG.info("births-sent", extra={"gateway": self._gateway, "epoch": self._spool.epoch})

    async def _pace_of_births(self) -> None:
        pause_s = self._birth_at - self._clock.monotonic()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        self._birth_at = self._clock.monotonic() + 1 / self._settings.births_rate

    def _report(self) -> None:
        now = self._clock.monotonic()
        is_due = now - self._reported_at >= self._settings.spool_report_every_s
        if is_due or self._figures.dropped != self._reported_dropped:
            self._reported_at = now
            self._reported_dropped = self._figures.dropped
            self._publish(self._session.node_data(self._figures, self._clock.now_ms()))

    async def _backfill(self) -> None:
        self._budget.refill(self._clock.monotonic())
        try:
            batches = await self._next_from_spool()
        except SpoolError as error:
            _LOG.warning("spool-unreadable", extra={"gateway": self._gateway, "cause": error})
            return
        for batch in batches:
            if not self._budget.batches or not self.is_online:
                return
            if self._session.needs_birth(batch):
                await self._pace_of_births()
                now = self._clock.monotonic()
                self._publish(self._session.replay_birth(batch, self._clock.now_ms(), now))
            now = self._clock.monotonic()
            if self._publish(self._session.replay(batch, self._spool.epoch, self._clock.now_ms(), now)):
                self._budget.spend(len(batch.metrics))
                self._delivery.sent(batch.number, now)

    async def _next_from_spool(self) -> list[SpooledBatch]:
        """Urgent batches, those whose attempt was in vain, then new ones, within window and budget."""
        most = self._budget.batches
        late = self._delivery.due(self._clock.monotonic())
        due = [*self._urgent, *late][: min(most, self._delivery.window)]
        self._urgent.clear()
        again = await self._spool.load(due) if due else []
        self._delivery.gone(set(due) - {batch.number for batch in again})
        room = min(most - len(again), self._delivery.room())
        ripe = self._delivery.ripe
        now = self._clock.monotonic()
        # Readings that got their time late become visible under old numbers: so one looks again now and then.
        if room <= 0 or (ripe <= self._searched and now < self._search_again_at):
            return again
        found = await self._spool.waiting(room, ripe, self._delivery.on_the_way)
        if not found:
            self._searched = ripe
            self._search_again_at = now + _SEARCH_AGAIN_S
        return again + found

    async def _probe(self) -> None:
        """After a long silence of the host, find out whether the connection still leads anywhere.

        A repeated subscription changes nothing, and the broker must answer it; a half-open link cannot.
        """
        now = self._clock.monotonic()
        if self._delivery.lag(now) < self._settings.ack_lag_s or now < self._probe_at:
            return
        self._probe_at = now + self._settings.probe_every_s
        await self._link.subscribe(
            self._session.command_filters[0],
            qos=self._settings.command_qos,
            timeout_s=self._settings.probe_timeout_s,
        )
        _LOG.warning(
            "host-does-not-acknowledge",
            extra={
                "gateway": self._gateway,
                "for_s": round(self._delivery.lag(now)),
                "depth": self._figures.depth,
                "connection": "answers",
            },
        )
