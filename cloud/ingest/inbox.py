"""Messages between the broker and the first step of work: bounded in number and in bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from cloud.ingest.routing import Received

MAX_MESSAGES: Final = 4000
MAX_BYTES: Final = 32 * 1024 * 1024
BATCH_MESSAGES: Final = 2000
BATCH_BYTES: Final = 8 * 1024 * 1024
WINDOW_S: Final = 0.1
"""How long a message waits for company while there is little to do; under load batches fill at once."""


class Inbox:
    """A full inbox makes `put` wait, and with it the reading of the broker's messages."""

    def __init__(self) -> None:
        self._messages: deque[Received] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._full_batch = asyncio.Event()
        self._room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    async def put(self, message: Received) -> None:
        """Add `message` as soon as there is room."""
        while len(self._messages) >= MAX_MESSAGES or self._bytes >= MAX_BYTES:
            self._room.clear()
            await self._room.wait()
        self._messages.append(message)
        self._bytes += len(message.payload)
        self._tell()

    async def take(self) -> list[Received]:
        """The next messages, at least one: a full batch at once, fewer after a short wait."""
        await self._some.wait()
        with contextlib.suppress(TimeoutError):  # the wait is for company, and there may be none
            await asyncio.wait_for(self._full_batch.wait(), WINDOW_S)
        batch: list[Received] = []
        size = 0
        while self._messages and len(batch) < BATCH_MESSAGES and size < BATCH_BYTES:
            message = self._messages.popleft()
            size += len(message.payload)
            batch.append(message)
        self._bytes -= size
        self._some.clear()
        self._full_batch.clear()
        self._tell()
        self._room.set()
        return batch

    def _tell(self) -> None:
        if self._messages:
            self._some.set()
        if len(self._messages) >= BATCH_MESSAGES or self._bytes >= BATCH_BYTES:
            self._full_batch.set()
