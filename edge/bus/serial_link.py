"""Modbus RTU on a serial port: the end of an answer, silences and time-outs.

On a quick line each tenth of a millisecond between two frames is lost speed, so nothing stands between the
port and the loop. Whether an answer belongs to its request is the guard's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import time
from typing import Final

import serial

from edge.bus.link import Reply
from edge.bus.serial_lock import check_port, hold, release
from edge.config import RtuBusConfig
from edge.drivers.modbus.frames import Frame, Framing, Request, reply_in, rtu_frames, wrap
from edge.drivers.modbus.planner import silence_s
from edge.errors import BusClosed, BusTimeout

LONGEST_SILENCE_S: Final = 1.0
"""A line that is never quiet is spoken to all the same, after so long."""
_CHUNK: Final = 4096
_GRAIN_S: Final = 0.001
"""The loop's timers are no finer than this."""
_REFUSAL: Final = 5
"""Bytes of the shortest answer: unit, function, exception, checksum."""


class SerialLink:
    """One serial port with Modbus RTU on it, held exclusively."""

    framing = Framing.RTU

    def __init__(self, config: RtuBusConfig) -> None:
        self._config = config
        self._silence_s = silence_s(config.baud, config.bits_per_character)
        self._port: serial.Serial | None = None
        self._handle = -1
        self._heard_at = 0.0
        self._received = bytearray()
        """Since the last request was sent."""
        self._given = 0
        """How much of it has been given as an answer."""
        self._expected = 0
        self._answer: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._port is not None

    async def open(self) -> None:
        """Open the port. Raises `BusClosed`."""
        self.close()
        config = self._config
        check_port(config.port)
        try:
            port = serial.Serial(
                config.port,
                baudrate=config.baud,
                bytesize=config.data_bits,
                parity=config.parity,
                stopbits=config.stop_bits,
                timeout=0,
                exclusive=True,
            )
        except (serial.SerialException, OSError, ValueError, termios.error) as error:
            raise BusClosed(f"{config.port} cannot be opened with these settings: {error}") from error
        self._port, self._handle = port, port.fileno()
        os.set_blocking(self._handle, False)
        hold(self._handle)
        asyncio.get_running_loop().add_reader(self._handle, self._hear)

    def close(self) -> None:
        """Close it; nothing happens where it is closed."""
        port, self._port = self._port, None
        if port is not None:
            asyncio.get_running_loop().remove_reader(self._handle)
            with contextlib.suppress(OSError):  # the port may be gone
                release(self._handle)
            port.close()

    async def ask(self, request: Request, timeout_s: float) -> Reply:
        """Send a request and wait for a frame; see `ModbusLink.ask`."""
        await self._pause()
        if self._port is None:
            raise BusClosed(f"{self._config.port}: not open")
        loop = asyncio.get_running_loop()
        sent = wrap(request.unit, request.pdu, Framing.RTU)
        self._received.clear()
        self._given = 0
        self._expected = request.reply_size + 3
        answer = self._answer = loop.create_future()
        started = loop.time()
        timer = loop.call_later(timeout_s, _end, answer)
        try:
            self._send(sent)
            await answer
        finally:
            timer.cancel()
            self._answer = None
        received = bytes(self._received)
        self._given = len(received)
        if not received:
            raise BusTimeout(f"{request}: no answer within {timeout_s:.3g} s")
        return Reply(reply_in(received, request), sent, received, started, self._heard_at)

    def overheard(self) -> list[Frame]:
        """Whole frames that came since the last request and were given to nobody."""
        return list(rtu_frames(bytes(self._received[self._given :])))

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

    def _send(self, data: bytes) -> None:
        try:
            written = os.write(self._handle, data)
        except OSError as error:
            self._lose(error.strerror or str(error))
            raise BusClosed(f"{self._config.port} takes no bytes: {error.strerror}") from error
        if written < len(data):
            # a port that has not sent the last frame yet is no port that can be relied on
            self._lose("it takes no more bytes")
            raise BusClosed(f"{self._config.port} takes no more bytes: is the adapter stuck? Plug it anew")

    def _hear(self) -> None:
        try:
            data = os.read(self._handle, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        if not data:
            self._lose("it was unplugged")
            return
        self._heard_at = asyncio.get_running_loop().time()
        self._received += data
        if len(self._received) > _CHUNK:
            del self._received[:-_CHUNK]
        answer = self._answer
        if answer is None or answer.done() or len(self._received) < _REFUSAL:
            return
        is_long = len(self._received) >= self._expected
        is_other = self._received[1] & 0x80 or self._received[2] + 5 <= len(self._received)
        if (is_long or is_other) and any(rtu_frames(bytes(self._received))):
            answer.set_result(None)

    def _lose(self, cause: str) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BusClosed(f"{self._config.port} is gone: {cause}"))

    async def _pause(self) -> None:
        """Keep the silence that parts frames; what comes meanwhile answers nothing and prolongs it."""
        loop = asyncio.get_running_loop()
        longest = loop.time() + LONGEST_SILENCE_S
        while (now := loop.time()) < longest:
            rest = self._heard_at + self._silence_s - now
            if rest <= 0:
                return
            if rest > _GRAIN_S:
                await asyncio.sleep(rest - _GRAIN_S)
            else:
                # a millisecond more at each request would cost a fast line a tenth of its reads
                time.sleep(rest)  # noqa: ASYNC251, shorter than what the loop can wait for


def _end(answer: asyncio.Future[None]) -> None:
    if not answer.done():
        answer.set_result(None)
