"""A database that only counts: takes lines by InfluxDB's `/write`, as fast as asked, and remembers which.

    python -m tests.bench.ingest_peers.sink PORT LINES_A_SECOND REMEMBER

`GET /query` of anything tells the number of different lines (device and time) as JSON. It runs as a process
of its own; with 0 lines a second there is no limit, without REMEMBER lines are not even looked at.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time


class Sink:
    """One server."""

    def __init__(self, lines_a_second: float, *, remember: bool) -> None:
        self._limit = lines_a_second
        self._remember = remember
        self._seen: set[tuple[bytes, bytes]] = set()
        self._free_at = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = 0
                for line in head.split(b"\r\n")[1:]:
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        size = int(value)
                body = await reader.readexactly(size)
                if head.startswith(b"POST /write"):
                    await self._take(body)
                    writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
                else:
                    told = json.dumps({"different": len(self._seen)}).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _take(self, body: bytes) -> None:
        if self._remember:
            lines = body.split(b"\n")
            self._seen.update((line[: line.index(b" ")], line[line.rindex(b" ") :]) for line in lines)
        if self._limit:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + (body.count(b"\n") + 1) / self._limit
            await asyncio.sleep(self._free_at - now)


async def main() -> None:
    """Serve until killed."""
    port, limit, remember = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "1"
    sink = Sink(limit, remember=remember)
    server = await asyncio.start_server(sink.serve, "127.0.0.1", port, limit=1 << 24)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
