"""What a transaction costs the processor: our link beside pymodbus' own client, same server, same run."""

from __future__ import annotations

import asyncio
import logging
import time

from pymodbus.client import AsyncModbusTcpClient

from edge.bus.guard import Guard
from edge.bus.statistics import BusStatistics
from edge.bus.tcp_link import TcpLink
from edge.config import TcpBusConfig
from edge.drivers.modbus.frames import Request

REGISTERS = 40


async def ours(port: int, seconds: float) -> tuple[float, float]:
    """Guarded, verified exchanges. Returns µs of processor time each, and how many a second."""
    link = TcpLink(TcpBusConfig(id="cabinet", kind="modbus-tcp", host="127.0.0.1", port=port))
    await link.open()
    guard, request = Guard(link, BusStatistics()), Request(1, 3, 0, REGISTERS)
    made, began, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() < began + seconds:
        await guard.exchange(request, 3.0)
        made += 1
    used, passed = time.process_time() - cpu, time.monotonic() - began
    link.close()
    return 1e6 * used / made, made / passed


async def pipelined(port: int, seconds: float, lanes: int) -> tuple[float, float]:
    """The same with several requests under way."""
    link = TcpLink(TcpBusConfig(id="cabinet", kind="modbus-tcp", host="127.0.0.1", port=port))
    await link.open()
    guard = Guard(link, BusStatistics())
    began, cpu = time.monotonic(), time.process_time()

    async def lane(unit: int) -> int:
        made = 0
        while time.monotonic() < began + seconds:
            await guard.exchange(Request(unit, 3, 0, REGISTERS), 3.0)
            made += 1
        return made

    made = sum(await asyncio.gather(*(lane(number + 1) for number in range(lanes))))
    used, passed = time.process_time() - cpu, time.monotonic() - began
    link.close()
    return 1e6 * used / made, made / passed


async def pymodbus_client(port: int, seconds: float) -> tuple[float, float]:
    """pymodbus' own client, which checks neither length nor quality."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    made, began, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() < began + seconds:
        await client.read_holding_registers(0, count=REGISTERS, device_id=1)
        made += 1
    used, passed = time.process_time() - cpu, time.monotonic() - began
    client.close()
    return 1e6 * used / made, made / passed
