"""One of several processes does a piece of work; another takes it over when that one is gone."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from cloud.errors import RegistryUnavailable
from cloud.leader.lock import Lock
from cloud.threads import in_thread

LOOK_S: Final = 1.0
"""A standby asks for the lock, and a leader confirms that it holds it, this often (with jitter)."""

_log = logging.getLogger(__name__)


async def lead(name: str, lock: Lock, work: Callable[[], Awaitable[None]], *, look_s: float = LOOK_S) -> None:
    """Do `work` whenever this process holds `lock`, until cancelled; stand by otherwise.

    While the lock's database does not answer, a leader goes on: nobody else can be elected. It steps down
    when the database is back and another was quicker. What `work` raises, this raises, with the lock given
    back, so that another may try.
    """
    try:
        while True:
            await _elected(name, lock, look_s)
            _log.info("leader-elected", extra={"role": name})
            doing = asyncio.create_task(_done(work), name=f"{name}-work")
            watching = asyncio.create_task(_deposed(name, lock, look_s))
            try:
                await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
                if doing.done():
                    doing.result()
                    return
                watching.result()
            finally:
                await _end(doing)
                await _end(watching)
            _log.warning("leader-deposed", extra={"role": name})
    finally:
        await asyncio.shield(in_thread(lock.release))


async def _done(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _elected(name: str, lock: Lock, look_s: float) -> None:
    told = False
    while True:
        try:
            if await in_thread(lock.take):
                return
            if not told:
                _log.info("standby", extra={"role": name})
                told = True
        except RegistryUnavailable as error:
            _log.warning("no-election", extra={"role": name, "cause": str(error)})
        await _pause(look_s)


async def _deposed(name: str, lock: Lock, look_s: float) -> None:
    """Return when another process holds the lock."""
    unconfirmed = False
    while True:
        await _pause(look_s)
        try:
            if not await in_thread(lock.take):
                return
            if unconfirmed:
                _log.info("leader-confirmed", extra={"role": name})
            unconfirmed = False
        except RegistryUnavailable as error:
            if not unconfirmed:
                _log.warning("leader-unconfirmed", extra={"role": name, "cause": str(error)})
            unconfirmed = True


async def _end(task: asyncio.Task[None]) -> None:
    if task.done():
        return
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("work-ends-badly", extra={"task": task.get_name(), "cause": str(error)})


async def _pause(look_s: float) -> None:
    await asyncio.sleep(random.uniform(0.7, 1.3) * look_s)  # noqa: S311, spreads load only
