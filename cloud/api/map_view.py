"""Devices on a map that may hold a million of them: groups while it is far, devices when it is near.

Groups of the coarser levels are counted from one look at the registry, which is kept for a moment; what a
near view needs is asked for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cloud.api.threads import Threads
from cloud.registry.cells import LEVELS, Box
from cloud.registry.port import CellCount, DeviceRecord, Registry
from telemetry.clock import Clock

MOST_DEVICES: Final = 500
"""So many devices are told one by one."""
KEPT_S: Final = 15.0
_KEPT_LEVEL: Final = 14
_FINER: Final = 2
"""Groups are cells two levels below the map's zoom: squares of 64 points on the screen."""


@dataclass(frozen=True, slots=True)
class Group:
    """Devices near each other."""

    latitude: float
    longitude: float
    count: int
    online: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a part of the map shows: groups, or devices."""

    groups: list[Group]
    devices: list[DeviceRecord]


class DeviceMap:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._cells: dict[int, list[CellCount]] = {}
        self._counted_s: float | None = None
        self._counting: asyncio.Task[None] | None = None

    async def look(
        self,
        registry: Registry,
        threads: Threads,
        clock: Clock,
        *,
        box: Box,
        zoom: int,
        device_class: str | None,
    ) -> Seen:
        """What the part `box` of the map shows at `zoom`.

        Raises:
            Busy, RegistryUnavailable: it cannot be told now.
        """
        level = min(zoom + _FINER, LEVELS)
        if level <= _KEPT_LEVEL:
            await self._count(registry, threads, clock)
            cells = self._of_level(level)
        else:
            cells = await threads.run(registry.map_cells, level, box)
        groups = _groups(cells, box, device_class)
        if sum(group.count for group in groups) > MOST_DEVICES:
            return Seen(groups, [])
        devices = await threads.run(
            registry.devices_in, box, device_class=device_class, limit=MOST_DEVICES + 1
        )
        # Groups are of a moment ago: should they have become many meanwhile, the groups stand.
        return Seen(groups, []) if len(devices) > MOST_DEVICES else Seen([], devices)

    async def _count(self, registry: Registry, threads: Threads, clock: Clock) -> None:
        """Look at the registry if the last look is old; while one is under way the old figures serve."""
        is_old = self._counted_s is None or clock.monotonic() - self._counted_s >= KEPT_S
        if is_old and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._count_now(registry, threads, clock))
        if self._counting is not None and self._counted_s is None:
            await asyncio.shield(self._counting)

    async def _count_now(self, registry: Registry, threads: Threads, clock: Clock) -> None:
        cells = await threads.run(registry.map_cells, _KEPT_LEVEL)
        self._cells = {_KEPT_LEVEL: cells}
        self._counted_s = clock.monotonic()

    def _of_level(self, level: int) -> list[CellCount]:
        known = self._cells.get(level)
        if known is None:
            known = self._cells[level] = _coarser(self._of_level(level + 1))
        return known


def _coarser(cells: Iterable[CellCount]) -> list[CellCount]:
    """The cells of the next level up."""
    sums: dict[tuple[int, str], list[float]] = {}
    for each in cells:
        kept = sums.setdefault((each.cell >> 2, each.device_class), [0, 0, 0.0, 0.0])
        kept[0] += each.count
        kept[1] += each.online
        kept[2] += each.latitude * each.count
        kept[3] += each.longitude * each.count
    return [
        CellCount(cell, device_class, int(count), int(online), latitude / count, longitude / count)
        for (cell, device_class), (count, online, latitude, longitude) in sums.items()
    ]


def _groups(cells: Iterable[CellCount], box: Box, device_class: str | None) -> list[Group]:
    """One group a cell, of all classes that are asked for, where its middle lies in the box."""
    found: dict[int, Group] = {}
    for each in cells:
        if device_class not in (None, each.device_class) or not box.holds(each.latitude, each.longitude):
            continue
        known = found.get(each.cell)
        if known is None:
            found[each.cell] = Group(each.latitude, each.longitude, each.count, each.online)
            continue
        count = known.count + each.count
        share = each.count / count
        found[each.cell] = Group(
            known.latitude + (each.latitude - known.latitude) * share,
            known.longitude + (each.longitude - known.longitude) * share,
            count,
            known.online + each.online,
        )
    return list(found.values())
