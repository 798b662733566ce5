"""Messages between the broker and the first step of work, in two lanes: live, and what is sent again.

Both lanes are bounded in number and in bytes. A full lane drops its newest messages and counts them: they are
not acknowledged, so their gateways send them again. Live messages go first; of re-sent ones only so many are
under way at once that a live batch never waits for its turn behind them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cloud.ingest.routing import Received

MAX_MESSAGES: Final = 20_000
MAX_BYTES: Final = 24 * 1024 * 1024
"""Of each lane."""
BATCH_BYTES: Final = 8 * 1024 * 1024
WINDOW_S: Final = 0.025
"""How long a message waits for company while there is little to do; under load batches fill at once."""
ENOUGH: Final = 500
"""Where so many wait, none waits for more company."""
SMALLEST_BATCH, LARGEST_BATCH = 100, 2000
GOOD_WRITE_S: Final = 0.1
"""Batches grow as long as a write takes less, and shrink when it takes more than twice that: so that large
ones make the throughput of a quick database, and small ones keep live data quick with a slow one."""
_MARK: Final = b"\x28\x01"
_MARKED_WITHIN: Final = 96
"""`is_historical` of the first metric stands so early. A live message that holds the two bytes there by
chance is only served later."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages to work on together."""

    messages: list[Received]
    is_live: bool
    arrived_s: float = field(default=0.0, compare=False)
    """When the oldest of them came; monotonic."""


class _Lane:
    __slots__ = ("_marks", "_put", "_taken", "bytes", "messages")

    def __init__(self) -> None:
        self.messages: deque[Received] = deque()
        self.bytes = 0
        self._put = self._taken = 0
        self._marks: deque[tuple[int, float]] = deque()
        """Messages put before a moment, and that moment."""

    def mark(self, now_s: float) -> None:
        """Whatever is put from here on came at `now_s`."""
        if self._marks and self._marks[-1][0] == self._put:
            self._marks[-1] = self._put, now_s
        else:
            self._marks.append((self._put, now_s))

    @property
    def oldest_s(self) -> float:
        """When the message came that is the next to be taken."""
        while len(self._marks) > 1 and self._marks[1][0] <= self._taken:
            self._marks.popleft()
        return self._marks[0][1] if self._marks else 0.0

    def put(self, message: Received) -> bool:
        if len(self.messages) >= MAX_MESSAGES or self.bytes >= MAX_BYTES:
            return False
        self.messages.append(message)
        self._put += 1
        self.bytes += len(message.payload)
        return True

    def take(self, most: int) -> list[Received]:
        batch: list[Received] = []
        size = 0
        while self.messages and len(batch) < most and size < BATCH_BYTES:
            message = self.messages.popleft()
            size += len(message.payload)
            batch.append(message)
        self.bytes -= size
        self._taken += len(batch)
        return batch

    def is_enough(self, most: int) -> bool:
        return len(self.messages) >= most or self.bytes >= BATCH_BYTES


class Inbox:
    """Not thread-safe: belongs to the event loop."""

    def __init__(self, *, resent_under_way: int) -> None:
        """Of re-sent messages at most `resent_under_way` batches are handed out before one is `done`."""
        self._live = _Lane()
        self._resent = _Lane()
        self._room = resent_under_way
        self._some = asyncio.Event()
        self._full_batch = asyncio.Event()
        self.batch_size = SMALLEST_BATCH

    def __len__(self) -> int:
        return len(self._live.messages) + len(self._resent.messages)

    def put(self, messages: Iterable[Received]) -> int:
        """Add `messages`; returns how many were dropped for want of room."""
        dropped = 0
        now_s = time.monotonic()
        self._live.mark(now_s)
        self._resent.mark(now_s)
        for message in messages:
            is_resent = message.payload.find(_MARK, 0, _MARKED_WITHIN) >= 0
            dropped += not (self._resent if is_resent else self._live).put(message)
        self._tell()
        return dropped

    async def take(self) -> Batch:
        """The next messages, at least one: a full batch at once, fewer after a short wait."""
        await self._some.wait()
        with contextlib.suppress(TimeoutError):  # the wait is for company, and there may be none
            async with asyncio.timeout(WINDOW_S):
                await self._full_batch.wait()
        lane = self._live if self._live.messages else self._resent
        is_live = lane is self._live
        if not is_live:
            self._room -= 1
        arrived_s = lane.oldest_s
        messages = lane.take(self.batch_size)
        self._tell()
        return Batch(messages, is_live, arrived_s)

    def done(self, batch: Batch, write_s: float) -> None:
        """`batch` is durable; its last write took `write_s`."""
        if not batch.is_live:
            self._room += 1
        if write_s > 2 * GOOD_WRITE_S:
            self.batch_size = max(SMALLEST_BATCH, self.batch_size // 2)
        elif write_s < GOOD_WRITE_S and len(batch.messages) >= self.batch_size:
            self.batch_size = min(LARGEST_BATCH, self.batch_size * 2)
        self._tell()

    def _tell(self) -> None:
        resent = self._room > 0
        enough = min(self.batch_size, ENOUGH)
        _set(self._some, bool(self._live.messages) or (resent and bool(self._resent.messages)))
        _set(
            self._full_batch,
            self._live.is_enough(enough)
            or (resent and not self._live.messages and self._resent.is_enough(enough)),
        )


def _set(event: asyncio.Event, on: bool) -> None:
    if on:
        event.set()
    else:
        event.clear()
