"""The ingest role."""

from __future__ import annotations

import asyncio
import secrets

from prometheus_client import REGISTRY, CollectorRegistry

from cloud.alarms.fast_lane import FastLane
from cloud.ingest.commit import Committer
from cloud.ingest.devices import Devices
from cloud.ingest.intake import Intake, InTurn, MqttIntake, PahoIntake
from cloud.ingest.letter_watch import LetterWatch
from cloud.ingest.metrics import IngestMetrics
from cloud.ingest.router import Router
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

    Several processes may do this for one broker: name a share in `ingest.shared_subscription`, so that each
    message goes to one of them; with transport nats they are of one queue group anyway.

    Raises:
        ClassError: a device class cannot be used.
        SettingsError: the broker's password file cannot be read.
    """
    clock = SystemClock()
    classes = Library.shipped().classes
    metrics = IngestMetrics(collector)
    try:
        worker = Worker(
            _intake(settings),
            Router(Devices(registry, classes, clock), clock),
            Committer(store, registry, FastLane(registry, classes), metrics, clock),
            metrics,
            clock,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(LetterWatch(registry, clock).run())
            tasks.create_task(worker.run())
    finally:
        metrics.close()


def _intake(settings: Settings) -> Intake:
    ingest, brokers = settings.ingest, settings.broker.to_brokers()
    if ingest.transport == "nats":
        from cloud.ingest.nats import NatsIntake

        urls = tuple(url.strip() for url in ingest.nats_url.split(","))
        return NatsIntake(urls, ingest.queue_group, brokers[0])
    kind = PahoIntake if ingest.transport == "paho" else MqttIntake
    client_id = f"{settings.host_id}-ingest-{secrets.token_hex(4)}"
    return InTurn([kind(broker, client_id, ingest.shared_subscription) for broker in brokers])
