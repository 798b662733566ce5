"""One MQTT connection of a load, on asyncio's transports: as little as ten thousand of them allow."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from telemetry import mqtt_packets as packets
from telemetry.errors import LinkError
from telemetry.mqtt import Broker, tls_context
from telemetry.mqtt_packets import ConnAck, Disconnect, LastWord, PacketError, Parser, SubAck

ANSWER_S: Final = 30.0
"""A broker that takes in thousands at once answers late, but within this time."""
_SUBSCRIPTION: Final = 1


class Wire(asyncio.Protocol):
    """A connection; made by `open_wire`."""

    def __init__(self, broker: Broker, heard: Callable[[str, bytes], None]) -> None:
        self._broker = broker
        self._heard = heard
        self._parser = Parser(broker.protocol)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard_s = self._loop.time()
        self.is_blocked = False
        """The broker does not read: what is written now only fills memory."""
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Done when the connection has ended, with the reason."""

    async def stand(self, client_id: str, will: LastWord, filters: Sequence[str], qos: int) -> None:
        """Log in and subscribe. Raises LinkError."""
        broker = self._broker
        hello = packets.connect(
            client_id, broker.protocol, broker.keep_alive_s, broker.username, broker.password, last_word=will
        )
        await self._asked(hello, "CONNECT")
        await self._asked(packets.subscribe(_SUBSCRIPTION, filters, broker.protocol, qos), "SUBSCRIBE")
        self._ping_later()

    async def _asked(self, packet: bytes, what: str) -> None:
        assert self._transport is not None
        answer = self._answer = self._loop.create_future()
        self._transport.write(packet)
        await asyncio.wait({answer, self.lost}, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        self._answer = None
        if answer.done():
            answer.result()
        elif self.lost.done():
            raise LinkError(f"broker {self._broker.url}: lost at {what}: {self.lost.result()}")
        else:
            raise LinkError(f"broker {self._broker.url} does not answer {what} within {ANSWER_S:g} s")

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Hand messages (QoS 0) to the connection; nothing is promised beyond that."""
        if self._transport is not None and not self.lost.done():
            protocol = self._broker.protocol
            data = b"".join([packets.publish(topic, payload, protocol) for topic, payload in messages])
            if data:
                self._transport.write(data)

    def close(self) -> None:
        """End the connection in order, with DISCONNECT."""
        if self._transport is not None and not self.lost.done():
            self._transport.write(packets.disconnect())
            self._transport.close()
        self._end("closed by us")

    def cut(self) -> None:
        """End the connection as a broken line does: the broker publishes the will."""
        if self._transport is not None:
            self._transport.abort()
        self._end("cut")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket stands."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def pause_writing(self) -> None:
        """The broker does not read."""
        self.is_blocked = True

    def resume_writing(self) -> None:
        """It reads again."""
        self.is_blocked = False

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._heard_s = self._loop.time()
        try:
            parsed = self._parser.feed(data)
        except PacketError as error:
            self._end(str(error))
            self.cut()
            return
        if parsed.to_acknowledge and self._transport is not None:
            self._transport.write(b"".join(map(packets.puback, parsed.to_acknowledge)))
        for control in parsed.control:
            self._take(control)
        for topic, payload, _ in parsed.arrived:
            self._heard(topic, payload)

    def _take(self, control: packets.Control) -> None:
        answer = self._answer
        if isinstance(control, ConnAck) and answer is not None and not answer.done():
            if control.reason:
                answer.set_exception(LinkError(f"the broker refuses the connection: {control.reason}"))
            else:
                answer.set_result(None)
        elif isinstance(control, SubAck) and answer is not None and not answer.done():
            if any(reason >= 0x80 for reason in control.reasons):
                answer.set_exception(LinkError(f"the broker refuses a subscription: {control.reasons}"))
            else:
                answer.set_result(None)
        elif isinstance(control, Disconnect):
            self._end(f"the broker says good-bye: {control.reason}")
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._end("the broker closed the connection" if exc is None else str(exc))

    def _ping_later(self) -> None:
        self._timer = self._loop.call_later(self._broker.keep_alive_s / 2, self._ping)

    def _ping(self) -> None:
        if self.lost.done() or self._transport is None:
            return
        if self._loop.time() - self._heard_s > 1.5 * self._broker.keep_alive_s:
            self._end("the broker is silent")
            self.cut()
            return
        self._transport.write(packets.pingreq())
        self._ping_later()

    def _end(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self.lost.done():
            self.lost.set_result(reason)


async def open_wire(broker: Broker, heard: Callable[[str, bytes], None]) -> Wire:
    """A socket to `broker`; log in with `stand`. Raises LinkError."""
    context = tls_context(broker) if broker.uses_tls else None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(ANSWER_S):
            _, wire = await loop.create_connection(
                lambda: Wire(broker, heard),
                broker.host,
                broker.port,
                ssl=context,
                server_hostname=None if context is None else broker.host,
            )
    except (TimeoutError, OSError, ssl.SSLError) as error:
        raise LinkError(f"broker {broker.url} cannot be reached: {error or 'no answer'}") from error
    return wire
