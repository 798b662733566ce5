"""Strictly increasing times of each device (rule X-TS-1), because stores overwrite equal ones. Pure."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

_LOG: Final = logging.getLogger("edge.time")
CLOCK_KNOWN_MS: Final = 1_577_836_800_000
"""2020-01-01: anything before counts the milliseconds since the start of the machine, for want of UTC."""
STEP_BACK_MS: Final = 60_000


class StrictTimes:
    """The last time of each device, of UTC and of milliseconds since the start apart."""

    def __init__(self, last_ms: Mapping[str, int] | None = None) -> None:
        """Begin after `last_ms`, the newest times of former lives of the agent."""
        self._last: dict[tuple[str, bool], int] = {}
        self.learn(last_ms or {})

    def learn(self, times: Mapping[str, int]) -> None:
        """Newest times of former lives of the agent."""
        for device, time_ms in times.items():
            key = (device, time_ms >= CLOCK_KNOWN_MS)
            self._last[key] = max(time_ms, self._last.get(key, 0))

    def shift_ms(self, device: str, oldest_ms: int, newest_ms: int) -> int:
        """Milliseconds to add so that all times of a batch come after those before it.

        A clock that was set back by more than a minute is followed: to hold on to times from a wrong future
        would make every later reading wrong.
        """
        key = (device, newest_ms >= CLOCK_KNOWN_MS)
        last = self._last.get(key, 0)
        shift = 0
        if oldest_ms <= last:
            if last - newest_ms > STEP_BACK_MS:
                _LOG.warning("clock-stepped-back", extra={"device": device, "by_ms": last - newest_ms})
            else:
                shift = last + 1 - oldest_ms
        self._last[key] = newest_ms + shift
        return shift
