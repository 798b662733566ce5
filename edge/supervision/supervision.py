"""Supervision of the agent's process: the watchdog, health figures on the wire, and the technician's view."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from edge.bus.statistics import BusStatistics
from edge.spool.errors import SpoolError
from edge.spool.figures import SpoolFigures
from edge.supervision.figures import Figure
from edge.supervision.health import SOONEST_S, Health
from edge.supervision.lag import LoopLag
from edge.supervision.lives import Lives
from edge.supervision.notify import Notifier
from edge.supervision.pulse import Pulse
from edge.supervision.status import serve_status
from edge.supervision.watchdog import Watchdog
from telemetry.clock import Clock
from telemetry.readings import Value
from telemetry.sparkplug.payload import Metric

_TICK_S: Final = 1.0
_LOOK_EVERY_S: Final = 5.0
_ANSWER_WITHIN_S: Final = 60.0
"""The spool's own limit for an answer; a slow disk is slow, but a writer that hangs is caught."""


class WatchedSpool(Protocol):
    """What is looked at of the spool."""

    @property
    def is_alive(self) -> bool: ...
    async def figures(self) -> SpoolFigures: ...


class Subject(Protocol):
    """The agent that is looked after."""

    @property
    def statistics(self) -> Mapping[str, BusStatistics]: ...
    @property
    def spool(self) -> WatchedSpool: ...
    @property
    def is_online(self) -> bool: ...
    def tell(self, metrics: tuple[Metric, ...]) -> None: ...


class Supervision:
    """Looks after one agent after another, for as long as the process lives."""

    def __init__(
        self,
        gateway: str,
        lives: Lives,
        notifier: Notifier,
        health: Health,
        *,
        lag: LoopLag,
        clock: Clock,
        watch: Callable[[], object] = lambda: None,
    ) -> None:
        """`watch` gives a state whose change is told at once."""
        self._watch = watch
        self._again = 0
        self._gateway = gateway
        self._lives = lives
        self._notifier = notifier
        self._health = health
        self._lag = lag
        self._clock = clock
        self._watchdog = Watchdog(notifier, lag, self._pulses, on_trouble=self._stuck)
        self._spool_pulse = Pulse()
        self._spool: SpoolFigures | None = None
        self._told: dict[str, Value] = {}
        self._told_ms = 0
        self._between = Pulse()
        self._collected: tuple[float, list[Figure]] = (float("-inf"), [])
        self.agent: Subject | None = None
        """The agent of now; None between two of them."""

    def look_after(self, agent: Subject | None) -> None:
        """Another agent begins; or this one has ended, and the next is expected soon."""
        self.agent = agent
        if agent is None:
            self._between.within(_ANSWER_WITHIN_S, "brings up the next agent")
        else:
            self._spool_pulse.within(_ANSWER_WITHIN_S, "has not answered")

    async def run(self) -> None:
        """Supervise until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lag.run())
            tasks.create_task(self._watchdog.run())
            tasks.create_task(self._look_at_spool())
            tasks.create_task(self._tell())

    async def serve(self, folder: Any) -> None:
        """Answer technicians until cancelled."""
        await serve_status(folder, self.status)

    def _pulses(self) -> dict[str, Pulse]:
        if self.agent is None:
            return {"the agent": self._between}
        buses = {f"bus {name}": each.pulse for name, each in self.agent.statistics.items()}
        return {**buses, "the spool": self._spool_pulse}

    def _stuck(self, trouble: str) -> None:
        """The next life must know why this one was ended, or that it was well again."""
        self._lives.ended(f"watchdog: {trouble}" if trouble else "running")

    async def _look_at_spool(self) -> None:
        """The writer's one thread answers between commits: an answer says that commits are not stuck."""
        while True:
            if self.agent is not None:
                self._spool_pulse.within(_ANSWER_WITHIN_S, "has not answered")
                try:
                    self._spool = await self.agent.spool.figures()
                except SpoolError:
                    self._spool = None
                    if self.agent is not None and self.agent.spool.is_alive:
                        # A disk that refuses is told as it is; starting anew would only lose what waits.
                        self._spool_pulse.within(_LOOK_EVERY_S, "has not answered")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            agent = self.agent
            if agent is None or not agent.is_online:
                continue
            if self._health.is_due(agent.statistics, self._again, self._watch()):
                now_ms = max(self._clock.now_ms(), self._told_ms + 1)
                figures = [each for each in self._collect() if self._told.get(each.name) != each.value]
                self._keep(figures, now_ms)
                agent.tell(tuple(figure.metric(now_ms) for figure in figures))

    def tell_again(self, group: str) -> None:
        """Somebody seems not to have heard the metrics that begin with `group`."""
        self._told = {name: value for name, value in self._told.items() if not name.startswith(group)}
        self._again += 1

    def _collect(self, *, may_be_old: bool = False) -> list[Figure]:
        """The figures of now, or of a moment ago: shares of a very short time would say nothing."""
        now = time.monotonic()
        collected_at, figures = self._collected
        if not may_be_old or now - collected_at >= SOONEST_S:
            buses = {} if self.agent is None else self.agent.statistics
            figures = self._health.collect(buses, self._spool)
            self._collected = (now, figures)
        return figures

    def _keep(self, figures: list[Figure], time_ms: int) -> None:
        self._told.update((figure.name, figure.value) for figure in figures)
        self._told_ms = time_ms

    def node_metrics(self, now_ms: int) -> tuple[Metric, ...]:
        """All figures, for an NBIRTH at `now_ms`."""
        figures = self._collect(may_be_old=True)
        self._told.clear()
        self._keep(figures, now_ms)
        return tuple(figure.metric(now_ms, with_unit=True) for figure in figures)

    def status(self) -> dict[str, Any]:
        """Everything that a technician may want to see now."""
        agent = self.agent
        now = time.monotonic()
        spool = self._spool
        return {
            "gateway": self._gateway,
            "process": os.getpid(),
            "time_ms": self._clock.now_ms(),
            "online": agent is not None and agent.is_online,
            "stuck": self._watchdog.trouble,
            "tasks": {
                name: {"doing": pulse.doing, "late_s": round(pulse.late_s(now), 1)}
                for name, pulse in self._pulses().items()
            },
            "spool": None
            if spool is None
            else {"depth": spool.depth, "oldest_ms": spool.oldest_ms, "dropped": spool.dropped},
            "figures": [
                {"name": each.name, "value": each.value, "unit": each.unit}
                for each in self._collect(may_be_old=True)
            ],
        }
