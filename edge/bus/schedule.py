"""Which job is next: earliest deadline first, at most one of each outstanding.

A job that cannot be done in time is left out and counted, never queued: an overloaded bus goes at the speed
of its line instead of standing still behind a growing queue.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Job:
    period_s: float
    due: float
    ready_at: float
    """Not before this, whatever its deadline."""
    version: int = 0
    """Of its one valid entry in the heaps; older entries are dead."""
    is_running: bool = False
    overruns: int = 0


class Schedule:
    """The periodic jobs of one bus."""

    def __init__(self, periods_s: Mapping[str, float], now: float) -> None:
        self._jobs = {name: _Job(period, now, now) for name, period in periods_s.items()}
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, int, str]] = []
        """By the time from which they may run."""
        self._ready: list[tuple[float, int, int, str]] = []
        """By deadline."""
        for name in self._jobs:
            self._arm(name, now)

    def next(self, now: float) -> tuple[str | None, float]:
        """The job to do now, which then is outstanding; or None and the seconds until one is ready."""
        while self._waiting and self._waiting[0][0] <= now:
            _, _, version, name = heapq.heappop(self._waiting)
            job = self._jobs[name]
            if version == job.version and not job.is_running:
                heapq.heappush(self._ready, (job.due + job.period_s, next(self._order), version, name))
        while self._ready:
            _, _, version, name = heapq.heappop(self._ready)
            job = self._jobs[name]
            if version == job.version and not job.is_running:
                job.is_running = True
                return name, 0.0
        return None, self._waiting[0][0] - now if self._waiting else math.inf

    def take(self, name: str, now: float) -> bool:
        """Have a job done along with another. False where it is not ready, or outstanding already."""
        job = self._jobs[name]
        if job.is_running or job.ready_at > now:
            return False
        job.is_running = True
        return True

    def done(self, name: str, now: float) -> int:
        """Arm a job again after it was done. Returns how often it was left out since the last time."""
        job = self._jobs[name]
        due = job.due + job.period_s
        left_out = 0
        if due <= now:
            left_out = int((now - due) / job.period_s) + 1
            job.overruns += left_out
            due = now + job.period_s
        self._arm(name, due)
        return left_out

    def skip(self, name: str, now: float) -> None:
        """Arm a job again that was not done on purpose; nothing counts as left out."""
        job = self._jobs[name]
        self._arm(name, max(job.due, now) + job.period_s)

    def hold(self, name: str, until: float) -> None:
        """Give a job back that must not be done before `until`; it keeps its deadline."""
        self._arm(name, self._jobs[name].due, until)

    def at_once(self, name: str, now: float) -> None:
        """Bring a job forward; one that is outstanding stays so."""
        if not self._jobs[name].is_running:
            self._arm(name, now)

    def _arm(self, name: str, due: float, ready_at: float | None = None) -> None:
        job = self._jobs[name]
        job.due, job.ready_at = due, due if ready_at is None else ready_at
        job.is_running = False
        job.version += 1
        heapq.heappush(self._waiting, (job.ready_at, next(self._order), job.version, name))

    @property
    def overruns(self) -> int:
        """Jobs left out since the start."""
        return sum(job.overruns for job in self._jobs.values())
