"""Collects the figures of the gateway, and says when they have to be told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from edge.bus.statistics import BusStatistics
from edge.spool.figures import SpoolFigures
from edge.supervision.figures import DOUBLE, INT64, STRING, Figure, Utilisation, bus_figures
from edge.supervision.lag import LoopLag
from edge.supervision.lives import Life
from edge.supervision.machine import Machine, look

EVERY_S: Final = 60.0
SOONEST_S: Final = 2.0
"""A change of state is told at once, but not more often than this."""
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class ClockFigures:
    """What is known of the gateway's own time."""

    state: str
    offset_ms: float | None
    """How far the machine's clock is behind the gateway's time."""
    error_ms: float | None = None
    """By how much the gateway's time may be wrong."""


class Told(Protocol):
    """A part of the agent that tells figures of its own."""

    def figures(self) -> list[Figure]:
        """The figures of now, always of the same names."""
        ...


class Health:
    """Looks at everything; owns nothing of it."""

    def __init__(
        self,
        folder: Path,
        life: Callable[[], Life],
        lag: LoopLag,
        *,
        clock: Callable[[], ClockFigures],
        others: tuple[Told, ...] = (),
        machine: Callable[[Path], Machine] = look,
    ) -> None:
        self._folder = folder
        self._life = life
        self._lag = lag
        self._clock = clock
        self._others = others
        self._machine = machine
        self._began = self._looked = time.monotonic()
        self._cpu_s = time.process_time()
        self._utilisation = Utilisation()
        self._state: tuple[object, ...] = ()
        self._told_at = float("-inf")

    def collect(self, buses: Mapping[str, BusStatistics], spool: SpoolFigures | None) -> list[Figure]:
        """All figures of now. Shares (utilisation, processor) are of the time since the last call."""
        now = time.monotonic()
        shares = self._utilisation.look(buses, now)
        figures = [
            figure
            for bus, statistics in sorted(buses.items())
            for figure in bus_figures(bus, statistics, shares[bus])
        ]
        clock = self._clock()
        figures += [
            Figure("Clock/State", STRING, clock.state),
            Figure("Clock/Offset", DOUBLE, clock.offset_ms, "ms"),
            Figure("Clock/Error", DOUBLE, clock.error_ms, "ms"),
            Figure("Spool/Bytes", INT64, None if spool is None else spool.bytes_used, "By"),
        ]
        figures += self._process(now)
        self._looked = now
        return figures + [figure for other in self._others for figure in other.figures()]

    def _process(self, now: float) -> list[Figure]:
        machine = self._machine(self._folder)
        life = self._life()
        passed = now - self._looked
        share = (machine.cpu_s - self._cpu_s) / passed if passed > 0 else 0.0
        self._cpu_s = machine.cpu_s
        return [
            Figure("Disk/Free", INT64, machine.disk_free_bytes, "By"),
            Figure("Disk/Written", INT64, self._a_day(machine.written_bytes, now), "By/d"),
            Figure("Board/Temperature", DOUBLE, machine.temperature, "Cel"),
            Figure("Process/Memory", INT64, machine.memory_bytes, "By"),
            Figure("Process/CPU", DOUBLE, round(100 * max(share, 0.0), 2), "%"),
            Figure("Process/Loop Lag", DOUBLE, round(1000 * self._lag.worst_s(self._looked), 1), "ms"),
            Figure("Process/Uptime", INT64, round(now - self._began), "s"),
            Figure("Process/Starts", INT64, life.starts),
            Figure("Process/Last End", STRING, life.last_end),
        ]

    def _a_day(self, written_bytes: int | None, now: float) -> int | None:
        """Bytes written a day at the rate of this life so far; nothing in its first minute."""
        passed_s = now - self._began
        if written_bytes is None or passed_s < EVERY_S:
            return None
        return round(written_bytes * _DAY_S / passed_s)

    def is_due(self, buses: Mapping[str, BusStatistics], *others: object) -> bool:
        """Whether to tell now: a minute has passed, or a state has changed since the last telling."""
        now = time.monotonic()
        lines = tuple(
            (bus, counted.losses, counted.connections, *(unit.is_down for unit in counted.units.values()))
            for bus, counted in sorted(buses.items())
        )
        state = (lines, self._clock().state, *others)
        passed_s = now - self._told_at
        if passed_s < EVERY_S and (state == self._state or passed_s < SOONEST_S):
            return False
        self._state = state
        self._told_at = now
        return True
