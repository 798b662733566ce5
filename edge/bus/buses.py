"""All buses of a gateway: one task each, and the way of commands to the right one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from collections.abc import Mapping as MappingOf

from edge.bus.learned_file import LearnedFile
from edge.bus.making import Bus, Surroundings, make_bus
from edge.bus.presence import Presence
from edge.bus.stamps import Stamps
from edge.bus.statistics import BusStatistics
from edge.counters.store import CountStore
from edge.decoding.binding import BoundGateway, BoundInstrument
from edge.decoding.mapping import Mapping
from edge.errors import NotWritable
from edge.ports import ReadingSink
from telemetry.clock import Clock, SystemClock
from telemetry.readings import Reading, Value


class Buses:
    """Implements `edge.ports.DevicePort` and feeds a `ReadingSink`."""

    def __init__(
        self,
        gateway: BoundGateway,
        sink: ReadingSink,
        *,
        clock: Clock | None = None,
        last_ms: MappingOf[str, int] | None = None,
        chance: random.Random | None = None,
        counts: CountStore | None = None,
        learned: LearnedFile | None = None,
        on_receiver: Callable[[bytes, float], None] = lambda _data, _at: None,
    ) -> None:
        """Prepare the buses; `run` opens them.

        Args:
            gateway: what to read.
            sink: takes batches, and learns which devices answer.
            clock: time of readings.
            last_ms: last time of each device that is already stored; new readings are later.
            chance: spreads retries.
            counts: keeps the counts of digital inputs; in memory only where it is left out.
            learned: keeps what Modbus units were found to refuse; in memory only where it is left out.
            on_receiver: gets what satellite receivers say, and the monotonic second at which they did.
        """
        self._gateway = gateway
        presence = Presence(gateway.devices, sink)
        stamps = Stamps(clock or SystemClock(), last_ms)
        around = Surroundings(
            sink,
            presence,
            stamps,
            counts or CountStore(None),
            learned or LearnedFile(None),
            last_ms or {},
            chance,
            on_receiver,
        )
        self._buses: dict[str, Bus] = {
            config.id: make_bus(config, instruments, around)
            for config in gateway.config.buses
            if (instruments := gateway.on_bus(config.id))
        }

    async def run(self) -> None:
        """Live until cancelled. A bus whose line is lost reconnects by itself and harms no other."""
        async with asyncio.TaskGroup() as group:
            for bus in self._buses.values():
                group.create_task(bus.run(), name=f"bus {bus.id}")

    @property
    def statistics(self) -> dict[str, BusStatistics]:
        """Counts by bus."""
        return {name: bus.statistics for name, bus in self._buses.items()}

    async def write(
        self,
        device: str,
        metric: str,
        value: Value,
        *,
        before: float | None = None,
        hold_s: float | None = None,
    ) -> None:
        """Write `value` to the point that `metric` maps to; see `edge.ports.DevicePort`."""
        instrument, mapping = self._find(device, metric)
        order = mapping.order(value, hold_s)
        await self._buses[instrument.bus].write(instrument, order, before)

    def timer_s(self, device: str, metric: str, value: Value) -> float | None:
        """The longest time for which the instrument itself can hold `value`; see `edge.ports.DevicePort`."""
        instrument, mapping = self._find(device, metric)
        return mapping.timer_s(value, instrument.profile)

    async def read(self, device: str, metric: str) -> Reading:
        """Ask for `metric` now, ahead of polls; see `edge.ports.DevicePort`."""
        instrument, mapping = self._find(device, metric)
        return await self._buses[instrument.bus].read(instrument, mapping)

    def _find(self, device: str, metric: str) -> tuple[BoundInstrument, Mapping]:
        bound = self._gateway.by_id.get(device)
        instrument = bound.instrument_of(metric) if bound is not None else None
        if instrument is None:
            raise NotWritable(f"no instrument of device {device!r} on this gateway has {metric!r}")
        return instrument, instrument.by_metric[metric]
