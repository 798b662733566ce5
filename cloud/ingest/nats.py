"""Ingest as a queue group of a NATS cluster, behind whose MQTT listener the gateways are.

A NATS server carries MQTT topics as subjects: levels are parted by dots, and a dot is written as two slashes.
Workers of one queue group share the data; births go to all of them. What a worker publishes on a subject
reaches the gateway that has subscribed the topic.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import nats
import nats.errors

from cloud.ingest.intake import Deliver, Session, filters
from cloud.ingest.routing import Received, receive
from telemetry.errors import LinkError
from telemetry.mqtt import CONNECT_TIMEOUT_S, Broker, tls_context
from telemetry.sparkplug.topics import Verb

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

MAX_UNSENT: Final = 10_000
"""Messages that wait for the server; past it nothing is taken for sending."""
_PENDING_MESSAGES: Final = 20_000
_PENDING_BYTES: Final = 16 * 1024 * 1024
_DOT: Final = "//"


def subject_of(topic: str) -> str:
    """The subject that carries an MQTT topic or filter."""
    return ".".join(level.replace(".", _DOT) for level in topic.split("/"))


def topic_of(subject: str) -> str:
    """The MQTT topic that a subject carries."""
    return "/".join(level.replace(_DOT, ".") for level in subject.split("."))


class NatsSession:
    """One connection to the cluster, subscribed; made by `NatsIntake`."""

    def __init__(self, client: Client, url: str, lost: asyncio.Future[str]) -> None:
        self._client = client
        self._url = url
        self._unsent: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_UNSENT)
        self.lost = lost
        """Done when the connection has ended, with the reason."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message to the connection; nothing is promised beyond that.

        Raises:
            LinkError: the connection is gone, or too much waits for it.
        """
        if self.lost.done():
            raise LinkError("the connection to NATS is gone: message not sent")
        try:
            self._unsent.put_nowait((subject_of(topic), payload))
        except asyncio.QueueFull:
            raise LinkError("the NATS server does not take what it is sent: message not sent") from None

    async def send(self) -> None:
        """Send what is handed over, until cancelled or the connection ends."""
        while True:
            subject, payload = await self._unsent.get()
            try:
                await self._client.publish(subject, payload)
            except nats.errors.Error as error:
                if not self.lost.done():
                    self.lost.set_result(f"NATS refuses a message: {error}")
                return


@dataclass(frozen=True, slots=True)
class NatsIntake:
    """A place in a queue group."""

    urls: tuple[str, ...]
    group: str
    broker: Broker
    """Whose login and TLS files serve for NATS too."""

    @property
    def url(self) -> str:
        """The cluster's, for logs."""
        return ",".join(self.urls)

    @contextlib.asynccontextmanager
    async def connect(self, deliver: Deliver) -> AsyncIterator[Session]:
        """Connect to any server of the cluster and join the group.

        Raises:
            LinkError: none can be reached, or it refuses.
        """
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[str] = loop.create_future()
        client = await self._client(lost)
        arrived: list[Received] = []

        def pass_on() -> None:
            messages = arrived.copy()
            arrived.clear()
            deliver(messages)

        async def take(message: Msg) -> None:
            if not arrived:
                loop.call_soon(pass_on)
            arrived.append(receive(topic_of(message.subject), message.data))

        try:
            session = NatsSession(client, self.url, lost)
            for each in filters(None):
                group = self.group if f"/{Verb.DDATA.value}/" in each else ""
                await client.subscribe(
                    subject_of(each).replace("+", "*"),
                    queue=group,
                    cb=take,
                    pending_msgs_limit=_PENDING_MESSAGES,
                    pending_bytes_limit=_PENDING_BYTES,
                )
            await client.flush(timeout=round(CONNECT_TIMEOUT_S))
            sending = asyncio.create_task(session.send())
            try:
                yield session
            finally:
                sending.cancel()
                await asyncio.wait({sending})
        except nats.errors.Error as error:
            raise LinkError(f"NATS {self.url}: {error}") from error
        finally:
            with contextlib.suppress(nats.errors.Error, OSError):
                await client.close()

    async def _client(self, lost: asyncio.Future[str]) -> Client:
        async def ended() -> None:
            if not lost.done():
                lost.set_result("NATS closed the connection")

        async def failed(error: Exception) -> None:
            if not lost.done():
                lost.set_result(f"NATS: {error}")

        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await nats.connect(
                    list(self.urls),
                    # whoever owns the session makes the next one, with its own pauses
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    disconnected_cb=ended,
                    closed_cb=ended,
                    error_cb=failed,
                    ping_interval=20,
                    user=self.broker.username,
                    password=self.broker.password,
                    tls=tls_context(self.broker) if self.url.startswith("tls") else None,
                )
        except (nats.errors.Error, OSError, TimeoutError, ssl.SSLError) as error:
            raise LinkError(
                f"NATS {self.url} cannot be reached: {error or 'no answer'}. "
                "Check `ingest.nats_url`, port and network."
            ) from error
