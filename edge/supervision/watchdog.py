"""Feeds the service manager's watchdog, while there is reason to."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from edge.supervision.lag import LoopLag
from edge.supervision.notify import Notifier
from edge.supervision.pulse import Pulse

_LOG: Final = logging.getLogger("edge.supervision")
LONGEST_LAG_S: Final = 1.0
_FEEDS: Final = 4
"""Times that the watchdog is fed in its period."""
_UNWATCHED_S: Final = 15.0


class Watchdog:
    """Looks at every pulse; one that is late, or a loop that is, stops the feed.

    What is late may catch up, and the feed goes on. If it does not, the service manager ends the process and
    starts it anew: that is the cure for a task that hangs, and there is no milder one.
    """

    def __init__(
        self,
        notifier: Notifier,
        lag: LoopLag,
        pulses: Callable[[], Mapping[str, Pulse]],
        *,
        on_trouble: Callable[[str], None],
    ) -> None:
        """`on_trouble` learns of each new reason not to feed, for the next life to report."""
        self._notifier = notifier
        self._lag = lag
        self._pulses = pulses
        self._on_trouble = on_trouble
        self.trouble = ""
        """Why the watchdog is not fed; empty while all is well."""

    async def run(self) -> None:
        """Feed until cancelled."""
        every_s = (self._notifier.watchdog_s or _FEEDS * _UNWATCHED_S) / _FEEDS
        looked = time.monotonic()
        while True:
            await asyncio.sleep(every_s)
            now = time.monotonic()
            self._judge(self.find(now, looked))
            looked = now

    def find(self, now: float, since: float) -> str:
        """What is wrong at monotonic `now`; a late loop counts since monotonic `since`."""
        late = [
            f"{name} is {pulse.late_s(now):.0f} s late: it {pulse.doing}"
            for name, pulse in self._pulses().items()
            if pulse.late_s(now) > 0
        ]
        lag_s = self._lag.worst_s(since)
        if lag_s > LONGEST_LAG_S:
            late.append(f"the event loop stood still for {lag_s:.1f} s")
        return "; ".join(late)

    def _judge(self, trouble: str) -> None:
        if not trouble:
            self._notifier.alive()
            if self.trouble:
                _LOG.warning("watchdog-fed-again", extra={"after": self.trouble})
                self._on_trouble("")
        elif not self.trouble:
            _LOG.error(
                "watchdog-not-fed",
                extra={"cause": trouble, "next_step": "without progress the service is started anew"},
            )
            self._notifier.status(f"stuck: {trouble}")
            self._on_trouble(trouble)
        self.trouble = trouble
