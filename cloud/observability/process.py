"""What every process tells of itself: its roles, who leads, and whether its event loop keeps up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

LOOK_S: Final = 1.0


class ProcessMetrics:
    """Figures of one process; `close` takes them out of the collector."""

    def __init__(self, collector: CollectorRegistry = REGISTRY) -> None:
        self._collector = collector
        self._up = Gauge(
            "kega_role_up",
            "1 while the role runs, a standby's too.",
            labelnames=("role",),
            registry=collector,
        )
        self._starts = Counter(
            "kega_role_starts",
            "Starts of the role; more than one means that it died.",
            labelnames=("role",),
            registry=collector,
        )
        self._leads = Gauge(
            "kega_leader", "1 while this process leads in the role, 0 while it stands by.",
            labelnames=("role",), registry=collector,
        )  # fmt: skip
        self._loop_lag = Gauge(
            "kega_event_loop_lag_seconds",
            "By how much the event loop was late, the longest since the last look of a second.",
            registry=collector,
        )

    @contextlib.contextmanager
    def running(self, role: str) -> Iterator[None]:
        """While the role runs."""
        self._starts.labels(role).inc()
        self._up.labels(role).set(1)
        try:
            yield
        finally:
            self._up.labels(role).set(0)

    @contextlib.contextmanager
    def leading(self, role: str) -> Iterator[None]:
        """While this process leads."""
        self._leads.labels(role).set(1)
        try:
            yield
        finally:
            self._leads.labels(role).set(0)

    def standing_by(self, role: str) -> None:
        """The role begins as a standby."""
        self._leads.labels(role).set(0)

    async def watch_loop(self) -> None:
        """Measure the event loop's lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._loop_lag.set(max(0.0, loop.time() - due))

    def close(self) -> None:
        """Out of the collector."""
        for metric in (self._up, self._starts, self._leads, self._loop_lag):
            self._collector.unregister(metric)
