"""The connection to the broker, kept up for as long as the agent lives.

    uplink = Uplink(devices, spool, numbers=…, broker=…, on_command=…, settings=…, clock=…)
    spool.start(on_commit=uplink.committed, on_epoch=uplink.spool_replaced)
    await uplink.run()          # until `stop()`

One connection is one `Session`; when it is lost the next one begins after a jittered pause, with a new
`bdSeq`, births, and everything un-acknowledged from the spool.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from edge.spool.batches import SpooledBatch
from edge.spool.errors import SpoolError
from edge.spool.spool import Spool
from edge.uplink.brokers import BrokerChoice
from edge.uplink.connection import Connection
from edge.uplink.connections import ConnectionNumbers
from edge.uplink.inbound import DeviceCommand, PrimaryHost
from edge.uplink.reconnect import ReconnectPause
from edge.uplink.session import Devices, Session
from edge.uplink.settings import UplinkSettings
from telemetry.clock import Clock
from telemetry.errors import ConfigError, LinkError
from telemetry.mqtt import Broker, Will, open_link
from telemetry.sparkplug.payload import Metric

_LOG: Final = logging.getLogger("edge.uplink")
_DRAIN_TICK_S: Final = 0.05
_STEADY_S: Final = 10.0


class Uplink:
    """Sends what is committed, sends again what is not acknowledged, and passes commands on."""

    def __init__(
        self,
        devices: Devices,
        spool: Spool,
        *,
        numbers: ConnectionNumbers,
        broker: Callable[[], Broker],
        standbys: Sequence[Callable[[], Broker]] = (),
        on_command: Callable[[DeviceCommand], None],
        on_configuration: Callable[[str], None] = lambda _: None,
        on_time: Callable[[str], None] = lambda _: None,
        settings: UplinkSettings,
        clock: Clock,
    ) -> None:
        self._devices = devices
        self._spool = spool
        self._numbers = numbers
        self._brokers = (broker, *standbys)
        self._choice = BrokerChoice(len(self._brokers))
        self._on_command = on_command
        self._on_configuration = on_configuration
        self._on_time = on_time
        self._settings = settings
        self._clock = clock
        self._pause = ReconnectPause(settings.reconnect_first_s, settings.reconnect_longest_s)
        self._primary = None if settings.primary_host is None else PrimaryHost(settings.primary_host)
        self._connection: Connection | None = None
        self._newborn: dict[str, asyncio.TimerHandle] = {}
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()

    @property
    def is_online(self) -> bool:
        """Whether all births are out and data flows."""
        return self._connection is not None and self._connection.is_online

    @property
    def is_connected(self) -> bool:
        """Whether a connection stands that ought to be closed with a goodbye."""
        return self._connection is not None

    async def run(self) -> None:
        """Connect, serve, reconnect; returns after `stop()`. The spool must be open.

        Raises:
            SpoolError: the spool's writer has died.
        """
        while not self._stopping.is_set():
            try:
                cause = await self._one_connection()
            except (LinkError, ConfigError) as error:
                cause = str(error)
            if self._stopping.is_set():
                break
            if not self._leaving.is_set() and self._choice.failed():
                _LOG.warning("broker-changed", extra={"gateway": self._devices.gateway.id, "cause": cause})
            pause_s = self._pause.next()
            _LOG.warning(
                "broker-away",
                extra={
                    "gateway": self._devices.gateway.id,
                    "cause": cause,
                    "next_try_s": round(pause_s, 1),
                    "readings": "kept in the spool",
                },
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()

    async def stop(self) -> None:
        """Wait a moment for the last acknowledgements, then say goodbye and let `run` return."""
        deadline = self._clock.monotonic() + self._settings.drain_s
        with contextlib.suppress(SpoolError):
            while self.is_online and self._clock.monotonic() < deadline:
                if (await self._spool.figures()).depth == 0:
                    break
                await asyncio.sleep(_DRAIN_TICK_S)
        for timer in self._newborn.values():
            timer.cancel()
        self._stopping.set()
        self._leaving.set()

    async def _one_connection(self) -> str:
        gateway = self._devices.gateway.id
        self._leaving.clear()
        broker = self._brokers[self._choice.index]()
        try:
            figures = await self._spool.figures()
        except SpoolError as error:
            return str(error)
        session = Session(self._devices, self._numbers.take())
        will = session.will(self._clock.now_ms())
        async with open_link(
            broker, f"kega-{gateway}", will=Will(will.topic, will.payload, will.qos), queue_size=2000
        ) as link:
            began = self._clock.monotonic()
            _LOG.info("broker-connected", extra={"gateway": gateway, "broker": broker.url})
            self._connection = Connection(
                gateway,
                link,
                session,
                self._spool,
                figures=figures,
                primary=self._primary,
                on_command=self._on_command,
                on_configuration=self._on_configuration,
                on_time=self._on_time,
                settings=self._settings,
                clock=self._clock,
            )
            look = asyncio.create_task(self._look_for_first())
            try:
                return await self._connection.serve(self._leaving)
            finally:
                look.cancel()
                self._connection = None
                # A broker that drops everybody at once must not see them all again every few seconds.
                if self._clock.monotonic() - began >= _STEADY_S:
                    self._pause.connected()
                    self._choice.stood()

    async def _look_for_first(self) -> None:
        """While a standby broker is in use: leave it once the first one has answered twice."""
        gateway = self._devices.gateway.id
        while not self._choice.is_first:
            await asyncio.sleep(self._settings.look_for_first_s * random.uniform(0.75, 1.25))  # noqa: S311
            try:
                async with open_link(self._brokers[0](), f"kega-{gateway}-look"):
                    answers = True
            except (LinkError, ConfigError):
                answers = False
            if self._choice.first_seen(answers=answers):
                _LOG.info("first-broker-is-back", extra={"gateway": gateway})
                self._leaving.set()

    def committed(self, batches: list[SpooledBatch]) -> None:
        """Batches are durable: publish them, and remember their values for births."""
        for batch in batches:
            if batch.device in self._newborn:
                self._devices.known.learn(batch)
                self._give_birth(batch.device)
                if self._connection is not None:
                    self._connection.committed(batch)
            else:
                # Known only now: a birth that the batch itself brings about must not repeat it.
                if self._connection is not None:
                    self._connection.committed(batch)
                self._devices.known.learn(batch)

    def spool_replaced(self, epoch: str) -> None:
        """The spool began a new file: its epoch is announced by new births."""
        if self._connection is not None:
            _LOG.info("spool-epoch", extra={"gateway": self._devices.gateway.id, "epoch": epoch})
            self._connection.spool_replaced(epoch)

    def tell_node(self, metrics: Iterable[Metric]) -> None:
        """Publish figures of the gateway itself; not spooled, for the next ones replace them."""
        if self._connection is not None:
            self._connection.tell_node(metrics)

    def rebirth(self) -> None:
        """What the gateway can send has changed: births tell it."""
        if self._connection is not None:
            self._connection.rebirth()

    def device_up(self, device: str) -> None:
        """The device answers. Its birth waits a moment for the first values to be committed."""
        if device in self._devices.alive or device in self._newborn:
            return
        loop = asyncio.get_running_loop()
        self._newborn[device] = loop.call_later(self._settings.first_values_s, self._give_birth, device)

    def _give_birth(self, device: str) -> None:
        timer = self._newborn.pop(device, None)
        if timer is not None:
            timer.cancel()
        self._devices.alive.add(device)
        if self._connection is not None:
            self._connection.device_up(device)

    def device_down(self, device: str) -> None:
        """The device does not answer any more."""
        timer = self._newborn.pop(device, None)
        if timer is not None:
            timer.cancel()
        self._devices.alive.discard(device)
        if self._connection is not None:
            self._connection.device_down(device)
