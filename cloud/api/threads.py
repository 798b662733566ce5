"""Where blocking calls on registry and store run: a few threads, and a bound on who may wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from cloud.api.errors import Busy

AT_ONCE: Final = 6
WAITING: Final = 100
"""Calls that may wait for a thread; past that callers are sent away at once instead of timing out later."""
LONGEST_S: Final = 30.0

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Threads:
    """Runs blocking calls. Belongs to one event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="api")
        self._open = 0

    async def run(
        self, call: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """What `call` returns.

        Raises:
            Busy: too many calls wait, or this one took longer than `LONGEST_S`.
        """
        if self._open >= AT_ONCE + WAITING:
            raise Busy(f"{self._open} calls are waiting")
        future = asyncio.get_running_loop().run_in_executor(self._pool, partial(call, *args, **kwargs))
        # Counted until the call itself ends: a caller that left does not free its thread.
        self._open += 1
        future.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(LONGEST_S):
                return await asyncio.shield(future)
        except TimeoutError:
            raise Busy(f"no answer within {LONGEST_S:g} s") from None

    def _ended(self, future: asyncio.Future[Result]) -> None:
        self._open -= 1
        if not future.cancelled():
            future.exception()  # taken, so that an abandoned failure is not reported again

    def close(self) -> None:
        """Take no more calls; those under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
