"""The agent: joins buses, spool, uplink and commands, and brings them down in order."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Coroutine
from concurrent.futures import Future
from importlib.metadata import version
from typing import Any, Final

from edge.bus.buses import Buses
from edge.commands.executor import CommandExecutor
from edge.commands.journal import JOURNAL_FILE, CommandJournal
from edge.commands.report import Reporter
from edge.decoding.binding import BoundDevice, BoundGateway
from edge.spool.errors import SpoolError
from edge.spool.figures import SpoolLimits
from edge.spool.lock import state_folder
from edge.spool.schema import SPOOL_FILE
from edge.spool.spool import Spool
from edge.uplink.connections import ConnectionNumbers
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition
from edge.uplink.inbound import DeviceCommand
from edge.uplink.intake import STEP_BACK_MS, Intake
from edge.uplink.session import Devices
from edge.uplink.settings import UplinkSettings
from edge.uplink.uplink import Uplink
from telemetry.clock import SystemClock
from telemetry.readings import Batch

_LOG: Final = logging.getLogger("edge.agent")
_OPEN_WITHIN_S: Final = 10.0
_GOODBYE_WITHIN_S: Final = 10.0
BDSEQ_FILE: Final = "bdseq"


def define_gateway(bound: BoundGateway) -> GatewayDefinition:
    """What births and command checks must know of a bound configuration."""
    settle = {device.id: device.settle_s for device in bound.config.devices}
    devices = {device.id: _define_device(device, settle[device.id]) for device in bound.devices}
    return GatewayDefinition(bound.config.area, bound.config.gateway, devices, version("kega"))


def _define_device(device: BoundDevice, settle_s: dict[str, float]) -> DeviceDefinition:
    return DeviceDefinition(
        id=device.id,
        device_class=device.device_class.id,
        class_version=device.device_class.version,
        title=device.title,
        model=device.model,
        points={point.metric: point for point in device.points},
        writable=device.writable,
        latitude=device.latitude,
        longitude=device.longitude,
        settle_s=settle_s,
        alarm_values={
            alarm.point: alarm.equals for alarm in device.device_class.alarms if alarm.equals is not None
        },
    )


class Sink:
    """Takes what the buses measured: checked, stamped, into the spool."""

    def __init__(self, intake: Intake, spool: Spool, uplink: Uplink) -> None:
        self._intake = intake
        self._spool = spool
        self._uplink = uplink
        self.up: set[str] = set()
        """Devices that answer."""

    async def accept(self, batch: Batch) -> None:
        """Queue one scan for its commit; waits while the queue is full."""
        ready = self._intake.prepare(batch)
        if ready is not None:
            await self._spool.put(ready)

    async def accept_result(self, batch: Batch) -> Future[int | None]:
        """Queue a command's result; what is returned is done once that is durable."""
        ready = self._intake.prepare(batch, is_result=True)
        assert ready is not None, "a result has readings"
        return await self._spool.put(ready)

    async def device_up(self, device: str) -> None:
        """The device answers."""
        self.up.add(device)
        self._uplink.device_up(device)

    async def device_down(self, device: str, reason: str) -> None:
        """The device does not answer any more."""
        _LOG.warning("device-down", extra={"device": device, "cause": reason})
        self.up.discard(device)
        self._uplink.device_down(device)


async def run_agent(bound: BoundGateway, stopping: asyncio.Event) -> None:
    """Run the gateway until `stopping` is set, then end it without loss.

    Raises:
        StateLocked: another agent uses the same state folder.
        SpoolError: the state folder cannot be used.
    """
    with state_folder(bound.config.state_dir):
        await _Agent(bound).live(stopping)


