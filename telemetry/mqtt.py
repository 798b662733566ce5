"""One MQTT connection over paho, as asyncio sees it.

A `Link` lives from CONNECT to the loss of the connection and is then thrown away: a Sparkplug session needs a
new will with a new `bdSeq` for each CONNECT, so paho's own reconnecting would break the standard. Who owns a
session makes the next link, with its own back-off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from telemetry.errors import LinkError
from telemetry.tls_time import judge_by

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 10.0
DISCONNECT_TIMEOUT_S: Final = 2.0
CLOCKS_AGREE_MS: Final = 60_000
"""Where the machine's clock is right within this, TLS judges by it as everywhere."""
_DISCONNECT_WITH_WILL: Final = 0x04


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and how to log in."""

    url: str
    """`mqtt://host:port` or `mqtts://host:port`."""
    protocol: int = 5
    """5, or 4 for MQTT 3.1.1."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keep_alive_s: int = 60
    now_ms: Callable[[], int] | None = field(default=None, repr=False, compare=False)
    """Judges certificates where the machine's clock may be wrong: UTC milliseconds, or the earliest."""

    @property
    def host(self) -> str:
        """Host name or address."""
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int:
        """TCP port; 1883, or 8883 with TLS, where the URL names none."""
        return urlsplit(self.url).port or (8883 if self.uses_tls else 1883)

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted. There is no falling back to plain text."""
        return urlsplit(self.url).scheme == "mqtts"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that arrived."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expires_in_s: int | None = None
    """What is left of its life, as the broker says (MQTT 5); None where it has no end."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes when the connection dies."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


class Link:
    """One connection. Use as `async with open_link(...) as link`; iterate `link.messages()`.

    Arriving messages wait in a queue of at most `queue_size`; past that the newest are dropped and counted in
    `dropped`: whoever reads must keep up or rely on acknowledgement.
    """

    def __init__(self, client: paho.Client, loop: asyncio.AbstractEventLoop, queue_size: int) -> None:
        self._client = client
        self._loop = loop
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(queue_size + 1)
        self._queue_size = queue_size
        self._connected: asyncio.Future[None] = loop.create_future()
        self._subscribed: dict[int, asyncio.Future[None]] = {}
        self._published: dict[int, asyncio.Future[None]] = {}
        self.lost: asyncio.Future[str] = loop.create_future()
        """Done when the connection has ended, with the reason."""
        self.dropped = 0

    @property
    def is_up(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return self._connected.done() and self._connected.exception() is None and not self.lost.done()

    def publish(
        self,
        topic: str,
        payload: bytes | str,
        *,
        qos: int = 0,
        retain: bool = False,
        expires_in_s: int | None = None,
    ) -> int:
        """Hand a message to the connection; nothing is promised beyond that. Returns its message id.

        A broker of MQTT 5 forgets it after `expires_in_s`, and tells receivers what is left.

        Raises:
            LinkError: the connection is gone.
        """
        if not self.is_up:
            raise LinkError("the connection to the broker is gone: message not sent")
        properties: Properties | None = None
        if expires_in_s is not None and self._client.protocol == paho.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expires_in_s
        info = self._client.publish(topic, payload, qos, retain, properties)
        if info.rc not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_QUEUE_SIZE):
            raise LinkError(f"publish to {topic}: {paho.error_string(info.rc)}")
        return info.mid

    async def publish_confirmed(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False, timeout_s: float = 10
    ) -> None:
        """Publish, and wait until the broker has it (qos 1 or 2) or it is written to the socket (qos 0).

        Raises:
            LinkError: it did not happen within `timeout_s`.
        """
        done = self._loop.create_future()
        mid = self.publish(topic, payload, qos=qos, retain=retain)
        # paho may have called on_publish in its thread already; that callback is queued behind this line.
        self._published[mid] = done
        await self._wait(done, timeout_s, f"no confirmation for {topic}")

    async def subscribe(
        self, *filters: str, qos: int = 0, retain_as_published: bool = False, timeout_s: float = 10
    ) -> None:
        """Subscribe and wait for the broker's answer.

        Raises:
            LinkError: the broker refuses a filter, or does not answer.
        """
        if self._client.protocol == paho.MQTTv5:
            options = SubscribeOptions(qos=qos, retainAsPublished=retain_as_published)
            topics: Any = [(each, options) for each in filters]
        else:
            topics = [(each, qos) for each in filters]
        result, mid = self._client.subscribe(topics)
        if result != paho.MQTT_ERR_SUCCESS or mid is None:
            raise LinkError(f"subscribe to {', '.join(filters)}: {paho.error_string(result)}")
        done = self._loop.create_future()
        self._subscribed[mid] = done
        await self._wait(done, timeout_s, f"no answer to the subscription of {', '.join(filters)}")

    async def messages(self) -> AsyncIterator[Message]:
        """Messages as they arrive, until the connection ends."""
        while True:
            message = await self._messages.get()
            if message is None:
                return
            yield message

    async def close(self, *, with_will: bool = False) -> None:
        """End the connection. `with_will` (MQTT 5) lets the broker publish the will all the same."""
        if with_will and self._client.protocol == paho.MQTTv5:
            self._client.disconnect(
                reasoncode=ReasonCode(PacketTypes.DISCONNECT, identifier=_DISCONNECT_WITH_WILL)
            )
        else:
            self._client.disconnect()
        await asyncio.wait({self.lost}, timeout=DISCONNECT_TIMEOUT_S)
        self._end("closed by us")
        await asyncio.to_thread(self._client.loop_stop)

    async def _wait(self, done: asyncio.Future[None], timeout_s: float, what: str) -> None:
        either: set[asyncio.Future[Any]] = {done, self.lost}
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            done.result()
        elif self.lost.done():
            raise LinkError(f"{what}: connection lost: {self.lost.result()}")
        else:
            raise LinkError(f"{what} within {timeout_s:g} s")

    # The callbacks below run in paho's thread and only pass the event on to the loop.

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may be closed already at the end of the process
            self._loop.call_soon_threadsafe(function, *arguments)

    def _on_connect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._call(self._connect_answered, reason)

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._call(self._end, str(reason))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # Not every broker checks topics; an exception here would end paho's thread without a word.
            logger.warning("topic-is-no-text", extra={"bytes": len(message.payload)})
            return
        left_s = getattr(message.properties, "MessageExpiryInterval", None)
        self._call(
            self._arrived,
            Message(topic, bytes(message.payload), message.qos, bool(message.retain), left_s),
        )

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[ReasonCode], _p: Any) -> None:
        self._call(self._subscription_answered, mid, reasons)

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        self._call(self._publish_answered, mid, reason)

    def _connect_answered(self, reason: ReasonCode) -> None:
        if self._connected.done():
            return
        if reason.is_failure:
            retryable = str(reason) not in ("Not authorized", "Bad user name or password", "Banned")
            self._connected.set_exception(
                LinkError(f"the broker refuses the connection: {reason}", retryable=retryable)
            )
        else:
            self._connected.set_result(None)

    def _end(self, reason: str) -> None:
        if not self._connected.done():
            self._connected.set_exception(LinkError(f"connection ended before it stood: {reason}"))
        if not self.lost.done():
            self.lost.set_result(reason)
            self._messages.put_nowait(None)

    def _arrived(self, message: Message) -> None:
        if self.lost.done():
            return
        if self._messages.qsize() >= self._queue_size:
            self.dropped += 1
        else:
            self._messages.put_nowait(message)

    def _subscription_answered(self, mid: int, reasons: list[ReasonCode]) -> None:
        done = self._subscribed.pop(mid, None)
        if done is None or done.done():
            return
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            done.set_exception(LinkError(f"the broker refuses a subscription: {', '.join(refused)}"))
        else:
            done.set_result(None)

    def _publish_answered(self, mid: int, reason: ReasonCode) -> None:
        done = self._published.pop(mid, None)
        if done is None or done.done():
            return
        if reason is not None and reason.is_failure:
            done.set_exception(LinkError(f"the broker refuses a message: {reason}"))
        else:
            done.set_result(None)


