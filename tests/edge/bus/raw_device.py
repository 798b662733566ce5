"""Modbus units made of raw frames, on TCP and pseudo-terminals, that can be late, short, damaged, silent."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from edge.drivers.modbus.frames import Framing, Request, crc16, parse_request, unwrap, wrap

Fault = Callable[[Request, bytes], "list[tuple[float, bytes]]"]
"""Request and right frame → what is sent instead: (seconds from now, bytes)."""


@dataclass
class RawDevice:
    """Units with registers and coils; `fault` may change each answer."""

    units: set[int]
    registers: dict[int, int] = field(default_factory=dict)
    coils: dict[int, bool] = field(default_factory=dict)
    illegal: set[int] = field(default_factory=set)
    """Register addresses that the device refuses (exception 2)."""
    fault: Fault | None = None
    asked: list[Request] = field(default_factory=list)
    masters: set[asyncio.StreamWriter] = field(default_factory=set)
    """Connections of Modbus TCP."""

    _last_at: dict[int, float] = field(default_factory=dict)

    def hang_up(self) -> None:
        """Cut all connections."""
        for master in self.masters:
            master.transport.abort()

    def answers(self, data: bytes, framing: Framing) -> list[tuple[float, bytes]]:
        """What follows the request frame `data`."""
        if framing is Framing.MBAP:
            transaction, frame_unit, pdu = int.from_bytes(data[:2], "big"), data[6], data[7:]
        else:
            transaction, frame_unit, pdu = 0, data[0], data[1:-2]
        request = parse_request(unwrap(wrap(frame_unit, pdu, Framing.RTU)))
        self.asked.append(request)
        if request.unit not in self.units:
            return []
        right = wrap(request.unit, self._pdu(request), framing, transaction)
        planned = [(0.0, right)] if self.fault is None else self.fault(request, right)
        return [(self._in_order(request.unit, delay), data) for delay, data in planned]

    def _in_order(self, unit: int, delay: float) -> float:
        """A unit does one thing after the other: no answer overtakes an earlier one."""
        now = asyncio.get_running_loop().time()
        self._last_at[unit] = max(now + delay, self._last_at.get(unit, 0.0))
        return self._last_at[unit] - now

    def _pdu(self, request: Request) -> bytes:
        addresses = range(request.address, request.address + request.count)
        if request.function in (1, 2):
            bits = sum(1 << n for n, address in enumerate(addresses) if self.coils.get(address))
            body = bits.to_bytes((request.count + 7) // 8, "little")
            return bytes([request.function, len(body)]) + body
        if any(address in self.illegal for address in addresses):
            return bytes([request.function | 0x80, 2])
        if request.function in (3, 4):
            words = [self.registers.get(address, address & 0xFFFF) for address in addresses]
            body = b"".join(word.to_bytes(2, "big") for word in words)
            return bytes([request.function, len(body)]) + body
        if request.function == 5:
            self.coils[request.address] = request.values[0] == 0xFF00
        else:
            self.registers.update(zip(addresses, request.values, strict=False))
        return request.pdu[:5]


@asynccontextmanager
async def on_tcp(device: RawDevice, framing: Framing = Framing.MBAP) -> AsyncIterator[int]:
    """Serve the device by Modbus TCP, or by Modbus RTU in TCP; gives the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks = set()
        device.masters.add(writer)
        try:
            while True:
                if framing is Framing.MBAP:
                    head = await reader.readexactly(6)
                    data = head + await reader.readexactly(int.from_bytes(head[4:], "big"))
                else:
                    data = await reader.readexactly(8)
                for delay, answer in device.answers(data, framing):
                    tasks.add(asyncio.create_task(_later(delay, writer.write, answer)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            device.masters.discard(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        server.close_clients() if hasattr(server, "close_clients") else None


async def _later(delay: float, write: Callable[[bytes], object], data: bytes) -> None:
    await asyncio.sleep(delay)
    write(data)


@asynccontextmanager
async def on_pty(device: RawDevice) -> AsyncIterator[str]:
    """Serve the device by Modbus RTU on a pseudo-terminal; gives its path."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    loop = asyncio.get_running_loop()
    buffer = bytearray()
    coming: list[asyncio.TimerHandle] = []

    def ready() -> None:
        buffer.extend(os.read(master, 4096))
        while (size := _request_size(buffer)) and len(buffer) >= size:
            data = bytes(buffer[:size])
            del buffer[:size]
            assert crc16(data[:-2]) == int.from_bytes(data[-2:], "little")
            for delay, answer in device.answers(data, Framing.RTU):
                coming.append(loop.call_later(delay, os.write, master, answer))

    loop.add_reader(master, ready)
    try:
        yield os.ttyname(slave)
    finally:
        loop.remove_reader(master)
        for each in coming:
            each.cancel()
        os.close(slave)
        os.close(master)


def _request_size(buffer: bytearray) -> int:
    if len(buffer) < 7:
        return 0
    return 9 + buffer[6] if buffer[1] in (15, 16) else 8
