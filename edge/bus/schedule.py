"""Which scan is next: earliest deadline first, at most one of each outstanding.

A scan that cannot be made in time is left out and counted, never queued: an overloaded bus goes at the speed
of its line instead of standing still behind a growing queue.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Job:
    period_s: float
    due: float
    overruns: int = 0


class Schedule:
    """The periodic scans of one bus."""

    def __init__(self, periods_s: Mapping[str, float], now: float) -> None:
        self._jobs = {name: _Job(period, now) for name, period in periods_s.items()}

    def next(self, now: float, not_before: Callable[[str], float]) -> tuple[str | None, float]:
        """The scan to make now, or None and the seconds until one is ready.

        Args:
            now: monotonic time.
            not_before: monotonic time before which a scan must wait, whatever its deadline.
        """
        chosen, deadline, ready = None, math.inf, math.inf
        for name, job in self._jobs.items():
            ready_at = max(job.due, not_before(name))
            if ready_at > now:
                ready = min(ready, ready_at)
            elif job.due + job.period_s < deadline:
                chosen, deadline = name, job.due + job.period_s
        return (chosen, 0.0) if chosen is not None else (None, ready - now)

    def done(self, name: str, now: float) -> int:
        """Arm a scan again after it was made. Returns how many were left out since the last one."""
        job = self._jobs[name]
        job.due += job.period_s
        if job.due > now:
            return 0
        left_out = int((now - job.due) / job.period_s) + 1
        job.overruns += left_out
        job.due = now + job.period_s
        return left_out

    def skip(self, name: str, now: float) -> None:
        """Arm a scan again that was not made on purpose; nothing counts as left out."""
        job = self._jobs[name]
        job.due = max(job.due, now) + job.period_s

    def at_once(self, name: str, now: float) -> None:
        """Bring a scan forward."""
        self._jobs[name].due = now

    @property
    def overruns(self) -> int:
        """Scans left out since the start."""
        return sum(job.overruns for job in self._jobs.values())
