"""The ingest role."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry

from cloud.alarms.fast_lane import FastLane
from cloud.ingest.commit import Committer
from cloud.ingest.devices import Devices
from cloud.ingest.metrics import IngestMetrics
from cloud.ingest.worker import Worker
from cloud.registry.port import Registry
from cloud.settings import Settings
from cloud.store.port import Store
from telemetry.clock import SystemClock
from telemetry.devices.library import Library


async def run_ingest(
    settings: Settings, registry: Registry, store: Store, *, collector: CollectorRegistry = REGISTRY
) -> None:
    """Receive, store and acknowledge until cancelled.

    Several processes may do this for one broker: name a share in `ingest.shared_subscription` (MQTT 5), so
    that each message goes to one of them.

    Raises:
        ClassError: a device class cannot be used.
        SettingsError: the broker's password file cannot be read.
    """
    clock = SystemClock()
    classes = Library.shipped().classes
    metrics = IngestMetrics(collector)
    try:
        worker = Worker(
            settings.broker.to_broker(),
            Devices(registry, classes, clock),
            Committer(store, registry, FastLane(registry, classes), metrics, clock),
            metrics,
            clock,
            client_id=f"{settings.host_id}-ingest",
            share=settings.ingest.shared_subscription,
        )
        await worker.run()
    finally:
        metrics.close()
