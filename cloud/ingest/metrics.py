"""What ingest counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from cloud.observability.ack_lag import AckLag


class IngestMetrics:
    """Counters of one worker; `close` takes them out of the collector: the role may start again."""

    def __init__(self, collector: CollectorRegistry) -> None:
        self._collector = collector
        self.connected = Gauge(
            "kega_ingest_connected", "1 while the worker is subscribed at the broker.", registry=collector
        )
        self.messages = Counter(
            "kega_ingest_messages", "Messages received.", labelnames=("verb",), registry=collector
        )
        self.dropped = Counter(
            "kega_ingest_dropped_messages",
            "Messages dropped because the worker could not keep up; gateways send them again.",
            registry=collector,
        )
        self.unknown_device = Counter(
            "kega_ingest_unknown_device_messages",
            "Messages left unacknowledged because no birth has told of the device yet.",
            registry=collector,
        )
        self.values = Counter("kega_ingest_stored_values", "Values stored durably.", registry=collector)
        self.bad_values = Counter(
            "kega_ingest_bad_values",
            "Values stored with quality bad although the sender called them good.",
            registry=collector,
        )
        self.dead_letters = Counter(
            "kega_ingest_dead_letters",
            "Messages that could not be stored, by reason.",
            labelnames=("reason",),
            registry=collector,
        )
        self.acknowledged = Counter(
            "kega_ingest_acknowledged_batches", "Batches acknowledged to gateways.", registry=collector
        )
        self.retries = Counter(
            "kega_ingest_retries",
            "Calls repeated because a database did not answer.",
            labelnames=("step",),
            registry=collector,
        )
        self.write_seconds = Histogram(
            "kega_ingest_write_seconds",
            "Duration of one durable write.",
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=collector,
        )
        self.delay_seconds = Histogram(
            "kega_ingest_delay_seconds",
            "Time from a live measurement to its durable write, of the newest value of each write.",
            buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
            registry=collector,
        )
        self.lag = AckLag(collector)
        self.waiting = Gauge("kega_ingest_waiting_messages", "Messages that wait.", registry=collector)

    def close(self) -> None:
        """Take all metrics out of the collector."""
        self.lag.close()
        for metric in vars(self).values():
            if isinstance(metric, MetricWrapperBase):
                self._collector.unregister(metric)
