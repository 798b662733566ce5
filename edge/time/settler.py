"""Gives batches their UTC that were measured before it was known, as soon as it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from edge.spool.errors import SpoolError
from edge.spool.settling import Boot, Placement, place
from edge.spool.spool import Spool
from edge.time.keeper import TimeKeeper

_LOG: Final = logging.getLogger("edge.time")
TICK_S: Final = 1.0
_SOON_S: Final = 2.0
_LATER_S: Final = 60.0


def placements(boots: list[Boot], boot: str, began_ms: int) -> list[Placement]:
    """Where each boot lies, given that the present one, `boot`, began at UTC `began_ms`."""
    former = [each for each in boots if each.id != boot]
    present = [Placement(each.id, began_ms) for each in boots if each.id == boot]
    return place(former, began_ms) + present


class Settler:
    """Ticks the time, has the host asked, and settles what waits. One task of the agent."""

    def __init__(self, keeper: TimeKeeper, spool: Spool, ask_host: Callable[[], None]) -> None:
        self._keeper = keeper
        self._ask_host = ask_host
        self._spool = spool
        self._known = asyncio.Event()

    async def run(self) -> None:
        """Live until cancelled."""
        self._keeper.when_known(self._known.set)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick())
                group.create_task(self._settle())
        finally:
            self._keeper.keep()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._keeper.tick()
            self._ask_host()

    async def _settle(self) -> None:
        await self._spool.ready()
        await self._known.wait()
        pause_s = 0.0
        while True:
            await asyncio.sleep(pause_s)
            # What was on its way to the disk when the time became known comes with the next look.
            pause_s = _SOON_S if await self._settle_once() else _LATER_S

    async def _settle_once(self) -> bool:
        offset_s = self._keeper.offset_s
        assert offset_s is not None, "once known it stays known"
        try:
            waiting = await self._spool.boots()
            for placement in placements(waiting, self._keeper.boot, round(1000 * offset_s)):
                await self._spool.settle(placement)
                about = {"boot": placement.boot, "error_ms": placement.error_ms}
                _LOG.info("readings-got-their-time", extra=about)
        except SpoolError as error:
            _LOG.warning("spool-not-ready", extra={"cause": error})
            return True
        return bool(waiting)
