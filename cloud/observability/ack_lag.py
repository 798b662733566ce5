"""How long gateways wait for their acknowledgements: all in a histogram, the worst few by name."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

WORST: Final = 10
"""Gateways that are named: a province has too many for a series each."""
WINDOW_S: Final = 60.0
MAX_GATEWAYS: Final = 50_000
"""Gateways remembered in a window; past it the histogram alone counts further ones."""


class AckLag(Collector):
    """Observed by the event loop, collected from another thread."""

    def __init__(self, collector: CollectorRegistry, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._collector = collector
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._longest: dict[str, float] = {}
        self._before: dict[str, float] = {}
        self._all = Histogram(
            "kega_ingest_acknowledgement_lag_seconds",
            "Time from the arrival of a gateway's oldest waiting batch to its acknowledgement.",
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
            registry=collector,
        )
        collector.register(self)

    def observe(self, gateway: str, seconds: float) -> None:
        """One acknowledgement was sent to `gateway`."""
        self._all.observe(seconds)
        now_s = self._monotonic()
        if now_s - self._began_s >= WINDOW_S:
            self._before = self._longest if now_s - self._began_s < 2 * WINDOW_S else {}
            self._longest, self._began_s = {}, now_s
        if seconds > self._longest.get(gateway, -1.0) and (
            gateway in self._longest or len(self._longest) < MAX_GATEWAYS
        ):
            self._longest[gateway] = seconds

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The longest lags of the last one to two minutes, of the worst gateways."""
        longest = self._before | self._longest
        for gateway, seconds in list(self._before.items()):
            longest[gateway] = max(longest[gateway], seconds)
        family = GaugeMetricFamily(
            "kega_ingest_acknowledgement_lag_worst_seconds",
            f"Longest lag within the last minutes, of the {WORST} gateways that waited longest.",
            labels=["gateway"],
        )
        for gateway, seconds in heapq.nlargest(WORST, longest.items(), key=lambda each: each[1]):
            family.add_metric([gateway], seconds)
        yield family

    def close(self) -> None:
        """Out of the collector: the role may start again."""
        self._collector.unregister(self._all)
        self._collector.unregister(self)