@contextlib.asynccontextmanager
async def open_link(
    broker: Broker, client_id: str, *, will: Will | None = None, queue_size: int = 10_000
) -> AsyncIterator[Link]:
    """Connect to `broker` with a clean session; close at the end, unless the connection is gone by then.

    Raises:
        LinkError: the broker cannot be reached or refuses.
    """
    is_v5 = broker.protocol == 5
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311,
        reconnect_on_failure=False,
        clean_session=None if is_v5 else True,
    )
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.uses_tls:
        client.tls_set_context(tls_context(broker))
    if will is not None:
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    link = Link(client, asyncio.get_running_loop(), queue_size)
    client.on_connect = link._on_connect  # noqa: SLF001, one class in two halves
    client.on_disconnect = link._on_disconnect  # noqa: SLF001
    client.on_message = link._on_message  # noqa: SLF001
    client.on_subscribe = link._on_subscribe  # noqa: SLF001
    client.on_publish = link._on_publish  # noqa: SLF001
    client.on_socket_open = _send_at_once
    options: dict[str, Any] = {}
    if is_v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        options = {"clean_start": True, "properties": properties}
    try:
        # asyncio.timeout, for asyncio.wait_for of Python 3.11 may swallow a cancellation
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.to_thread(client.connect, broker.host, broker.port, broker.keep_alive_s, **options)
    except (TimeoutError, OSError, ValueError) as error:
        raise LinkError(
            f"broker {broker.url} cannot be reached: {error or 'no answer'}. "
            "Check address, port and network (kega edge config check)."
        ) from error
    client.loop_start()
    try:
        await _stand(link, broker)
        yield link
    finally:
        if link.is_up:
            await link.close()
        else:
            await asyncio.to_thread(client.loop_stop)


def _send_at_once(_client: paho.Client, _data: Any, plug: Any) -> None:
    """Let no message wait for the acknowledgement of the one before it, which may take 40 ms (Nagle)."""
    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _stand(link: Link, broker: Broker) -> None:
    """Return when the broker has accepted the connection."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.shield(link._connected)  # noqa: SLF001, one class in two halves
    except TimeoutError:
        raise LinkError(f"broker {broker.url} accepts the connection but does not answer CONNECT") from None
    except LinkError as error:
        raise LinkError(f"broker {broker.url}: {error}", retryable=error.retryable) from None


def tls_context(broker: Broker) -> ssl.SSLContext:
    """How to encrypt the connection to `broker`, whose name and certificate are always checked.

    Raises:
        LinkError: one of its files cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=None if broker.ca_file is None else str(broker.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if broker.cert_file is not None:
            context.load_cert_chain(broker.cert_file, broker.key_file)
        if broker.now_ms is not None and abs(broker.now_ms() - time.time() * 1000) > CLOCKS_AGREE_MS:
            judge_by(context, broker.now_ms)
    except (OSError, ssl.SSLError) as error:
        raise LinkError(f"TLS files for {broker.url} cannot be used: {error}", retryable=False) from error
    return context
