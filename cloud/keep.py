"""Keeping a piece of work alive that should run for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from cloud.backoff import Backoff
from cloud.errors import SettingsError
from telemetry.clock import Clock

logger = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 60.0
"""What ran so long begins again with the shortest pause."""

Start: TypeAlias = Callable[[], Awaitable[None]]


async def keep(name: str, start: Start, clock: Clock, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
    """Run a role for ever: when it dies, log why and start it again after a pause.

    Raises:
        SettingsError: at its first start the role says that it never can run like this.
    """
    pauses = Backoff(first_pause_s, LONGEST_PAUSE_S)
    first = True
    while True:
        began = clock.monotonic()
        try:
            await start()
            cause = "it ended by itself"
        except Exception as failure:
            error = _innermost(failure)
            if first and isinstance(error, SettingsError):
                raise error from failure
            cause = f"{type(error).__name__}: {error}"
            logger.debug("role-failure", extra={"role": name}, exc_info=True)
        first = False
        if clock.monotonic() - began > STEADY_S:
            pauses.reset()
        pause_s = pauses.next_s()
        logger.error("role-died", extra={"role": name, "cause": cause, "again_in_s": f"{pause_s:.1f}"})
        await asyncio.sleep(pause_s)


def _innermost(error: Exception) -> Exception:
    """The first cause inside groups of exceptions."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
