"""An alarm for the operations centre while dead letters grow: somebody's data is not being stored."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final, Protocol

from cloud.errors import RegistryUnavailable
from cloud.registry.port import NewAlarm
from cloud.threads import in_thread
from telemetry.clock import Clock

RULE: Final = "dead-letters"
PLACE: Final = "kega-ingest"
"""Stands where other alarms name a device."""
LOOK_S: Final = 15.0
WINDOW_S: Final = 600.0
RAISED_AT: Final = 20
"""More new dead letters within `WINDOW_S` raise the alarm; a whole window without one ends it."""

_log = logging.getLogger(__name__)


class LetterBook(Protocol):
    """The calls of the registry that the watch needs."""

    def dead_letter_counts(self) -> dict[str, int]: ...
    def raise_alarm(self, alarm: NewAlarm) -> int: ...
    def clear_alarm(self, device: str, rule: str, *, time_ms: int) -> bool: ...


class LetterWatch:
    """Looks at the registry's counters, so that several workers see the same."""

    def __init__(self, book: LetterBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._seen: deque[tuple[float, dict[str, int]]] = deque()
        self._told = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await in_thread(self.look)
            except RegistryUnavailable as error:
                _log.debug("dead-letters-not-counted", extra={"cause": str(error)})
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Count what is new, and raise or clear the alarm. Blocking. Raises RegistryUnavailable."""
        now = self._clock.monotonic()
        counts = self._book.dead_letter_counts()
        self._seen.append((now, counts))
        while len(self._seen) > 1 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()
        since, before = self._seen[0]
        new = {reason: more for reason, count in counts.items() if (more := count - before.get(reason, 0))}
        if sum(new.values()) > RAISED_AT:
            if not self._told:
                self._book.raise_alarm(_alarm(new, self._clock.now_ms()))
            self._told = True
        elif not new and now - since >= WINDOW_S:
            # another worker's alarm, or one of before a restart, is ended too
            self._book.clear_alarm(PLACE, RULE, time_ms=self._clock.now_ms())
            self._told = False


def _alarm(new: dict[str, int], now_ms: int) -> NewAlarm:
    total = sum(new.values())
    kinds = ", ".join(f"{reason} {count}" for reason, count in sorted(new.items()))
    return NewAlarm(
        device=PLACE,
        gateway="",
        rule=RULE,
        severity="major",
        text_vi=f"{total} bản tin trong 10 phút không lưu được ({kinds})",
        text_en=f"{total} messages within 10 minutes could not be stored ({kinds})",
        advice_vi="Xem nguyên nhân bằng lệnh kega cloud dead-letters list, sửa rồi chạy replay",
        advice_en="See the causes with kega cloud dead-letters list, mend them, then replay",
        value=float(total),
        limit=float(RAISED_AT),
        raised_ms=now_ms,
    )
