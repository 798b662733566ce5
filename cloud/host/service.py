"""The role `supervisor`: the host application and the dispatcher of commands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry

from cloud.backoff import Backoff
from cloud.configuration.pusher import Pusher
from cloud.control.dispatcher import Dispatcher
from cloud.errors import RegistryUnavailable
from cloud.host.archive import Archive
from cloud.host.fleet import Fleet
from cloud.host.journal import Journal
from cloud.host.liveness import Liveness
from cloud.host.metrics import HostMetrics
from cloud.host.moment import Moment
from cloud.host.rebirths import Rebirths
from cloud.host.recorder import Recorder
from cloud.host.supervisor import Supervisor
from cloud.registry.port import Admission, AlarmRecord, DeviceRecord, GatewayRecord, Registry
from cloud.settings import Settings
from cloud.store import open_store
from cloud.threads import in_thread
from telemetry.clock import SystemClock
from telemetry.devices.library import Library

RETIRED_EVERY_S: Final = 30.0
PAGE: Final = 5_000
MOST_ALARMS: Final = 1_000_000
LAST_WORDS_S: Final = 5.0
"""How long the end of the role may take to write what is still to be written."""

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


async def run_supervisor(
    settings: Settings, registry: Registry, *, collector: CollectorRegistry = REGISTRY
) -> None:
    """Be the host application until cancelled; then publish STATE offline. One for each broker and host id.

    It keeps the registry true to the births and deaths on the wire, and sends commands.

    Raises:
        ClassError: a device class cannot be used.
        SettingsError: the broker's password file cannot be read.
    """
    broker, *standbys = settings.broker.to_brokers()
    policy = settings.supervisor
    classes = Library.shipped().classes
    clock = SystemClock()
    journal = Journal()
    rebirths = Rebirths(
        per_s=policy.rebirths_per_s, pause_s=policy.rebirth_pause_s, bound=policy.max_gateways
    )
    archive = Archive(lambda: open_store(settings.store))
    fleet = Fleet(classes, policy, rebirths, journal, on_figures=archive.add)
    liveness = Liveness(classes, policy)
    recorder = Recorder(registry, journal, clock)
    metrics = HostMetrics(collector)
    try:
        gateways, devices, alarms = await _patiently(lambda: _known(registry))
        now = Moment.now(clock)
        fleet.load(gateways, devices, now)
        for gateway in sorted(gateways, key=lambda each: each.rebirth_asked_ms or 0):
            if gateway.rebirth_asked_ms is not None:
                rebirths.asked(gateway.id, now.s - max(0, now.ms - gateway.rebirth_asked_ms) / 1000)
        liveness.load(alarms)
        supervisor = Supervisor(
            broker,
            settings.host_id,
            registry,
            fleet=fleet,
            rebirths=rebirths,
            journal=journal,
            liveness=liveness,
            metrics=metrics,
            clock=clock,
            standbys=standbys,
            subscribe_qos=settings.broker.subscribe_qos,
        )
        pusher = Pusher(registry, supervisor, clock)
        supervisor.on_birth = pusher.gateway_born
        dispatcher = Dispatcher(registry, supervisor, clock)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(supervisor.run(dispatcher))
                tasks.create_task(supervisor.tick())
                tasks.create_task(recorder.run())
                tasks.create_task(dispatcher.run())
                tasks.create_task(pusher.run())
                tasks.create_task(archive.run())
                tasks.create_task(_follow_retired(registry, liveness))
        finally:
            await recorder.finish(LAST_WORDS_S)
    finally:
        archive.close()
        metrics.close()


async def _follow_retired(registry: Registry, liveness: Liveness) -> None:
    while True:
        retired = await _patiently(lambda: _devices(registry, Admission.RETIRED))
        liveness.retire(device.id for device in retired)
        await asyncio.sleep(RETIRED_EVERY_S)


def _known(registry: Registry) -> tuple[list[GatewayRecord], list[DeviceRecord], list[AlarmRecord]]:
    return (
        registry.gateways(),
        _devices(registry, None),
        registry.alarms(open_only=True, limit=MOST_ALARMS),
    )


def _devices(registry: Registry, admission: Admission | None) -> list[DeviceRecord]:
    devices: list[DeviceRecord] = []
    after = ""
    while page := registry.devices(admission=admission, after=after, limit=PAGE):
        devices += page
        after = page[-1].id
    return devices


async def _patiently(call: Callable[[], _Result]) -> _Result:
    """The answer of the registry, however long it takes to come."""
    backoff = Backoff(0.5, 15.0)
    while True:
        try:
            return await in_thread(call)
        except RegistryUnavailable as error:
            pause = backoff.next_s()
            _log.warning(
                "supervisor-waits-for-registry", extra={"retry_s": round(pause, 1), "cause": str(error)}
            )
            await asyncio.sleep(pause)
