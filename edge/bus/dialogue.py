"""The line of one open serial port, as drivers that ask see it (`edge.drivers.base.Dialogue`)."""

from __future__ import annotations

import asyncio

from edge.bus.serial_port import SerialPort
from edge.errors import BusCrcError, BusTimeout


class SerialDialogue:
    """Questions and answers over one port; keeps what came after an answer for the next read."""

    def __init__(self, port: SerialPort, bits_per_s: float, bits_per_character: int) -> None:
        self._port = port
        self._character_s = bits_per_character / bits_per_s
        self._pending = bytearray()

    async def ask(self, request: bytes) -> None:
        """Throw away what came unasked and send `request`. Raises BusClosed."""
        self._pending.clear()
        self._port.waiting()
        self._port.write(request)

    async def read(self, count: int, within_s: float) -> bytes:
        """The next `count` bytes. Raises BusTimeout, BusCrcError, BusClosed."""
        deadline = self._deadline(within_s, count)
        while len(self._pending) < count:
            await self._more(deadline, within_s)
        return self._take(count)

    async def read_until(self, end: bytes, within_s: float, longest: int = 512) -> bytes:
        """Everything up to and with `end`. Raises BusTimeout, BusCrcError, BusClosed."""
        deadline = self._deadline(within_s, longest)
        while (at := self._pending.find(end)) < 0:
            if len(self._pending) > longest:
                raise BusCrcError(f"{len(self._pending)} bytes came without an end: wrong speed, or noise")
            await self._more(deadline, within_s)
        return self._take(at + len(end))

    async def pause(self, seconds: float) -> None:
        """Leave the line alone for a while."""
        await asyncio.sleep(seconds)

    async def mark(self, seconds: float) -> None:
        """Hold the line in its break state. Raises BusClosed."""
        self._port.hold_break(True)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._port.hold_break(False)

    def _deadline(self, within_s: float, characters: int) -> float:
        """Loop time until which an answer may take, with the time that its characters need on the wire."""
        return asyncio.get_running_loop().time() + within_s + characters * self._character_s

    async def _more(self, deadline: float, within_s: float) -> None:
        left_s = deadline - asyncio.get_running_loop().time()
        data = await self._port.read(left_s) if left_s > 0 else self._port.waiting()
        if data:
            self._pending += data
        elif self._pending:
            some = bytes(self._pending[:16]).hex(" ").upper()
            raise BusCrcError(f"only {len(self._pending)} bytes came ({some}): wrong speed, parity or noise")
        else:
            raise BusTimeout(f"no answer within {within_s:g} s: check wiring, power, speed and address")

    def _take(self, count: int) -> bytes:
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken
