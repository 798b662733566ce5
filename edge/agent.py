"""The agent: joins lines, spool, uplink and commands, and brings them down in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final

from edge.bus.learned_file import LEARNED_FILE, LearnedFile
from edge.bus.statistics import BusStatistics
from edge.commands.service import Commands
from edge.config import TrialConfig
from edge.configuration.trial import Sight
from edge.counters.store import COUNTS_FILE, CountStore
from edge.decoding.binding import BoundGateway
from edge.definition import define_devices, define_gateway
from edge.lines import Lines
from edge.programs.plan import plans_of
from edge.sink import Sink
from edge.spool.errors import SpoolError
from edge.spool.figures import SpoolLimits
from edge.spool.schema import SPOOL_FILE
from edge.spool.spool import Spool
from edge.time.asking import HostTime
from edge.time.gnss import GnssTime
from edge.time.keeper import TimeKeeper
from edge.time.machine import keep_time
from edge.time.settler import Settler
from edge.time.stamps import STEP_BACK_MS
from edge.uplink.connections import ConnectionNumbers
from edge.uplink.inbound import DeviceCommand
from edge.uplink.intake import Intake
from edge.uplink.session import Devices
from edge.uplink.settings import UplinkSettings
from edge.uplink.uplink import Uplink
from telemetry.clock import Clock
from telemetry.mqtt import Broker
from telemetry.sparkplug.payload import Metric
from telemetry.time_exchange import question_metric

_LOG: Final = logging.getLogger("edge.agent")
_OPEN_WITHIN_S: Final = 10.0
_GOODBYE_WITHIN_S: Final = 10.0
BDSEQ_FILE: Final = "bdseq"


class Agent:
    """One gateway at work, with one spool and one connection; its lines can be changed while it runs."""

    def __init__(
        self,
        bound: BoundGateway,
        *,
        node_metrics: Callable[[int], tuple[Metric, ...]] = lambda _: (),
        on_configuration: Callable[[str], None] = lambda _: None,
        clock: TimeKeeper | None = None,
    ) -> None:
        """Prepare everything; `live` begins. The state folder must be held.

        Args:
            bound: what to measure, and where to send it.
            node_metrics: what an NBIRTH of UTC milliseconds tells of health and configuration.
            on_configuration: gets what the host offers, unchecked.
            clock: the gateway's time; that of the machine where it is left out.
        """
        config = bound.config
        self._bound = bound
        self.clock = clock or keep_time(config.state_dir, trust_machine=config.time.trust_machine_clock)
        """The gateway's time; `state()` tells how far it can be believed."""
        self._clock: Clock = self.clock
        self._host_time = HostTime(self.clock)
        # One dict for everybody who checks against it: a change of configuration shows everywhere at once.
        self._definitions = define_devices(bound)
        self._gateway = replace(define_gateway(bound), devices=self._definitions)
        self._devices = Devices(self._gateway, node_metrics=node_metrics)
        self.spool = Spool(
            config.state_dir / SPOOL_FILE,
            SpoolLimits(
                config.spool.max_bytes,
                config.spool.max_age_days,
                config.spool.keep_stored_days,
                frozenset(
                    point.metric for device in bound.devices for point in device.points if point.counter
                ),
            ),
            self._clock,
            commit_every_s=config.spool.commit_every_ms / 1000,
        )
        self._uplink = Uplink(
            self._devices,
            self.spool,
            numbers=ConnectionNumbers(config.state_dir / BDSEQ_FILE),
            broker=self._judging_by_our_time(config.broker.to_broker),
            standbys=[
                self._judging_by_our_time(partial(config.broker.to_broker, url))
                for url in config.broker.standby_urls
            ],
            on_command=self._submit,
            on_configuration=on_configuration,
            on_time=self._host_time.answered,
            settings=UplinkSettings(
                primary_host=config.primary_host,
                reconnect_first_s=config.broker.reconnect_first_s,
                reconnect_longest_s=config.broker.reconnect_longest_s,
                look_for_first_s=config.broker.look_for_first_s,
                command_qos=config.broker.command_qos,
            ),
            clock=self._clock,
        )
        self._intake = Intake(self._gateway, boot=self.clock.boot, measured_ms=self.clock.measured_ms)
        self._sink = Sink(self._intake, self.spool, self._uplink)
        self._lines = Lines(
            self._sink,
            self.clock.measuring,
            GnssTime(self.clock.offer).heard,
            CountStore.opened(config.state_dir / COUNTS_FILE),
            LearnedFile(config.state_dir / LEARNED_FILE),
        )
        self.started = asyncio.Event()
        """Set once everything runs."""

    async def live(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set, then end without loss.

        Raises:
            SpoolError: the spool's writer has died.
        """
        self.spool.start(on_commit=self._uplink.committed, on_epoch=self._uplink.spool_replaced)
        last_ms = await self._learn_the_past()
        # Births that went out before told the earliest time that it could be.
        self.clock.when_known(self._uplink.rebirth)
        self._lines.start(self._bound, last_ms)
        self._commands = Commands(
            self._gateway,
            self._lines,
            self._bound.config.state_dir,
            self._sink.accept_result,
            self._clock,
            is_up=lambda device: device in self._sink.up,
            is_clock_known=lambda: self.clock.is_known,
            plans=plans_of(self._bound.config, self._bound.by_id),
            accept_plain=self._bound.config.accept_plain_commands,
        )
        self._sink.listeners.append(self._commands.values.note)
        work: dict[str, Coroutine[Any, Any, None]] = {
            "uplink": self._run_uplink(),
            "buses": self._lines.run(),
            "commands": self._commands.run(),
            "time": Settler(self.clock, self.spool, self._ask_for_time).run(),
        }
        tasks = {name: asyncio.create_task(each, name=name) for name, each in work.items()}
        stop = asyncio.create_task(stopping.wait())
        _LOG.info("agent-started", extra={"gateway": self._gateway.id, "devices": len(self._gateway.devices)})
        self.started.set()
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

    def takes(self, bound: BoundGateway) -> bool:
        """Whether `change` can bring `bound` about; anything but buses and devices needs a new agent.

        So do lamps of programs that are written in another way, or stand elsewhere.
        """
        free = {"buses": [], "devices": [], "title": "", "configuration": TrialConfig()}
        lamps = [
            [(plan.lamps, plan.place) for plan in plans_of(each.config, each.by_id)]
            for each in (bound, self._bound)
        ]
        is_alike = bound.config.model_copy(update=free) == self._bound.config.model_copy(update=free)
        return is_alike and lamps[0] == lamps[1]

    async def change(self, bound: BoundGateway) -> None:
        """Measure by `bound` from now on; lines that it does not change go on, and so does the connection.

        Devices on lines that change die (DDEATH) and are born again when they answer.
        """
        gone = await self._lines.stop_changed(bound)
        for device in sorted(gone & self._sink.up):
            await self._sink.device_down(device, "the configuration changes")
        self._sink.points.forget(gone)
        self._bound = bound
        self._definitions.clear()
        self._definitions.update(define_devices(bound))
        with contextlib.suppress(SpoolError):  # told again at the next start
            await self.spool.remember({name: each.identity() for name, each in self._definitions.items()})
        self._lines.start(bound)
        self._uplink.rebirth()

    @property
    def statistics(self) -> dict[str, BusStatistics]:
        """Counts by bus."""
        return self._lines.statistics

    @property
    def is_online(self) -> bool:
        """Whether births are out and data flows."""
        return self._uplink.is_online

    def tell(self, metrics: tuple[Metric, ...]) -> None:
        """Publish figures of the gateway itself."""
        self._uplink.tell_node(metrics)

    async def sight(self) -> Sight:
        """What a trial of a configuration is judged by. Raises `SpoolError`."""
        figures = await self.spool.figures()
        good = self._sink.points.good(self._sink.up)
        return Sight(good, self.is_online, figures.acked, figures.depth)

    def _judging_by_our_time(self, broker: Callable[[], Broker]) -> Callable[[], Broker]:
        """`broker`, whose certificates are judged by the gateway's time: the machine's may be of 1970."""
        return lambda: replace(broker(), now_ms=self.clock.now_ms)

    def _submit(self, command: DeviceCommand) -> None:
        self._commands.submit(command)

    def _ask_for_time(self) -> None:
        if not self.is_online:
            return
        asked_ms = self._host_time.question()
        if asked_ms is not None:
            self.tell((question_metric(asked_ms, self._clock.now_ms()),))

    async def _run_uplink(self) -> None:
        await self.spool.ready()
        await self._uplink.run()

    async def _learn_the_past(self) -> dict[str, int]:
        """Newest times and births of former lives; without them where the disk does not answer in time."""
        try:
            async with asyncio.timeout(_OPEN_WITHIN_S):
                await self.spool.ready()
                times = await self.spool.last_times()
                self._devices.identities = await self.spool.identities()
                await self.spool.remember(
                    {name: device.identity() for name, device in self._gateway.devices.items()}
                )
        except (TimeoutError, SpoolError) as error:
            cause = str(error) or self.spool.trouble or "no answer"
            _LOG.warning("spool-not-ready", extra={"gateway": self._gateway.id, "cause": cause})
            return {}
        # Times from a clock that was wrong by years must not hold back those of the right one.
        believable_ms = self._clock.now_ms() + STEP_BACK_MS
        past = {device: time_ms for device, time_ms in times.items() if time_ms <= believable_ms}
        self._intake.stamps.learn(past)
        return past

    async def _bring_down(self, tasks: dict[str, asyncio.Task[None]]) -> None:
        """Stop measuring, commit, wait a moment for acknowledgements, say goodbye, release the files."""
        measuring = [tasks[name] for name in ("commands", "buses", "time")]
        for task in measuring:
            task.cancel()
        await asyncio.gather(*measuring, return_exceptions=True)
        await self.spool.flush()
        await self._uplink.stop()
        if self._uplink.is_connected:
            await asyncio.wait({tasks["uplink"]}, timeout=_GOODBYE_WITHIN_S)
        tasks["uplink"].cancel()
        await asyncio.gather(tasks["uplink"], return_exceptions=True)
        await self.spool.close()
        self._commands.close()
        _LOG.info("agent-ended", extra={"gateway": self._gateway.id})
