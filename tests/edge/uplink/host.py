"""A scripted host: hears everything, acknowledges and sends what a test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from telemetry.mqtt import Broker, Link, open_link
from telemetry.sparkplug.ack import ACK_METRIC, make_ack, parse_batch_id
from telemetry.sparkplug.metrics import REBIRTH
from telemetry.sparkplug.payload import DataType, Metric, Payload, decode, encode
from telemetry.sparkplug.topics import Topic, Verb, parse_topic

AREA = "p060"
GATEWAY = "eg-0001"


@dataclass
class Heard:
    """One message of the gateway."""

    topic: Topic
    payload: Payload
    qos: int

    @property
    def is_historical(self) -> bool:
        return bool(self.payload.metrics) and all(m.is_historical for m in self.payload.metrics)


@dataclass
class Host:
    """Everything heard, in order; `acks` decides which batches are acknowledged at once."""

    link: Link
    acks: bool = True
    heard: list[Heard] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async for message in self.link.messages():
            topic = parse_topic(message.topic)
            if not isinstance(topic, Topic) or topic.verb in (Verb.NCMD, Verb.DCMD):
                continue
            heard = Heard(topic, decode(message.payload), message.qos)
            self.heard.append(heard)
            batch = parse_batch_id(heard.payload.uuid)
            if self.acks and batch is not None:
                self.acknowledge(batch.epoch, [batch.number])
            self._news.set()

    def acknowledge(self, epoch: str, numbers: list[int]) -> None:
        self.tell_node(Metric(ACK_METRIC, DataType.STRING, str(make_ack(epoch, numbers)), 1))

    def ask_rebirth(self) -> None:
        self.tell_node(Metric(REBIRTH, DataType.BOOLEAN, True))

    def tell_node(self, metric: Metric) -> None:
        payload = encode(Payload(int(time.time() * 1000), (metric,)))
        self.link.publish(str(Topic(AREA, Verb.NCMD, GATEWAY)), payload)

    def tell_device(self, device: str, *metrics: Metric) -> None:
        payload = encode(Payload(int(time.time() * 1000), metrics))
        self.link.publish(str(Topic(AREA, Verb.DCMD, GATEWAY, device)), payload)

    def of(self, verb: Verb, device: str | None = None) -> list[Heard]:
        return [
            each
            for each in self.heard
            if each.topic.verb is verb and (device is None or each.topic.device == device)
        ]

    def batches(self) -> set[int]:
        """Numbers of all batches heard."""
        found = (parse_batch_id(each.payload.uuid) for each in self.heard)
        return {batch.number for batch in found if batch is not None}

    async def until(self, ready: Callable[[], bool], what: str, timeout_s: float = 15) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            self._news.clear()
            left = deadline - time.monotonic()
            if left <= 0:
                seen = [f"{each.topic.verb} {each.topic.device or ''}" for each in self.heard[-20:]]
                raise AssertionError(f"{what}: not within {timeout_s:g} s; last heard: {seen}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left, 0.05))


@contextlib.asynccontextmanager
async def host_on(broker: Broker, *, acks: bool = True) -> AsyncIterator[Host]:
    """A host connected to `broker`."""
    async with open_link(broker, f"host-{time.monotonic_ns()}") as link:
        host = Host(link, acks)
        await link.subscribe("spBv1.0/#", qos=1)
        listening = asyncio.create_task(host.listen())
        try:
            yield host
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
