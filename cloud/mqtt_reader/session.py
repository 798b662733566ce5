"""One connection of the lean reader, on asyncio's transports."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from telemetry import mqtt_packets as packets
from telemetry.errors import LinkError
from telemetry.mqtt import CONNECT_TIMEOUT_S, Broker, tls_context
from telemetry.mqtt_packets import Arrived, ConnAck, Control, Disconnect, Parsed, Parser, SubAck

MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
"""What waits for a broker that does not read; past it nothing is taken for sending."""
_SUBSCRIPTION: Final = 1
_NOT_RETRYABLE: Final = frozenset({4, 5, 0x86, 0x87, 0x8A})
_REASONS: Final = {
    1: "unacceptable protocol version",
    2: "client id refused",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x84: "unsupported protocol version",
    0x85: "client id refused",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x8F: "topic filter invalid",
    0x9E: "shared subscriptions not supported",
}

_log = logging.getLogger(__name__)


class MqttSession(asyncio.Protocol):
    """A subscriber's connection; made by `open_session`."""

    def __init__(self, broker: Broker, deliver: Callable[[Sequence[Arrived]], None]) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._broker = broker
        self._deliver = deliver
        self._parser = Parser(broker.protocol)
        self._transport: asyncio.Transport | None = None
        self._keep_alive_s = float(broker.keep_alive_s)
        self._heard_at = loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._connected: asyncio.Future[None] = loop.create_future()
        self._subscribed: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        """Done when the connection has ended, with the reason."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message (QoS 0) to the connection; nothing is promised beyond that.

        Raises:
            LinkError: the connection is gone, or the broker has not read for long.
        """
        if self._transport is None or self.lost.done():
            raise LinkError("the connection to the broker is gone: message not sent")
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            raise LinkError("the broker does not read what it is sent: message not sent")
        self._transport.write(packets.publish(topic, payload, self._broker.protocol))

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe with QoS 0 and wait for the answer. Raises LinkError."""
        assert self._transport is not None
        self._transport.write(packets.subscribe(_SUBSCRIPTION, filters, self._broker.protocol))
        await self.answered(self._subscribed, f"the subscription of {', '.join(filters)}")

    async def stand(self, client_id: str) -> None:
        """Log in and wait until the broker has accepted. Raises LinkError."""
        broker = self._broker
        assert self._transport is not None
        self._transport.write(
            packets.connect(client_id, broker.protocol, broker.keep_alive_s, broker.username, broker.password)
        )
        await self.answered(self._connected, "CONNECT")
        self._ping_later()

    async def answered(self, answer: asyncio.Future[None], what: str) -> None:
        """Wait for `answer`. Raises LinkError where it does not come in time."""
        either: set[asyncio.Future[None] | asyncio.Future[str]] = {answer, self.lost}
        await asyncio.wait(either, timeout=CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            answer.result()
        elif self.lost.done():
            raise LinkError(f"broker {self._broker.url}: connection lost at {what}: {self.lost.result()}")
        else:
            raise LinkError(f"broker {self._broker.url} does not answer {what}")

    def close(self) -> None:
        """End the connection, with a good-bye where it still stands."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None and not self.lost.done():
            self._transport.write(packets.disconnect())
            self._transport.close()
        self._end("closed by us")
        for each in (self._connected, self._subscribed):
            each.cancel()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket stands."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._heard_at = self._loop.time()
        try:
            parsed = self._parser.feed(data)
        except packets.PacketError as error:
            _log.warning("broker-sends-no-mqtt", extra={"broker": self._broker.url, "cause": str(error)})
            self._abort(str(error))
            return
        if parsed.arrived and not self.lost.done():
            self._deliver(parsed.arrived)
        if parsed.control or parsed.to_acknowledge or parsed.bad_topics:
            self._attend(parsed)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._end("the broker closed the connection" if exc is None else str(exc))

    def _attend(self, parsed: Parsed) -> None:
        assert self._transport is not None
        if parsed.to_acknowledge:
            self._transport.write(b"".join(map(packets.puback, parsed.to_acknowledge)))
        if parsed.bad_topics:
            _log.warning(
                "topic-is-no-text", extra={"broker": self._broker.url, "messages": parsed.bad_topics}
            )
        for control in parsed.control:
            self._answer(control)

    def _answer(self, control: Control) -> None:
        if isinstance(control, ConnAck) and not self._connected.done():
            if control.reason:
                self._connected.set_exception(
                    LinkError(
                        f"broker {self._broker.url} refuses the connection: {_reason(control.reason)}",
                        retryable=control.reason not in _NOT_RETRYABLE,
                    )
                )
                return
            if control.keep_alive_s is not None:
                self._keep_alive_s = float(control.keep_alive_s)
            self._connected.set_result(None)
        elif isinstance(control, SubAck) and not self._subscribed.done():
            refused = [_reason(reason) for reason in control.reasons if reason >= 0x80]
            if refused:
                text = f"broker {self._broker.url} refuses a subscription: {', '.join(refused)}"
                self._subscribed.set_exception(LinkError(text))
            else:
                self._subscribed.set_result(None)
        elif isinstance(control, Disconnect):
            self._abort(f"the broker says good-bye: {_reason(control.reason)}")

    def _ping_later(self) -> None:
        if self._keep_alive_s and not self.lost.done():
            self._timer = self._loop.call_later(self._keep_alive_s / 2, self._ping)

    def _ping(self) -> None:
        if self._transport is None or self.lost.done():
            return
        if self._loop.time() - self._heard_at > 1.5 * self._keep_alive_s:
            self._abort(f"the broker was silent for {1.5 * self._keep_alive_s:g} s")
            return
        self._transport.write(packets.pingreq())
        self._ping_later()

    def _abort(self, reason: str) -> None:
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    def _end(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)


@contextlib.asynccontextmanager
async def open_session(
    broker: Broker,
    client_id: str,
    filters: Sequence[str],
    deliver: Callable[[Sequence[Arrived]], None],
) -> AsyncIterator[MqttSession]:
    """Connect to `broker` with a clean session and subscribe `filters` with QoS 0; close at the end.

    `deliver` gets what arrives, in the event loop and in the order of arrival; it must not block.

    Raises:
        LinkError: the broker cannot be reached, refuses, or does not answer in time.
    """
    context = tls_context(broker) if broker.uses_tls else None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, session = await loop.create_connection(
                lambda: MqttSession(broker, deliver),
                broker.host,
                broker.port,
                ssl=context,
                server_hostname=broker.host if context is not None else None,
            )
    except (TimeoutError, OSError, ssl.SSLError) as error:
        raise LinkError(
            f"broker {broker.url} cannot be reached: {error or 'no answer'}. Check address, port and network."
        ) from error
    try:
        await session.stand(client_id)
        await session.subscribe(filters)
        yield session
    finally:
        session.close()


def _reason(code: int) -> str:
    return _REASONS.get(code, f"reason {code}")
