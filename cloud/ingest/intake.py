"""Where messages come from: one connection to a broker, whichever protocol it speaks.

`MqttIntake` is the ordinary one (our own reader, `cloud.mqtt_reader`); `PahoIntake` does the same through
paho, for brokers that the reader does not understand, at several times the cost; `cloud.ingest.nats` joins a
queue group of a NATS cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from cloud.ingest.routing import Received, receive
from cloud.mqtt_reader.session import open_session
from telemetry.mqtt import Broker, open_link
from telemetry.sparkplug.topics import NAMESPACE, Verb

Deliver: TypeAlias = Callable[[list[Received]], None]
"""Takes what has arrived, in the event loop; must not block."""

_PAHO_QUEUE: Final = 5000


class Session(Protocol):
    """One connection, subscribed."""

    @property
    def lost(self) -> asyncio.Future[str]:
        """Done when the connection has ended, with the reason."""
        ...

    def publish(self, topic: str, payload: bytes) -> object:
        """Hand a message to the connection; nothing is promised. Raises LinkError when it is gone."""
        ...


class Intake(Protocol):
    """A way to connect."""

    @property
    def url(self) -> str:
        """Whom to, for logs."""
        ...

    def connect(self, deliver: Deliver) -> AbstractAsyncContextManager[Session]:
        """Connect and subscribe. Raises LinkError."""
        ...


def filters(share: str | None) -> tuple[str, str]:
    """What a worker subscribes: data, shared with others, and all births, so that each knows the devices."""
    shared = f"$share/{share}/" if share else ""
    return (
        f"{NAMESPACE}/+/{Verb.DBIRTH.value}/+/+",
        f"{shared}{NAMESPACE}/+/{Verb.DDATA.value}/+/+",
    )


@dataclass(frozen=True, slots=True)
class MqttIntake:
    """MQTT through our own reader."""

    broker: Broker
    client_id: str
    share: str | None = None

    @property
    def url(self) -> str:
        """The broker's."""
        return self.broker.url

    def connect(self, deliver: Deliver) -> AbstractAsyncContextManager[Session]:
        """See the protocol."""
        return open_session(
            self.broker,
            self.client_id,
            filters(self.share),
            lambda arrived: deliver([receive(*each) for each in arrived]),
        )


@dataclass(frozen=True, slots=True)
class PahoIntake:
    """MQTT through paho."""

    broker: Broker
    client_id: str
    share: str | None = None

    @property
    def url(self) -> str:
        """The broker's."""
        return self.broker.url

    @contextlib.asynccontextmanager
    async def connect(self, deliver: Deliver) -> AsyncIterator[Session]:
        """See the protocol."""
        async with open_link(self.broker, self.client_id, queue_size=_PAHO_QUEUE) as link:
            await link.subscribe(*filters(self.share))

            async def pass_on() -> None:
                async for message in link.messages():
                    deliver([receive(message.topic, message.payload)])

            passing = asyncio.create_task(pass_on())
            try:
                yield link
            finally:
                passing.cancel()
                await asyncio.wait({passing})


class InTurn:
    """Several nodes of one cluster: each connection is made to the next one."""

    def __init__(self, intakes: Sequence[Intake]) -> None:
        self._intakes = deque(intakes)
        self._used = intakes[0]

    @property
    def url(self) -> str:
        """Of the node used last."""
        return self._used.url

    def connect(self, deliver: Deliver) -> AbstractAsyncContextManager[Session]:
        """See the protocol."""
        self._used = self._intakes[0]
        self._intakes.rotate(-1)
        return self._used.connect(deliver)
