"""Valve actuators on Modbus TCP that write down every order they get, and when: a process of its own.

`python -m tests.system.valves LOG PORT...` serves all units on each port. The position follows the setpoint
at once. A line of the log is on its way to the disk's cache before the answer is on its way to the gateway.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from collections import defaultdict

SETPOINT, POSITION = 0, 4


class Valves:
    """All units of one port."""

    def __init__(self, port: int, log: int) -> None:
        self._port = port
        self._log = log
        self._registers: defaultdict[tuple[int, int], int] = defaultdict(int)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a gateway."""
        try:
            while True:
                head = await reader.readexactly(7)
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                answer = self._answer(unit, await reader.readexactly(length - 1))
                writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, unit: int, request: bytes) -> bytes:
        function, address, value = struct.unpack(">BHH", request[:5])
        if function == 6:
            order = {"at": time.time(), "port": self._port, "unit": unit, "address": address, "value": value}
            os.write(self._log, (json.dumps(order) + "\n").encode())
            self._registers[unit, address] = value
            if address == SETPOINT:
                self._registers[unit, POSITION] = value
            return request
        if function in (3, 4):
            words = [self._registers[unit, address + each] for each in range(value)]
            return struct.pack(f">BB{value}H", function, 2 * value, *words)
        return struct.pack(">BB", function | 0x80, 1)


async def main(log_file: str, ports: list[int]) -> None:
    """Serve until killed."""
    log = os.open(log_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    servers = [await asyncio.start_server(Valves(port, log).serve, "127.0.0.1", port) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], [int(each) for each in sys.argv[2:]]))
