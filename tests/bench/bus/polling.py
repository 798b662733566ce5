"""A bus of the agent on its own, with a sink that counts."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from edge.bus.modbus_bus import ModbusBus
from edge.bus.presence import Presence
from edge.bus.stamps import Stamps
from edge.config import RtuBusConfig, TcpBusConfig
from edge.decoding.binding import BoundInstrument
from edge.decoding.mapping import Mapping
from telemetry.clock import SystemClock
from telemetry.devices.classes import Point, Text
from telemetry.devices.profiles import Canonical, Profile
from telemetry.readings import Batch, ValueType


def probe(registers: int) -> Profile:
    """A model with so many registers from address 0."""
    points = [{"key": f"r{n}", "fc": 3, "address": n, "type": "u16"} for n in range(registers)]
    return Profile.model_validate(
        {
            "profile": "probe",
            "title": "Probe",
            "class": "probe",
            "evidence": "A",
            "driver": "modbus",
            "transports": ["modbus-tcp", "modbus-rtu"],
            "points": points,
        }
    )


def instruments(bus: str, units: int, registers: int, every_s: float) -> list[BoundInstrument]:
    """So many units of that model, each a device."""
    model = probe(registers)
    mappings = tuple(
        Mapping(
            f"r{n}",
            Point(metric=f"Probe/R{n}", type=ValueType.INT32, unit="1", title=Text(vi="r", en="r")),
            Canonical(point=f"Probe/R{n}"),
            "",
        )
        for n in range(registers)
    )
    return [BoundInstrument(f"unit-{u}", model, bus, u, every_s, mappings) for u in range(1, units + 1)]


@dataclass
class CountingSink:
    """Counts scans by device."""

    scans: Counter[str] = field(default_factory=Counter)
    values: int = 0

    async def accept(self, batch: Batch) -> None:
        self.scans[batch.device] += 1
        self.values += len(batch.readings)

    async def device_up(self, device: str) -> None:
        return None

    async def device_down(self, device: str, reason: str) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Polled:
    """What a while of polling brought."""

    scans: Counter[str]
    values: int
    seconds: float
    cpu_s: float
    memory: tuple[int, int]
    """Resident bytes when it began to count and at the end."""
    statistics: Any


async def poll(
    config: RtuBusConfig | TcpBusConfig, bound: list[BoundInstrument], warm_s: float, seconds: float
) -> Polled:
    """Run a bus and count what comes after `warm_s`, for `seconds`."""
    sink = CountingSink()
    presence = Presence([SimpleNamespace(id=each.device) for each in bound], sink)  # type: ignore[misc]
    bus = ModbusBus(config, bound, sink, presence, Stamps(SystemClock()))
    task = asyncio.create_task(bus.run())
    try:
        await asyncio.sleep(warm_s)
        before, values, cpu, memory = Counter(sink.scans), sink.values, _cpu_s(), _resident()
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(seconds)
        passed = loop.time() - began
        return Polled(
            sink.scans - before,
            sink.values - values,
            passed,
            _cpu_s() - cpu,
            (memory, _resident()),
            bus.statistics,
        )
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
