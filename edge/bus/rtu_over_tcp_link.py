"""Modbus RTU inside TCP by pymodbus, for transparent serial servers: the only file that knows it.

pymodbus connects, sends, and finds the ends of frames, whose silences TCP has lost. Time-outs, reconnecting
and the judging of answers are ours: it accepts answers of a wrong length, and late ones of other requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from edge.bus.link import Reply
from edge.config import TcpBusConfig
from edge.drivers.modbus.frames import Frame, Framing, Request, reply_in, rtu_frames
from edge.errors import BusClosed, BusMismatch, BusTimeout

CONNECT_TIMEOUT_S: Final = 5.0
_NEVER_S: Final = 3600.0
"""pymodbus's own time-out, which ours always precedes."""


class _AsIs(ModbusPDU):
    """A request whose bytes are ready."""

    def __init__(self, request: Request) -> None:
        super().__init__(dev_id=request.unit)
        self.function_code = request.function
        self._data = request.pdu[1:]

    def encode(self) -> bytes:
        """The bytes after the function code."""
        return self._data


class RtuOverTcpLink:
    """A transparent serial server with Modbus RTU behind it."""

    framing = Framing.RTU

    def __init__(self, config: TcpBusConfig) -> None:
        self._config = config
        self._client: AsyncModbusTcpClient | None = None
        self._lost: asyncio.Future[None] | None = None
        self._sent = b""
        self._received: list[bytes] = []
        self._given = b""
        self._heard_at = 0.0
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._client is not None and self._client.connected

    async def open(self) -> None:
        """Open the connection.

        Raises:
            BusClosed: it cannot be opened.
        """
        self.close()
        loop = asyncio.get_running_loop()
        self._lost = loop.create_future()
        client = AsyncModbusTcpClient(
            self._config.host,
            port=self._config.port,
            framer=FramerType.RTU,
            timeout=_NEVER_S,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._trace_packet,
            trace_connect=self._trace_connect,
        )
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connected = await client.connect()
        except TimeoutError:
            connected = False
        if not connected:
            client.close()
            raise BusClosed(f"{self._config.place}: cannot connect: refused or unreachable")
        self._client = client

    def close(self) -> None:
        """Close it; nothing happens where it is closed."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:
        if sending:
            self._sent = data
            self._received = []
            self._given = b""
        else:
            self._heard_at = asyncio.get_running_loop().time()
            # pymodbus shows its buffer, which grows until it has understood or thrown away what is in it
            if self._received and data.startswith(self._received[-1]):
                self._received[-1] = data
            else:
                self._received = [*self._received[-7:], data]
        return data

    def _trace_connect(self, connected: bool) -> None:
        if not connected and self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    async def ask(self, request: Request, timeout_s: float) -> Reply:
        """Send a request and wait for a frame; see `ModbusLink.ask`."""
        if self._client is None or self._lost is None or not self._client.connected:
            raise BusClosed(f"{self._config.place}: not connected")
        loop = asyncio.get_running_loop()
        started = loop.time()
        pending = asyncio.ensure_future(self._client.execute(False, _AsIs(request)))
        try:
            await asyncio.wait({pending, self._lost}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            ended = loop.time()
            if pending.done() and not pending.cancelled():
                return self._reply(request, pending, started, ended)
            if self._lost.done():
                self.close()
                raise BusClosed(f"{self._config.place}: the connection was lost during {request}")
            return self._overheard(request, timeout_s, started, ended)
        finally:
            pending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ModbusException):
                await pending

    def _reply(
        self, request: Request, pending: asyncio.Future[ModbusPDU], started: float, ended: float
    ) -> Reply:
        if error := pending.exception():
            if not isinstance(error, ModbusException):
                raise error
            raise BusMismatch(f"{request}: {error}") from error
        received = self._received[-1] if self._received else b""
        frame = reply_in(received, request)
        self._given = received
        return Reply(frame, self._sent, received, started, ended)

    def _overheard(self, request: Request, timeout_s: float, started: float, ended: float) -> Reply:
        """The frame that pymodbus threw away with the noise before it; or what else the bytes mean."""
        received = b"".join(self._received)
        if not received:
            raise BusTimeout(f"{request}: no answer within {timeout_s:.3g} s")
        return Reply(reply_in(received, request), self._sent, received, started, ended)

    def overheard(self) -> list[Frame]:
        """Whole frames that came since the last request and were given to nobody."""
        received = b"".join(self._received)
        return list(rtu_frames(received)) if received != self._given else []

    async def drain(self, quiet_s: float, longest_s: float) -> bool:
        """Throw away what comes until the line was quiet for `quiet_s`, at most `longest_s`."""
        loop = asyncio.get_running_loop()
        started, heard_at = loop.time(), self._heard_at
        while (now := loop.time()) < started + longest_s:
            rest = max(self._heard_at, started) + quiet_s - now
            if rest <= 0:
                break
            await asyncio.sleep(rest)
        return self._heard_at != heard_at
