"""Which batch goes out again, and when: a window over the spool, moved by acknowledgements. Pure.

A batch goes out live once, right after its commit. What is not acknowledged 5 s later is sent again as
historical, with 5 s, 10 s … 5 min between attempts. At most `largest` batches are on their way at once; the
window starts small, grows with every acknowledgement and is halved when an attempt is in vain, so that a
slow line is never filled with the past while the present waits.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from telemetry.sparkplug.ack import Ack

FIRST_S: Final = 5.0
LONGEST_S: Final = 300.0
LARGEST_WINDOW: Final = 64
_FIRST_WINDOW: Final = 8
_SMALLEST_WINDOW: Final = 4
_PARK_AFTER: Final = 4
_PARKING_PLACES: Final = 256


@dataclass(slots=True)
class _Attempt:
    """A batch that went out again and is not acknowledged."""

    sent_at: float
    due_at: float
    count: int = 1


@dataclass(slots=True)
class Delivery:
    """The state of delivery in one session. Times are monotonic seconds."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    largest: int = LARGEST_WINDOW
    random: random.Random = field(default_factory=random.Random)
    _window: float = _FIRST_WINDOW
    _attempts: dict[int, _Attempt] = field(default_factory=dict)
    _parked: dict[int, _Attempt] = field(default_factory=dict)
    _ripening: deque[tuple[float, int]] = field(default_factory=deque)
    _ripe: int = 0
    _last_ack_at: float = float("-inf")
    _waiting_since: float | None = None

    def begin(self, newest: int) -> None:
        """Data may flow: everything spooled up to `newest` has not gone out in this session."""
        self._attempts.clear()
        self._parked.clear()
        self._ripening.clear()
        self._window = min(_FIRST_WINDOW, self.largest)
        self._ripe = newest
        self._waiting_since = None

    def note_newest(self, now: float, newest: int) -> None:
        """The spool's highest number at this moment; what is not acknowledged `first_s` from now is due."""
        if newest > (self._ripening[-1][1] if self._ripening else self._ripe):
            self._ripening.append((now, newest))
        while self._ripening and now - self._ripening[0][0] >= self.first_s:
            self._ripe = self._ripening.popleft()[1]

    @property
    def ripe(self) -> int:
        """Batches up to this number may be sent again."""
        return self._ripe

    @property
    def window(self) -> int:
        """Batches that may be on their way now."""
        return int(self._window)

    @property
    def on_the_way(self) -> frozenset[int]:
        """Batches that must not be taken from the spool as new: they have their own time."""
        return frozenset(self._attempts.keys() | self._parked.keys())

    def room(self) -> int:
        """How many more batches may be sent from the spool now."""
        return max(0, self.window - len(self._attempts))

    def due(self, now: float) -> list[int]:
        """Batches whose waiting is over without an acknowledgement, longest waiting first."""
        late = sorted(
            (attempt.due_at, number)
            for attempts in (self._attempts, self._parked)
            for number, attempt in attempts.items()
            if attempt.due_at <= now
        )
        return [number for _, number in late]

    def sent(self, number: int, now: float) -> None:
        """`number` goes out (again) as historical."""
        before = self._attempts.pop(number, None) or self._parked.pop(number, None)
        count = 1 if before is None else before.count + 1
        pause = min(self.first_s * 2 ** (count - 1), self.longest_s) * self.random.uniform(1.0, 1.2)
        attempt = _Attempt(now, now + pause, count)
        if before is not None:
            self._window = max(min(_SMALLEST_WINDOW, self.largest), self._window / 2)
        # While the host acknowledges others, a batch that it passes over must not keep their place.
        host_works = before is not None and self._last_ack_at > before.sent_at
        if count > _PARK_AFTER and host_works and len(self._parked) < _PARKING_PLACES:
            self._parked[number] = attempt
        else:
            self._attempts[number] = attempt
        if self._waiting_since is None:
            self._waiting_since = now

    def sent_live(self, now: float) -> None:
        """A batch goes out live."""
        if self._waiting_since is None:
            self._waiting_since = now

    def gone(self, numbers: Iterable[int]) -> None:
        """These batches are not in the spool any more."""
        for number in numbers:
            self._attempts.pop(number, None)
            self._parked.pop(number, None)

    def acked(self, ack: Ack, now: float) -> None:
        """The host has stored what `ack` names."""
        found = [number for number in self.on_the_way if number in ack]
        self.gone(found)
        self._window = min(self.largest, self._window + len(found))
        self._last_ack_at = now
        self._waiting_since = None

    def lag(self, now: float) -> float:
        """Seconds since something went out without any acknowledgement after it; 0 where none is awaited."""
        return 0.0 if self._waiting_since is None else now - self._waiting_since
