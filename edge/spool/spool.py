"""The spool as the agent's event loop sees it.

    spool = Spool(folder / SPOOL_FILE, limits, SystemClock(), commit_every_s=0.25)
    spool.start(on_commit=…, on_epoch=…)
    await spool.ready()
    await spool.put(batch)          # back as soon as there is room in the queue
    spool.acknowledge(ack)

All callbacks run in the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

from edge.spool.batches import NewBatch, SpooledBatch
from edge.spool.database import SpoolDatabase
from edge.spool.errors import SpoolError
from edge.spool.figures import SpoolFigures, SpoolLimits
from edge.spool.queue import CommitQueue, Put
from edge.spool.settling import Boot, Placement
from edge.spool.writer import SpoolWriter
from telemetry.clock import Clock
from telemetry.sparkplug.ack import Ack

QUEUE_SIZE: Final = 1000
"""Batches that may wait for their commit; see the writer for what happens past that."""
_FLUSH_TICK_S: Final = 0.02
_CALL_TIMEOUT_S: Final = 60.0
_Result = TypeVar("_Result")


class Spool:
    """Readings on disk until they are acknowledged."""

    def __init__(
        self,
        file: Path,
        limits: SpoolLimits,
        clock: Clock,
        *,
        commit_every_s: float = 0.25,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        self._queue = CommitQueue(queue_size)
        self._writer = SpoolWriter(
            file,
            limits,
            clock,
            self._queue,
            commit_every_s=commit_every_s,
            on_commit=lambda batches: self._in_loop(self._committed, batches),
            on_epoch=lambda epoch: self._in_loop(self._opened, epoch),
            on_trouble=lambda cause: self._in_loop(self._troubled, cause),
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_commit: Callable[[list[SpooledBatch]], None] = lambda _: None
        self._on_epoch: Callable[[str], None] = lambda _: None
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self.epoch = ""
        """Random id of the file in use; empty before the first opening."""
        self.trouble = ""
        """Why nothing can be committed now; empty while all is well."""

    def start(
        self,
        on_commit: Callable[[list[SpooledBatch]], None] = lambda _: None,
        on_epoch: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Begin. `on_commit` gets batches once they are durable, `on_epoch` the id of each file opened."""
        self._loop = asyncio.get_running_loop()
        self._on_commit = on_commit
        self._on_epoch = on_epoch
        self._writer.start()

    async def ready(self) -> None:
        """Return once the file is open. While the disk refuses that, this waits, and `put` works."""
        await self._ready.wait()

    async def close(self) -> None:
        """Commit what waits and release the file."""
        await asyncio.to_thread(self._writer.stop)

    @property
    def is_alive(self) -> bool:
        """Whether the writer's thread still runs."""
        return self._writer.is_alive

    async def put(self, batch: NewBatch) -> Future[int | None]:
        """Queue `batch`; waits while the queue is full, unless the disk fails: then the oldest gives way.

        The future returned is done with the batch's number once it is durable, or None if it was given up.
        """
        put = Put(batch)
        while not self._queue.put(put, give_up_oldest=bool(self.trouble)):
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._room.wait()
        return put.done

    async def put_durably(self, batch: NewBatch) -> int | None:
        """Commit `batch` and return its number, or None if it was given up."""
        return await asyncio.wrap_future(await self.put(batch))

    async def flush(self, within_s: float = 2.0) -> bool:
        """Wait until all that was put is durable; False where that takes longer than `within_s`."""
        for _ in range(round(within_s / _FLUSH_TICK_S)):
            if not self._queue.has_writes:
                return True
            await asyncio.sleep(_FLUSH_TICK_S)
        return False

    def acknowledge(self, ack: Ack) -> None:
        """Delete what `ack` names, with the next commit. Unknown numbers and foreign epochs are ignored."""
        if ack.epoch == self.epoch:
            self._queue.acknowledge(ack)

    async def waiting(self, limit: int, up_to: int, skip: Collection[int] = ()) -> list[SpooledBatch]:
        """Un-acknowledged batches numbered ≤ `up_to` but for `skip`; important first, then oldest first.

        Raises:
            SpoolError: the file cannot be read now.
        """
        return await self._call(
            lambda database: database.waiting(limit, up_to, skip, self._pending_acknowledgements())
        )

    async def load(self, numbers: Sequence[int]) -> list[SpooledBatch]:
        """The un-acknowledged batches among `numbers`. Raises `SpoolError` as `waiting`."""
        return self._without_acknowledged(await self._call(lambda database: database.load(numbers)))

    def _without_acknowledged(self, batches: list[SpooledBatch]) -> list[SpooledBatch]:
        acks = self._pending_acknowledgements()
        return [batch for batch in batches if not any(batch.number in ack for ack in acks)]

    def _pending_acknowledgements(self) -> list[Ack]:
        return [ack for ack in self._queue.acknowledgements() if ack.epoch == self.epoch]

    async def figures(self) -> SpoolFigures:
        """The present state. Raises `SpoolError` as `waiting`."""
        return await self._call(SpoolDatabase.figures)

    async def newest(self) -> int:
        """The highest number given out so far. Raises `SpoolError` as `waiting`."""
        return await self._call(SpoolDatabase.newest)

    async def last_times(self) -> dict[str, int]:
        """The newest time that each device's readings have ever had. Raises `SpoolError` as `waiting`."""
        return await self._call(SpoolDatabase.last_times)

    async def identities(self) -> dict[str, str]:
        """What was last remembered of each device. Raises `SpoolError` as `waiting`."""
        return await self._call(SpoolDatabase.identities)

    async def remember(self, identities: dict[str, str]) -> None:
        """Keep what the births of these devices say. Raises `SpoolError` as `waiting`."""
        await self._call(lambda database: database.remember(identities))

    async def boots(self) -> list[Boot]:
        """Boots whose batches wait for their time, oldest first. Raises `SpoolError` as `waiting`."""
        return await self._call(SpoolDatabase.boots)

    async def settle(self, placement: Placement) -> None:
        """Give all batches of a boot their time; they then go out as what waits does.

        Raises:
            SpoolError: as `waiting`; what was done so far stays done, and may be repeated.
        """
        while await self._call(lambda database: database.settle(placement)):
            pass

    async def _call(self, function: Callable[[SpoolDatabase], _Result]) -> _Result:
        future: Future[_Result] = self._queue.call(function)
        try:
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise SpoolError(
                f"the spool does not answer within {_CALL_TIMEOUT_S:g} s: is its disk failing?"
            ) from None

    def _in_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop may be closed at the end of the process
            self._loop.call_soon_threadsafe(function, *arguments)

    def _committed(self, batches: list[SpooledBatch]) -> None:
        self._room.set()
        settled = [batch for batch in batches if not batch.boot]
        if settled:
            self._on_commit(settled)

    def _opened(self, epoch: str) -> None:
        changed = epoch != self.epoch
        self.epoch = epoch
        self._ready.set()
        if changed:
            self._on_epoch(epoch)

    def _troubled(self, cause: str) -> None:
        self.trouble = cause
        self._room.set()
