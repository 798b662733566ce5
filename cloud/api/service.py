"""The role `api`: HTTP API, live view and console in one event loop."""

from __future__ import annotations

import asyncio
import gc
import logging
from importlib.metadata import version

from cloud.api.app import make_app
from cloud.api.context import Context
from cloud.api.events import EventCodec
from cloud.api.server import bind, serve
from cloud.api.threads import Threads
from cloud.identity.people import People
from cloud.identity.sessions import Sessions, session_key
from cloud.keep import keep
from cloud.live.service import Live
from cloud.registry.port import Registry
from cloud.settings import Settings
from cloud.store.port import Store
from telemetry.clock import Clock, SystemClock
from telemetry.devices.library import Library

logger = logging.getLogger(__name__)


def make_context(settings: Settings, registry: Registry, store: Store, clock: Clock) -> Context:
    """The parts of the API over `registry` and `store`.

    Raises:
        SettingsError: the session key or a secret file cannot be used.
    """
    classes = Library.shipped().classes
    software = version("kega")
    threads = Threads()
    broker, *standbys = settings.broker.to_brokers()
    sessions = Sessions(session_key(settings.secrets_dir), clock.now_ms)
    return Context(
        registry=registry,
        store=store,
        classes=classes,
        people=People(registry, sessions, clock, threads.run),
        live=Live(
            broker,
            registry,
            store,
            classes=classes,
            clock=clock,
            encode=EventCodec(clock, software),
            standbys=standbys,
        ),
        threads=threads,
        clock=clock,
        version=software,
    )


async def run_api(settings: Settings, registry: Registry, store: Store) -> None:
    """Serve until cancelled. Live view and HTTP server are kept alive here, each by itself.

    The console can be mounted once in a process, so the application outlives both.

    Raises:
        SettingsError: the address cannot be listened on, or a secret cannot be read.
    """
    from cloud.console import mount

    clock = SystemClock()
    with bind(settings.http) as listener:
        context = make_context(settings, registry, store, clock)
        try:
            app = make_app(context)
            mount(app, state_dir=settings.secrets_dir.parent / "console", clock=clock)
            # What was made so far stays: without this every full collection walks it, 50 ms at a time.
            gc.collect()
            gc.freeze()

            async def http() -> None:
                await serve(app, listener, settings.http, context.live.hub.close)

            logger.info("api-listens", extra={"host": settings.http.host, "port": settings.http.port})
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(keep("live", context.live.run, clock), name="live")
                tasks.create_task(keep("http", http, clock), name="http")
        finally:
            context.threads.close()
