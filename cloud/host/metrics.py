"""What the supervisor counts, for Prometheus."""

from __future__ import annotations

from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics import MetricWrapperBase


class HostMetrics:
    """Counters of the supervisor; `close` takes them out of the collector: the role may start again."""

    def __init__(self, collector: CollectorRegistry) -> None:
        self._collector = collector
        self._told: Tally[str] = Tally()
        self.connected = Gauge(
            "kega_host_connected", "1 while the supervisor owns STATE at the broker.", registry=collector
        )
        self.messages = Counter("kega_host_messages", "Messages received.", registry=collector)
        self.dropped = Counter(
            "kega_host_dropped_messages",
            "Messages dropped because the supervisor could not keep up.",
            registry=collector,
        )
        self.malformed = Counter(
            "kega_host_malformed_messages", "Messages that cannot be read.", registry=collector
        )
        self.events = Counter(
            "kega_host_events",
            "Irregularities in sessions: gaps, lost messages, ignored deaths, refused births.",
            labelnames=("event",),
            registry=collector,
        )
        self.rebirths = Counter("kega_host_rebirth_requests", "Rebirth requests sent.", registry=collector)
        self.gateways = Gauge(
            "kega_host_gateways", "Gateways by presence.", labelnames=("presence",), registry=collector
        )
        self.waiting = Gauge(
            "kega_host_waiting_changes", "Changes that wait for the registry.", registry=collector
        )

    def tell_events(self, counts: Tally[str]) -> None:
        """Bring the event counters to `counts`."""
        for event, number in counts.items():
            self.events.labels(event).inc(number - self._told[event])
        self._told = counts.copy()

    def close(self) -> None:
        """Take all metrics out of the collector."""
        for metric in vars(self).values():
            if isinstance(metric, MetricWrapperBase):
                self._collector.unregister(metric)
