"""Modbus lines: RTU over a pseudo-terminal and TCP over a socket.

pymodbus has a server too; here every byte must be ours, because lines must be able to answer late, with a
wrong checksum, or not at all while they run.
"""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Final

from simulators.errors import LineError
from simulators.wire.crc import with_crc
from simulators.wire.lines import LineFigures, Units
from simulators.wire.pty import PtyPort
from simulators.wire.rtu import RtuReceiver

TURN_AROUND_S: Final = 0.003
_BITS_PER_BYTE: Final = 11
_SILENCE_S: Final = 0.05
"""Longer than the 3.5 characters of the standard: the gateway's process may be held up between two writes."""
MAX_CONNECTIONS: Final = 32
"""More than this many masters at one TCP line are turned away."""
_HEADER: Final = struct.Struct(">HHHB")
_MAX_LENGTH: Final = 254


class RtuLine:
    """Modbus RTU over a pseudo-terminal; replies take the time that their bytes need at the line's speed."""

    def __init__(self, line_id: str, link: Path, baud: int) -> None:
        self.id = line_id
        self.units = Units()
        self.figures = LineFigures()
        self._port = PtyPort(link)
        self._byte_s = _BITS_PER_BYTE / baud
        self._receiver = RtuReceiver(_SILENCE_S + 2 * _BITS_PER_BYTE / baud)
        self._sending: set[asyncio.TimerHandle] = set()

    @property
    def address(self) -> str:
        """The path that a gateway opens."""
        return str(self._port.link)

    async def open(self) -> None:
        """Make the terminal. Raises LineError."""
        self._port.open(self._receive)

    async def close(self) -> None:
        """Take the terminal away."""
        for handle in self._sending:
            handle.cancel()
        self._port.close()

    def _receive(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for request in self._receiver.feed(data, loop.time()):
            self.figures.requests += 1
            reply = self.units.respond(request.unit_id, request.pdu)
            if reply is None:
                continue
            frame = with_crc(bytes((request.unit_id,)) + reply.pdu)
            if reply.broken:
                frame = frame[:-1] + bytes((frame[-1] ^ 0x5A,))
            travel_s = (len(request.pdu) + 3 + len(frame)) * self._byte_s
            self._send_later(frame, TURN_AROUND_S + travel_s + reply.delay_s)
        self.figures.spoilt = self._receiver.spoilt

    def _send_later(self, frame: bytes, delay_s: float) -> None:
        def send() -> None:
            self._sending.discard(handle)
            self._port.write(frame)
            self.figures.replies += 1

        handle = asyncio.get_running_loop().call_later(delay_s, send)
        self._sending.add(handle)


class TcpLine:
    """Modbus TCP."""

    def __init__(self, line_id: str, host: str, port: int) -> None:
        self.id = line_id
        self.units = Units()
        self.figures = LineFigures()
        self.connections: set[TcpConnection] = set()
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self._host}:{self._port}"

    async def open(self) -> None:
        """Listen; port 0 takes a free one. Raises LineError."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: TcpConnection(self), self._host, self._port)
        except OSError as failure:
            raise LineError(
                f"Modbus TCP line {self.id} cannot listen at {self.address}: "
                f"{failure.strerror or failure}. Stop the program that has the port, or choose another one."
            ) from failure
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and hang up on all masters."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.hang_up()


class TcpConnection(asyncio.Protocol):
    """One master at a TCP line."""

    def __init__(self, line: TcpLine) -> None:
        self._line = line
        self._pending = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A master connects."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._line.connections) >= MAX_CONNECTIONS:
            transport.abort()
            return
        self._line.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The master is gone."""
        self._line.connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are whole; hang up on what is no Modbus TCP."""
        self._pending += data
        while len(self._pending) >= _HEADER.size:
            transaction, protocol, length, unit_id = _HEADER.unpack_from(self._pending)
            if protocol != 0 or not 2 <= length <= _MAX_LENGTH:
                self._line.figures.spoilt += 1
                self.hang_up()
                return
            if len(self._pending) < 6 + length:
                return
            pdu = bytes(self._pending[_HEADER.size : 6 + length])
            del self._pending[: 6 + length]
            self._respond(transaction, unit_id, pdu)

    def hang_up(self) -> None:
        """Close the connection."""
        self._pending.clear()
        if self._transport is not None:
            self._transport.close()

    def _respond(self, transaction: int, unit_id: int, pdu: bytes) -> None:
        self._line.figures.requests += 1
        reply = self._line.units.respond(unit_id, pdu)
        if reply is None:
            return
        frame = _HEADER.pack(transaction, 0, 1 + len(reply.pdu), unit_id) + reply.pdu
        asyncio.get_running_loop().call_later(TURN_AROUND_S + reply.delay_s, self._send, frame)

    def _send(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)
            self._line.figures.replies += 1
