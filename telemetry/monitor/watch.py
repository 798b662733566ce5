"""The monitor's shell: an MQTT connection that only listens, and the engine behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from telemetry.clock import Clock, SystemClock
from telemetry.errors import LinkError
from telemetry.monitor.engine import Engine
from telemetry.monitor.rule import Rule, Violation
from telemetry.monitor.rules import RULES
from telemetry.mqtt import Broker, Link, open_link
from telemetry.sparkplug.topics import NAMESPACE

_QUEUE: Final = 50_000
_FIRST_RETRY_S: Final = 0.05
_LAST_RETRY_S: Final = 2.0
"""Short, so that the monitor is back before the gateways are and sees their births."""

logger = logging.getLogger(__name__)


class Monitor:
    """Listens to a broker and judges what it hears; reconnects by itself after a loss.

    It speaks MQTT 5 and subscribes with QoS 2 and Retain As Published, so that QoS and retain bit arrive as
    they were sent. On a broker without MQTT 5 it speaks 3.1.1 and leaves the rules about those bits out.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        host_id: str | None = None,
        rules: Iterable[Rule] = RULES,
        filters: tuple[str, ...] = (f"{NAMESPACE}/#",),
        on_breach: Callable[[Violation], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self.broker = broker
        self.engine = Engine(rules, host_id=host_id, sees_publish_bits=broker.protocol == 5)
        self.listening = threading.Event()
        """Set while subscribed."""
        self.losses = 0
        """How often the connection was lost or messages were dropped here."""
        self._filters = filters
        self._on_breach = on_breach
        self._clock = clock or SystemClock()

    async def run(self) -> None:
        """Listen until cancelled.

        Raises:
            LinkError: the broker cannot be reached at the first attempt, or refuses for good.
        """
        retry_s = _FIRST_RETRY_S
        was_up = False
        while True:
            try:
                await self._listen()
                was_up, retry_s = True, _FIRST_RETRY_S
            except LinkError as error:
                if not was_up or not error.retryable:
                    raise
                logger.info("monitor-waits", extra={"cause": str(error)})
            self.engine.missed_messages()
            await asyncio.sleep(random.uniform(retry_s / 2, retry_s))  # noqa: S311, spreads load only
            retry_s = min(retry_s * 2, _LAST_RETRY_S)

    async def _listen(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            link = await self._connect(stack)
            await link.subscribe(*self._filters, qos=2, retain_as_published=True)
            self.listening.set()
            try:
                await self._judge(link)
            finally:
                self.listening.clear()
                self.losses += 1

    async def _connect(self, stack: contextlib.AsyncExitStack) -> Link:
        name = f"kega-monitor-{random.randrange(16**8):08x}"  # noqa: S311, no secret
        try:
            return await stack.enter_async_context(open_link(self.broker, name, queue_size=_QUEUE))
        except LinkError as error:
            if self.broker.protocol != 5 or not error.retryable:
                raise
            older = replace(self.broker, protocol=4)
            try:
                link = await stack.enter_async_context(open_link(older, name, queue_size=_QUEUE))
            except LinkError:
                raise error from None
        logger.info("monitor-speaks-mqtt-3.1.1", extra={"broker": self.broker.url})
        self.broker = older
        self.engine.sees_publish_bits = False
        return link

    async def _judge(self, link: Link) -> None:
        dropped = 0
        async for message in link.messages():
            if link.dropped != dropped:
                dropped = link.dropped
                self.losses += 1
                logger.warning("monitor-too-slow", extra={"dropped": dropped})
                self.engine.missed_messages()
            for violation in self.engine.observe(message, self._clock.now_ms()):
                self._on_breach(violation)


@contextlib.contextmanager
def watching(broker: Broker, *, timeout_s: float = 10, **options: object) -> Iterator[Monitor]:
    """A monitor in a thread of its own, subscribed when the block begins; `options` are Monitor's.

    Raises:
        LinkError: the broker cannot be reached within `timeout_s`.
    """
    monitor = Monitor(broker, **options)  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()
    task = loop.create_task(monitor.run())
    failed: list[LinkError] = []

    def live() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        except LinkError as error:
            failed.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=live, name="kega-monitor", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + timeout_s
        while not monitor.listening.wait(0.02):
            if failed:
                raise failed[0]
            if time.monotonic() > deadline:
                raise LinkError(f"{broker.url}: the monitor is not subscribed within {timeout_s:g} s")
        yield monitor
    finally:
        with contextlib.suppress(RuntimeError):  # the loop is closed already where run() failed
            loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
