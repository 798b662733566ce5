"""What a gateway keeps until it is acknowledged, and when it goes out again. Pure; monotonic seconds.

It does what the spool and the delivery of a real gateway do on the wire (docs/wire.md): a batch goes out live
once; what is not acknowledged after 5 s goes out again, marked historical, at growing distances, at most
`WINDOW` of them on their way at once; only an acknowledgement deletes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from telemetry.sparkplug.ack import Ack

WINDOW: Final = 64
FIRST_S: Final = 5.0
LONGEST_S: Final = 300.0


@dataclass(slots=True)
class Batch:
    """One scan that is not acknowledged. Its values follow from device and time."""

    number: int
    device: int
    time_ms: int
    made_s: float
    attempts: int = 0
    """Times it went out in this session."""
    is_again: bool = False
    """Whether it is on its way as history."""


@dataclass(slots=True)
class Spool:
    """All batches of one gateway that are not acknowledged."""

    epoch: str
    bound: int
    next_number: int = 1
    evicted: int = 0
    """Lost: the spool was full."""
    _batches: dict[int, Batch] = field(default_factory=dict)
    _due: list[tuple[float, int]] = field(default_factory=list)
    _on_the_way: int = 0

    def __len__(self) -> int:
        return len(self._batches)

    def add(self, device: int, time_ms: int, now: float) -> Batch:
        """Keep a scan; a full spool gives up its oldest batch."""
        batch = Batch(self.next_number, device, time_ms, now)
        self.next_number += 1
        if len(self._batches) >= self.bound:
            self._forget(next(iter(self._batches)))
            self.evicted += 1
        self._batches[batch.number] = batch
        return batch

    def session_began(self, now: float) -> None:
        """Nothing is on its way any more: everything is due."""
        self._on_the_way = 0
        self._due.clear()
        for batch in self._batches.values():
            batch.attempts, batch.is_again = 0, False
            self._due.append((now, batch.number))

    def went_live(self, batch: Batch, now: float) -> None:
        """The batch went out for the first time."""
        batch.attempts = 1
        heapq.heappush(self._due, (now + FIRST_S, batch.number))

    def kept_back(self, batch: Batch, now: float) -> None:
        """The line is full: the batch goes out as history as soon as there is room."""
        heapq.heappush(self._due, (now, batch.number))

    def again(self, now: float) -> Iterator[Batch]:
        """The batches to send as history now, as far as the window has room."""
        while self._due and self._due[0][0] <= now:
            batch = self._batches.get(self._due[0][1])
            if batch is not None and not batch.is_again and self._on_the_way >= WINDOW:
                return
            heapq.heappop(self._due)
            if batch is None:
                continue
            if not batch.is_again:
                batch.is_again = True
                self._on_the_way += 1
            batch.attempts += 1
            pause_s = min(FIRST_S * 2.0 ** min(batch.attempts - 1, 16), LONGEST_S)
            heapq.heappush(self._due, (now + pause_s, batch.number))
            yield batch

    def acknowledged(self, ack: Ack) -> list[Batch]:
        """What `ack` names; it is forgotten."""
        if ack.epoch != self.epoch:
            return []
        if sum(last - first + 1 for first, last in ack.ranges) > 4 * len(self._batches) + 4:
            numbers = [number for number in self._batches if number in ack]
        else:
            numbers = [number for number in ack.numbers() if number in self._batches]
        return [self._forget(number) for number in numbers]

    def _forget(self, number: int) -> Batch:
        batch = self._batches.pop(number)
        self._on_the_way -= batch.is_again
        return batch
