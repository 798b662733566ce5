"""The gateway's lines in groups that share devices: a change of configuration stops only what it names.

A group is the smallest set of buses that no device leaves. Each group is one `Buses` with a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.bus.buses import Buses
from edge.bus.learned_file import LearnedFile
from edge.bus.statistics import BusStatistics
from edge.counters.sink import Continuity
from edge.counters.store import CountStore
from edge.decoding.binding import BoundGateway
from edge.errors import NotWritable
from edge.ports import ReadingSink
from telemetry.clock import Clock
from telemetry.readings import Reading, Value


def groups_of(gateway: BoundGateway) -> list[BoundGateway]:
    """`gateway` cut into parts that share neither a bus nor a device; unused buses are left out."""
    parts: list[set[str]] = []
    for device in gateway.devices:
        buses = {each.bus for each in device.instruments}
        touched = [part for part in parts if part & buses]
        parts = [part for part in parts if not part & buses]
        parts.append(buses.union(*touched))
    return [_part(gateway, buses) for buses in parts]


def _part(gateway: BoundGateway, buses: set[str]) -> BoundGateway:
    devices = tuple(each for each in gateway.devices if each.instruments[0].bus in buses)
    ids = {device.id for device in devices}
    content = {
        "buses": [bus for bus in gateway.config.buses if bus.id in buses],
        "devices": [device for device in gateway.config.devices if device.id in ids],
    }
    return BoundGateway(gateway.config.model_copy(update=content), devices)


def _reads_alike(one: BoundGateway, other: BoundGateway) -> bool:
    """Whether both ask the same instruments on the same lines; titles and places are no difference."""
    if one.config.buses != other.config.buses:
        return False
    asked = [[(each.id, each.instruments) for each in gateway.devices] for gateway in (one, other)]
    return asked[0] == asked[1]


@dataclass(frozen=True, slots=True)
class _Group:
    gateway: BoundGateway
    buses: Buses
    task: asyncio.Task[None]


class Lines:
    """All groups; implements `edge.ports.DevicePort`. Lives in the event loop."""

    def __init__(
        self,
        sink: ReadingSink,
        clock: Clock,
        on_receiver: Callable[[bytes, float], None] = lambda _data, _at: None,
        counts: CountStore | None = None,
        learned: LearnedFile | None = None,
    ) -> None:
        self._counts = counts or CountStore(None)
        self._learned = learned or LearnedFile(None)
        self._sink = Continuity(sink, self._counts)
        self._clock = clock
        self._on_receiver = on_receiver
        self._groups: list[_Group] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Live until cancelled; raises what ends a group, which is a fault of the program."""
        try:
            await self._failed
        finally:
            await self._stop(self._groups)
            await self._sink.close()
            self._counts.close()

    def start(self, gateway: BoundGateway, last_ms: Mapping[str, int] | None = None) -> None:
        """Begin every group of `gateway` that does not run yet, with times after those of `last_ms`."""
        self._sink.watch(gateway)
        for part in groups_of(gateway):
            if not any(_reads_alike(part, group.gateway) for group in self._groups):
                buses = Buses(
                    part,
                    self._sink,
                    clock=self._clock,
                    last_ms=last_ms,
                    counts=self._counts,
                    learned=self._learned,
                    on_receiver=self._on_receiver,
                )
                task = asyncio.create_task(buses.run(), name=f"buses {', '.join(part.config.bus_by_id)}")
                task.add_done_callback(self._ended)
                self._groups.append(_Group(part, buses, task))

    async def stop_changed(self, gateway: BoundGateway) -> frozenset[str]:
        """End every group that `gateway` does not have as it is; returns the devices that it had."""
        wanted = groups_of(gateway)
        changed = [
            group for group in self._groups if not any(_reads_alike(part, group.gateway) for part in wanted)
        ]
        await self._stop(changed)
        return frozenset(device.id for group in changed for device in group.gateway.devices)

    async def _stop(self, groups: list[_Group]) -> None:
        self._groups = [group for group in self._groups if group not in groups]
        for group in groups:
            group.task.cancel()
        await asyncio.gather(*(group.task for group in groups), return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and not self._failed.done():
            error = task.exception()
            self._failed.set_exception(error or RuntimeError(f"{task.get_name()} ended by itself"))

    @property
    def statistics(self) -> dict[str, BusStatistics]:
        """Counts by bus."""
        return {name: each for group in self._groups for name, each in group.buses.statistics.items()}

    async def write(self, device: str, metric: str, value: Value, **limits: float | None) -> None:
        """Write `value` to the point that `metric` maps to; see `edge.ports.DevicePort`."""
        await self._of(device).write(device, metric, value, **limits)

    def timer_s(self, device: str, metric: str, value: Value) -> float | None:
        """How long the instrument itself can hold `value`; see `edge.ports.DevicePort`."""
        return self._of(device).timer_s(device, metric, value)

    async def read(self, device: str, metric: str) -> Reading:
        """Ask for `metric` now, ahead of polls; see `edge.ports.DevicePort`."""
        return await self._of(device).read(device, metric)

    def _of(self, device: str) -> Buses:
        for group in self._groups:
            if device in group.gateway.by_id:
                return group.buses
        raise NotWritable(f"no instrument of device {device!r} is on this gateway")
