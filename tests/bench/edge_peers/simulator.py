"""Modbus TCP slaves as cheap as they can be, so that the gateway under test is the bottleneck. A process.

Every answer that begins at register 0 is one sample of its unit: register 0 counts the unit's samples,
register 1 is the clock in milliseconds (both modulo 65536), and the others follow from register 0. Whoever
receives a sample can therefore tell which one it is, how old it is, and whether any value of it is wrong.

Speaks JSON lines: `{"ask": "served"}` gives every sample served so far as [unit, number, unix ms];
`{"ask": "kill", "units": […]}` lets units fall silent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import time
from typing import Any, Final

HEADER: Final = struct.Struct(">HHHB")
READ: Final = struct.Struct(">BHH")
READ_HOLDING: Final = 3
MODULUS: Final = 65536


def value_of(register: int, number: int) -> int:
    """What register 2 … of sample `number` holds."""
    return (number * 7 + register * 131) % MODULUS


class Slaves:
    """The units of one endpoint, and what they have served."""

    def __init__(self, registers: int, answer_s: float) -> None:
        self.registers = registers
        self.answer_s = answer_s
        self.dead: set[int] = set()
        self.served: list[tuple[int, int, int]] = []
        self.line_free_at = 0.0
        self._numbers: dict[int, int] = {}

    def read(self, unit: int, address: int, count: int) -> bytes:
        """The data of an answer; a read from register 0 is a new sample."""
        now_ms = round(time.time() * 1000)
        if address == 0:
            self._numbers[unit] = self._numbers.get(unit, 0) + 1
            self.served.append((unit, self._numbers[unit], now_ms))
        number = self._numbers.get(unit, 0)
        values = [number % MODULUS, now_ms % MODULUS]
        values += [value_of(register, number) for register in range(2, address + count)]
        return struct.pack(f">{count}H", *values[address : address + count])


class Endpoint(asyncio.Protocol):
    """One connection of a master."""

    def __init__(self, slaves: Slaves) -> None:
        self._slaves = slaves
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A master has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._buffer += data
        while len(self._buffer) >= 6:
            size = 6 + int.from_bytes(self._buffer[4:6], "big")
            if len(self._buffer) < size:
                return
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            self._take(frame)

    def _take(self, frame: bytes) -> None:
        transaction, _, _, unit = HEADER.unpack_from(frame)
        if unit in self._slaves.dead:
            return
        if self._slaves.answer_s == 0:
            self._answer(transaction, unit, frame)
            return
        loop = asyncio.get_running_loop()
        answer_at = max(loop.time(), self._slaves.line_free_at) + self._slaves.answer_s
        self._slaves.line_free_at = answer_at
        loop.call_at(answer_at, self._answer, transaction, unit, frame)

    def _answer(self, transaction: int, unit: int, frame: bytes) -> None:
        function, address, count = READ.unpack_from(frame, HEADER.size)
        if function != READ_HOLDING or address + count > self._slaves.registers:
            body = bytes((function | 0x80, 2))
        else:
            data = self._slaves.read(unit, address, count)
            body = bytes((function, len(data))) + data
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(HEADER.pack(transaction, 0, len(body) + 1, unit) + body)


async def serve(port: int, slaves: Slaves) -> None:
    """Answer until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Endpoint(slaves), "127.0.0.1", port)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with server:
        _say({"ready": True})
        while line := await reader.readline():
            asked = json.loads(line)
            if asked["ask"] == "kill":
                slaves.dead = set(asked["units"])
            _say({"served": slaves.served} if asked["ask"] == "served" else {"ok": True})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--registers", type=int, default=40)
    parser.add_argument("--answer-s", type=float, default=0.0, help="time of one answer on the line")
    options = parser.parse_args()
    asyncio.run(serve(options.port, Slaves(options.registers, options.answer_s)))


if __name__ == "__main__":
    main()
