"""What waits to be written: batches, acknowledgements and calls, handed from the event loop to the writer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from edge.spool.batches import NewBatch
from edge.spool.database import SpoolDatabase
from edge.spool.errors import SpoolError
from telemetry.sparkplug.ack import Ack

GROUP: Final = 500
"""Most batches of one transaction."""
MAX_ACKS: Final = 1000

Call = Callable[[SpoolDatabase], Any]


@dataclass(slots=True)
class Put:
    """A batch on its way to disk; `done` gets its number, or None where it was given up."""

    batch: NewBatch
    done: Future[int | None] = field(default_factory=Future)

    def finish(self, number: int | None) -> None:
        """Tell whoever still waits."""
        if self.done.set_running_or_notify_cancel():
            self.done.set_result(number)


@dataclass(frozen=True, slots=True)
class Group:
    """What one transaction takes."""

    puts: list[Put]
    acks: list[Ack]
    refused: tuple[int, int]
    """Batches and readings given up since the last commit."""

    def __bool__(self) -> bool:
        return bool(self.puts or self.acks or any(self.refused))


class CommitQueue:
    """Thread-safe and bounded: at most `size` batches, a thousand acknowledgements."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._changed = threading.Condition()
        self._puts: deque[Put] = deque()
        self._acks: deque[Ack] = deque(maxlen=MAX_ACKS)
        self._calls: deque[tuple[Call, Future[Any]]] = deque()
        self._refused = [0, 0]
        self._closed = False

    def put(self, put: Put, *, give_up_oldest: bool) -> bool:
        """Take a batch; where the queue is full, refuse it (False) or give up the least of those waiting.

        That is the oldest of the lowest priority; it is counted, and its `done` set to None.
        """
        with self._changed:
            if self._closed:
                put.finish(None)
                return True
            if len(self._puts) >= self._size:
                if not give_up_oldest:
                    return False
                self._give_up_one()
            self._puts.append(put)
            if len(self._puts) == 1:
                self._changed.notify()
        return True

    def _give_up_one(self) -> None:
        lowest = min(put.batch.priority for put in self._puts)
        index = next(index for index, put in enumerate(self._puts) if put.batch.priority == lowest)
        put = self._puts[index]
        del self._puts[index]
        self._refused[0] += 1
        self._refused[1] += put.batch.readings
        put.finish(None)

    def count_refused(self, readings: int) -> None:
        """Count readings that were lost before they could be committed again."""
        with self._changed:
            self._refused[1] += readings

    def acknowledge(self, ack: Ack) -> None:
        """Take an acknowledgement. Past the bound the oldest is forgotten.

        That is harmless: its batches go out again and are acknowledged again.
        """
        with self._changed:
            self._acks.append(ack)
            self._changed.notify()

    def acknowledgements(self) -> list[Ack]:
        """Those that wait to be applied."""
        with self._changed:
            return list(self._acks)

    def call(self, function: Call) -> Future[Any]:
        """Have `function` run in the writer's thread, ahead of waiting batches."""
        done: Future[Any] = Future()
        with self._changed:
            if self._closed:
                done.set_exception(SpoolError("the spool is closed"))
            else:
                self._calls.append((function, done))
                self._changed.notify()
        return done

    def close(self) -> None:
        """Take nothing more; wake the writer."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def closed(self) -> bool:
        """Whether the end has been asked for."""
        return self._closed

    @property
    def has_writes(self) -> bool:
        """Whether something waits for a transaction."""
        return bool(self._puts or self._acks or any(self._refused))

    @property
    def batches(self) -> int:
        """How many batches wait, which somebody may be waiting for."""
        return len(self._puts)

    def wait(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Sleep until something arrives that `ready` accepts, a call or the end; at most `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._calls) or self._closed or ready(), timeout_s)

    def take_calls(self) -> list[tuple[Call, Future[Any]]]:
        """All calls that wait."""
        with self._changed:
            calls = list(self._calls)
            self._calls.clear()
        return calls

    def take_group(self) -> Group:
        """The next transaction's content. Follow with `committed` or `put_back`."""
        with self._changed:
            puts = [self._puts.popleft() for _ in range(min(GROUP, len(self._puts)))]
            return Group(puts, list(self._acks), (self._refused[0], self._refused[1]))

    def committed(self, group: Group) -> None:
        """`group` is on disk."""
        with self._changed:
            self._refused = [self._refused[0] - group.refused[0], self._refused[1] - group.refused[1]]
            applied = {id(ack) for ack in group.acks}
            self._acks = deque((ack for ack in self._acks if id(ack) not in applied), MAX_ACKS)

    def put_back(self, group: Group) -> None:
        """`group` could not be committed: it waits again, in front."""
        with self._changed:
            self._puts.extendleft(reversed(group.puts))
            while len(self._puts) > self._size:
                self._give_up_one()

    def abandon(self) -> int:
        """End of all waiting; the number of batches that did not reach the disk."""
        with self._changed:
            lost = len(self._puts)
            for put in self._puts:
                put.finish(None)
            self._puts.clear()
            for _, done in self._calls:
                done.set_exception(SpoolError("the spool is closed"))
            self._calls.clear()
        return lost
