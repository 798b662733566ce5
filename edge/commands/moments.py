"""Where moments come from: the machine's clocks, its boot, and whether the wall clock is right."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge.commands.lifetime import Moment
from telemetry.clock import Clock

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_id(file: Path = BOOT_ID) -> str:
    """The kernel's id of this start of the machine; where there is none, an id of this start of the agent."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return secrets.token_hex(16)


class Moments:
    """Tells the moment."""

    def __init__(self, clock: Clock, boot: str, is_clock_known: Callable[[], bool]) -> None:
        self._clock = clock
        self._boot = boot
        self._is_clock_known = is_clock_known

    def now(self) -> Moment:
        """Now."""
        clock = self._clock
        return Moment(clock.now_ms(), clock.monotonic(), self._boot, self._is_clock_known())
