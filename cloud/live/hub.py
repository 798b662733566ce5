"""Fan-out: every event to every watcher that wants it, and no slow watcher in the way of another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cloud.errors import Refused
from cloud.live.events import DeviceChanged, Event, ReadingArrived
from cloud.registry.port import AlarmRecord, CommandRecord

QUEUE: Final = 500
"""Events that a watcher may be behind; past it the oldest are lost, counted and told."""
MOST_WATCHERS: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which devices' events a watcher wants; all where a set is empty."""

    devices: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()

    def takes(self, device: str, device_class: str) -> bool:
        """Whether an event of that device is wanted; events of no device always are."""
        if not device:
            return True
        return (not self.devices or device in self.devices) and (
            not self.classes or device_class in self.classes
        )


@dataclass(eq=False, slots=True)
class Watcher:
    """One reader's queue of encoded events."""

    wanted: Wanted
    lost: int = 0
    """Events that fell out of the queue since the reader was last told."""
    _queue: deque[bytes] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def put(self, event: bytes) -> None:
        """Queue an event; in a full queue the oldest gives way."""
        if len(self._queue) >= QUEUE:
            self._queue.popleft()
            self.lost += 1
        self._queue.append(event)
        self._news.set()

    def close(self) -> None:
        """Tell the reader that nothing more comes."""
        self.closed = True
        self._news.set()

    def take_lost(self) -> int:
        """How many were lost since the last call."""
        lost, self.lost = self.lost, 0
        return lost

    async def take(self, timeout_s: float) -> list[bytes]:
        """All that is queued, waiting up to `timeout_s` for the first; empty then, or when closed."""
        if not self._queue and not self.closed:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return []
        events = list(self._queue)
        self._queue.clear()
        if not self.closed:
            self._news.clear()
        return events


class Hub:
    """Knows the watchers. Belongs to one event loop. An event is encoded once for all of them."""

    def __init__(self, encode: Callable[[Event], bytes], class_of: Callable[[str], str]) -> None:
        self._encode = encode
        self._class_of = class_of
        self._watchers: set[Watcher] = set()
        self._closed = False

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return len(self._watchers)

    def join(self, wanted: Wanted) -> Watcher:
        """A new watcher; it must `leave`.

        Raises:
            Refused: there are too many, or the service is stopping.
        """
        if self._closed:
            raise Refused("the service is stopping: try again in a moment")
        if len(self._watchers) >= MOST_WATCHERS:
            raise Refused(f"{MOST_WATCHERS} streams are open: close one, or poll readings/latest")
        watcher = Watcher(wanted)
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """The watcher is gone."""
        self._watchers.discard(watcher)

    def publish(self, event: Event) -> None:
        """Give the event to all who want it."""
        if not self._watchers:
            return
        device, device_class = self._about(event)
        wanting = [each for each in self._watchers if each.wanted.takes(device, device_class)]
        if wanting:
            encoded = self._encode(event)
            for watcher in wanting:
                watcher.put(encoded)

    def close(self) -> None:
        """End all streams; no new ones."""
        self._closed = True
        for watcher in self._watchers:
            watcher.close()

    def _about(self, event: Event) -> tuple[str, str]:
        if isinstance(event, ReadingArrived | DeviceChanged):
            return event.device, event.device_class
        if isinstance(event, AlarmRecord | CommandRecord):
            return event.device, self._class_of(event.device)
        return "", ""