class _Agent:
    def __init__(self, bound: BoundGateway) -> None:
        config = bound.config
        self._bound = bound
        self._clock = SystemClock()
        self._gateway = define_gateway(bound)
        self._devices = Devices(self._gateway)
        self._spool = Spool(
            config.state_dir / SPOOL_FILE,
            SpoolLimits(config.spool.max_bytes, config.spool.max_age_days, config.spool.keep_stored_days),
            self._clock,
            commit_every_s=config.spool.commit_every_ms / 1000,
        )
        self._uplink = Uplink(
            self._devices,
            self._spool,
            numbers=ConnectionNumbers(config.state_dir / BDSEQ_FILE),
            broker=config.broker.to_broker,
            on_command=self._submit,
            settings=UplinkSettings(
                primary_host=config.primary_host,
                reconnect_first_s=config.broker.reconnect_first_s,
                reconnect_longest_s=config.broker.reconnect_longest_s,
            ),
            clock=self._clock,
        )
        self._intake = Intake(self._gateway)
        self._sink = Sink(self._intake, self._spool, self._uplink)
        self._journal = CommandJournal(config.state_dir / JOURNAL_FILE, self._clock)

    async def live(self, stopping: asyncio.Event) -> None:
        self._spool.start(on_commit=self._uplink.committed, on_epoch=self._uplink.spool_replaced)
        last_ms = await self._learn_the_past()
        buses = Buses(self._bound, self._sink, clock=self._clock, last_ms=last_ms)
        self._executor = CommandExecutor(
            self._gateway,
            buses,
            self._journal,
            Reporter(self._sink.accept_result, self._clock),
            self._clock,
            is_up=lambda device: device in self._sink.up,
            accept_plain=self._bound.config.accept_plain_commands,
        )
        work: dict[str, Coroutine[Any, Any, None]] = {
            "uplink": self._run_uplink(),
            "buses": buses.run(),
            "commands": self._executor.run(),
        }
        tasks = {name: asyncio.create_task(each, name=name) for name, each in work.items()}
        stop = asyncio.create_task(stopping.wait())
        _LOG.info("agent-started", extra={"gateway": self._gateway.id, "devices": len(self._gateway.devices)})
        # What exists now lives as long as the process: the collector need not look at it again.
        gc.freeze()
        try:
            every: list[asyncio.Task[Any]] = [*tasks.values(), stop]
            await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks.values():
                if task.done():
                    task.result()
        finally:
            stop.cancel()
            await self._bring_down(tasks)

    def _submit(self, command: DeviceCommand) -> None:
        self._executor.submit(command)

    async def _run_uplink(self) -> None:
        await self._spool.ready()
        await self._uplink.run()

    async def _learn_the_past(self) -> dict[str, int]:
        """Newest times and births of former lives; without them where the disk does not answer in time."""
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                await self._spool.ready()
                times = await self._spool.last_times()
                self._devices.identities = await self._spool.identities()
                await self._spool.remember(
                    {name: device.identity() for name, device in self._gateway.devices.items()}
                )
        except (TimeoutError, SpoolError) as error:
            cause = str(error) or self._spool.trouble or "no answer"
            _LOG.warning("spool-not-ready", extra={"gateway": self._gateway.id, "cause": cause})
            return {}
        # Times from a clock that was wrong by years must not hold back those of the right one.
        believable_ms = self._clock.now_ms() + STEP_BACK_MS
        past = {device: time_ms for device, time_ms in times.items() if time_ms <= believable_ms}
        self._intake.stamps.learn(past)
        return past

    async def _bring_down(self, tasks: dict[str, asyncio.Task[None]]) -> None:
        """Stop measuring, commit, wait a moment for acknowledgements, say goodbye, release the files."""
        for name in ("commands", "buses"):
            tasks[name].cancel()
        await asyncio.gather(tasks["commands"], tasks["buses"], return_exceptions=True)
        await self._spool.flush()
        await self._uplink.stop()
        if self._uplink.is_connected:
            await asyncio.wait({tasks["uplink"]}, timeout=_GOODBYE_WITHIN_S)
        tasks["uplink"].cancel()
        await asyncio.gather(tasks["uplink"], return_exceptions=True)
        await self._spool.close()
        self._journal.close()
        _LOG.info("agent-ended", extra={"gateway": self._gateway.id})
