"""What others ask of a bus: writes before read-backs, both before polls; bounded, and each with an answer."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from enum import IntEnum
from typing import Any, Final, TypeVar

from edge.errors import BusClosed, BusError

Answer = TypeVar("Answer")
LARGEST: Final = 64


class Priority(IntEnum):
    """What goes first; polls and probes come after all orders."""

    COMMAND = 0
    READ_BACK = 1


class Orders:
    """The waiting orders of one bus. Past 64, new ones are refused: whoever asks must slow down."""

    def __init__(self, bus: str) -> None:
        self._bus = bus
        self._heap: list[tuple[Priority, int, Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = []
        self._numbers = itertools.count()
        self._arrived = asyncio.Event()
        self._closed = "is not open yet"

    async def place(self, priority: Priority, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Have the bus do `work` as soon as the line is free, and give its result.

        Raises:
            BusError: what the work raised; BusClosed where the bus is not open or has too many orders.
        """
        if self._closed:
            raise BusClosed(f"bus {self._bus} {self._closed}")
        if len(self._heap) >= LARGEST:
            raise BusClosed(f"bus {self._bus} has {LARGEST} orders waiting: try again later")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._heap, (priority, next(self._numbers), work, answer))
        self._arrived.set()
        return await answer

    def opened(self) -> None:
        """The line is open: take orders."""
        self._closed = ""

    def closed(self, reason: str) -> None:
        """The line is lost: refuse all that wait, and those that come."""
        self._closed = f"is closed: {reason}"
        while self._heap:
            answer = heapq.heappop(self._heap)[3]
            if not answer.done():
                answer.set_exception(BusClosed(f"bus {self._bus} {self._closed}"))

    async def serve(self) -> None:
        """Do everything that waits. Raises `BusClosed` where the line is lost on the way."""
        while self._heap:
            _, _, work, answer = heapq.heappop(self._heap)
            if not self._heap:
                self._arrived.clear()
            if answer.cancelled():
                continue
            try:
                result = await work()
            except BusError as error:
                if not answer.done():
                    answer.set_exception(error)
                if error.kind == "closed":
                    raise
            except BaseException:
                answer.cancel()
                raise
            else:
                if not answer.done():
                    answer.set_result(result)

    async def serve_during(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, and do what arrives meanwhile. Raises what either raises."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                arrived = asyncio.ensure_future(self._arrived.wait())
                await asyncio.wait({task, arrived}, return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                await self.serve()
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            await task

    @property
    def waiting(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._heap)

    def wake(self) -> None:
        """End a wait although no order has arrived: something else has."""
        self._arrived.set()

    async def wait(self, seconds: float) -> None:
        """Return when an order has arrived, at the latest after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return
        if not self._heap:
            self._arrived.clear()
