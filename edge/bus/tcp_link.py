"""Modbus TCP by our own protocol class: a third of a general client's cost, and several requests under way.

Every answer carries its request's transaction number, so a late one is never taken for another's; it is even
worth something, because it tells that a unit given up as silent is only slow.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.bus.link import LateAnswer, Reply
from edge.config import TcpBusConfig
from edge.drivers.modbus.frames import Frame, Framing, Request, wrap
from edge.errors import GATEWAY_EXCEPTIONS, BusClosed, BusTimeout

CONNECT_TIMEOUT_S: Final = 5.0
_HEADER: Final = struct.Struct(">HHHB")
_LONGEST: Final = 254
"""What the header's length may say at most: unit and PDU."""
_REMEMBERED: Final = 64
"""Requests given up whose late answers are still known; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    frame: Frame
    received: bytes
    at: float


class TcpLink:
    """One connection; as many requests under way as the caller starts."""

    framing = Framing.MBAP

    def __init__(self, config: TcpBusConfig, on_late: LateAnswer | None = None) -> None:
        self._config = config
        self._on_late = on_late
        self._connection: _Connection | None = None
        self._transaction = 0
        self._given_up: dict[int, tuple[int, float]] = {}
        """Transaction → unit and start."""

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._connection is not None and self._connection.is_open

    async def open(self) -> None:
        """Open the connection. Raises `BusClosed`."""
        self.close()
        place, loop = self._config.place, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, self._connection = await loop.create_connection(
                    lambda: _Connection(place, self._unasked), self._config.host, self._config.port
                )
        except TimeoutError:
            raise BusClosed(f"{place}: cannot connect: no answer within {CONNECT_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise BusClosed(f"{place}: cannot connect: {error.strerror or error}") from error

    def close(self) -> None:
        """Close it; nothing happens where it is closed."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._given_up.clear()

    async def ask(self, request: Request, timeout_s: float) -> Reply:
        """Send a request and wait for the frame with its number; see `ModbusLink.ask`."""
        connection = self._connection
        if connection is None or not connection.is_open:
            raise BusClosed(f"{self._config.place}: not connected")
        transaction = self._transaction = self._transaction + 1 & 0xFFFF
        sent = wrap(request.unit, request.pdu, Framing.MBAP, transaction)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Arrival | None] = loop.create_future()
        started = loop.time()
        timer = loop.call_later(timeout_s, _give_up, answer)
        connection.asked[transaction] = answer
        try:
            connection.send(sent)
            arrival = await answer
        finally:
            timer.cancel()
            connection.asked.pop(transaction, None)
        if arrival is None:
            self._remember(transaction, request.unit, started)
            raise BusTimeout(f"{request}: no answer within {timeout_s:.3g} s")
        return Reply(arrival.frame, sent, arrival.received, started, arrival.at)

    def overheard(self) -> list[Frame]:
        """Nothing that could be mistaken for an answer."""
        return []

    async def drain(self, quiet_s: float, longest_s: float) -> bool:
        """Nothing to throw away: transaction numbers tell answers apart."""
        return False

    def _remember(self, transaction: int, unit: int, started: float) -> None:
        self._given_up[transaction] = (unit, started)
        if len(self._given_up) > _REMEMBERED:
            del self._given_up[next(iter(self._given_up))]

    def _unasked(self, frame: Frame) -> None:
        """An answer that nobody waits for: a late one, or none at all."""
        unit, started = self._given_up.pop(frame.transaction or 0, (None, 0.0))
        if unit == frame.unit and self._on_late is not None:
            is_own = not (frame.pdu[0] & 0x80 and frame.pdu[1] in GATEWAY_EXCEPTIONS)
            self._on_late(unit, asyncio.get_running_loop().time() - started, is_own)


def _give_up(answer: asyncio.Future[_Arrival | None]) -> None:
    if not answer.done():
        answer.set_result(None)


class _Connection(asyncio.Protocol):
    """Cuts the stream into frames and gives each to whoever waits for its number."""

    def __init__(self, place: str, unasked: Callable[[Frame], None]) -> None:
        self.asked: dict[int, asyncio.Future[_Arrival | None]] = {}
        self.is_open = False
        self._place = place
        self._unasked = unasked
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True
        plug: socket.socket = transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        cause = f": {exc}" if exc is not None else ""
        for answer in self.asked.values():
            if not answer.done():
                answer.set_exception(BusClosed(f"{self._place}: the connection was lost{cause}"))

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._pending:
            data = self._pending + data
        while len(data) >= _HEADER.size:
            transaction, protocol, length, unit = _HEADER.unpack_from(data)
            if protocol or not 2 < length <= _LONGEST:
                # no frame begins here, and where the next one would is not known
                self._pending = b""
                self.close()
                return
            size = 6 + length
            if len(data) < size:
                break
            answer = self.asked.get(transaction)
            received = data[:size]
            frame = Frame(unit, received[_HEADER.size :], transaction)
            if answer is None or answer.done():
                self._unasked(frame)
            else:
                answer.set_result(_Arrival(frame, received, self._loop.time()))
            data = data[size:]
        self._pending = data
