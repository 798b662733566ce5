"""A TCP proxy that can stop carrying anything while both ends believe that they are connected."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class StallingProxy:
    """Carries bytes both ways; once `stalled`, swallows all of those connections, but not of later ones."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.connections = 0
        self._target = target
        self._stalled: set[int] = set()

    def stall(self) -> None:
        """Swallow everything of the connections that stand now."""
        self._stalled.update(range(1, self.connections + 1))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(
            self._carry(number, reader, to_writer),
            self._carry(number, to_reader, writer),
            return_exceptions=True,
        )

    async def _carry(self, number: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(4096):
                if number not in self._stalled:
                    sink.write(data)
        finally:
            sink.close()


@contextlib.asynccontextmanager
async def stalling(target: int) -> AsyncIterator[StallingProxy]:
    """A proxy to a port of loopback."""
    proxy = StallingProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
