"""The roles of the cloud tier as tasks of one process: started, kept alive, and ended together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

from cloud.identity.accounts import first_admin
from cloud.keep import Start, keep
from cloud.observability.process import ProcessMetrics
from cloud.observability.server import serving_metrics
from cloud.registry.database import open_registry
from cloud.registry.port import Registry
from cloud.settings import Settings, prepare_folders
from cloud.store import open_store
from cloud.store.port import Store
from telemetry.clock import SystemClock

logger = logging.getLogger(__name__)

END_S: Final = 15.0
"""Roles have so long to end; past it the process ends without them (nothing is lost by that)."""


class Part(StrEnum):
    """What a process may be told to do."""

    SUPERVISOR = "supervisor"
    """Liveness, rebirths, and the sending of commands."""
    INGEST = "ingest"
    API = "api"
    """HTTP API, live stream and console."""
    ROLLUP = "rollup"
    """Hourly and daily roll-ups; retention of the embedded store."""


async def run_cloud(settings: Settings, parts: Iterable[Part], *, tell: Callable[[str], None]) -> None:
    """Do `parts` until SIGTERM or SIGINT. `tell` shows the administrator's first password, once.

    Raises:
        SettingsError: a setting, a folder, a secret or the HTTP address cannot be used.
        RegistryUnavailable: the registry's database does not answer at the start.
    """
    prepare_folders(settings)
    registry = await asyncio.to_thread(open_registry, settings.registry)
    try:
        wanted = list(parts)
        if Part.API in wanted:
            password = await asyncio.to_thread(first_admin, registry)
            if password is not None:
                tell(f"First start: log in as 'admin' with the password {password} (it is shown this once)")
        store = open_store(settings.store)
        metrics = ProcessMetrics()
        try:
            with serving_metrics(settings.metrics):
                await _run(starts(settings, wanted, registry, store, metrics), metrics)
        finally:
            metrics.close()
            store.close()
    finally:
        registry.close()


def starts(
    settings: Settings, parts: Iterable[Part], registry: Registry, store: Store, metrics: ProcessMetrics
) -> dict[str, Start]:
    """How each part is started. It imports what it needs when it starts: an ingest worker needs no web.

    Of several processes with the supervisor or the roll-ups one does the work, and the others stand by.
    """

    async def supervisor() -> None:
        from cloud.host.service import run_supervisor

        await alone(Part.SUPERVISOR, lambda: run_supervisor(settings, registry))

    async def ingest() -> None:
        from cloud.ingest.service import run_ingest
        from cloud.rollup.late import MarkingStore

        await run_ingest(settings, registry, MarkingStore(store, registry, SystemClock()))

    async def api() -> None:
        from cloud.api.service import run_api

        await run_api(settings, registry, store)

    async def rollup() -> None:
        from cloud.rollup.service import run_rollup

        await alone(Part.ROLLUP, lambda: run_rollup(settings, registry, store))

    async def alone(part: Part, work: Start) -> None:
        from cloud.leader.election import lead
        from cloud.leader.lock import open_lock

        async def leading() -> None:
            with metrics.leading(part.value):
                await work()

        metrics.standing_by(part.value)
        await lead(part.value, open_lock(settings.registry, f"{part.value}-{settings.host_id}"), leading)

    known: dict[Part, Start] = {
        Part.SUPERVISOR: supervisor,
        Part.INGEST: ingest,
        Part.API: api,
        Part.ROLLUP: rollup,
    }
    return {part.value: known[part] for part in parts}


async def _run(work: dict[str, Start], metrics: ProcessMetrics) -> None:
    stop = asyncio.Event()
    clock = SystemClock()
    with _signals(stop):
        tasks = [
            asyncio.create_task(keep(name, _counted(name, start, metrics), clock), name=name)
            for name, start in work.items()
        ]
        watching = asyncio.create_task(metrics.watch_loop())
        stopping = asyncio.create_task(stop.wait())
        logger.info("cloud-started", extra={"roles": ",".join(work)})
        try:
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            logger.info("cloud-stops")
            stopping.cancel()
            watching.cancel()
            for task in tasks:
                task.cancel()
            _, late = await asyncio.wait(tasks, timeout=END_S)
            for task in late:
                logger.warning("role-does-not-end", extra={"role": task.get_name()})
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error


def _counted(name: str, start: Start, metrics: ProcessMetrics) -> Start:
    async def run() -> None:
        with metrics.running(name):
            await start()

    return run


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGTERM, signal.SIGINT)
    for each in wanted:
        loop.add_signal_handler(each, stop.set)
    try:
        yield
    finally:
        for each in wanted:
            loop.remove_signal_handler(each)
