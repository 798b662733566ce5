"""Between the buses and the spool: totals go on over restarts, impossible changes are marked bad."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import Final

from edge.counters.continuity import Pace, Total
from edge.counters.store import CountStore, KeptTotal
from edge.decoding.binding import BoundGateway, BoundInstrument
from edge.decoding.mapping import Mapping
from edge.drivers.base import InputDriver
from edge.drivers.registry import find_driver
from edge.errors import CountsError
from edge.ports import ReadingSink
from telemetry.readings import Batch, Quality, Reading, ValueType

logger = logging.getLogger(__name__)

KEEP_EVERY_MS: Final = 600_000
"""How often counts are written that only went on: a restart of the gateway forgets no more than that."""


@dataclass(slots=True)
class _Counter:
    total: Total
    wraps_at: float | None


@dataclass(slots=True)
class Continuity:
    """Judges readings by those before them; a `ReadingSink` in front of another."""

    sink: ReadingSink
    store: CountStore
    _counters: dict[tuple[str, str], _Counter] = field(default_factory=dict)
    _paces: dict[tuple[str, str], Pace] = field(default_factory=dict)
    _kept_ms: int = 0

    def watch(self, gateway: BoundGateway) -> None:
        """Begin with the counters and rates of `gateway`; what it shares with the former one goes on.

        Raises:
            CountsError: the file of totals cannot be read.
        """
        kept = {(each.device, each.metric): each for each in self.store.totals()}
        counters: dict[tuple[str, str], _Counter] = {}
        paces: dict[tuple[str, str], Pace] = {}
        for device in gateway.devices:
            for instrument in device.instruments:
                for mapping in instrument.mappings:
                    name = (device.id, mapping.metric)
                    if _counts_on_instrument(instrument, mapping):
                        known, before = self._counters.get(name), kept.get(name)
                        total = Total(before.offset, before.last) if before else Total()
                        counters[name] = _Counter(
                            known.total if known else total, _wraps_at(mapping, instrument)
                        )
                    rate = instrument.profile.by_key[mapping.key].max_rate
                    if rate is not None:
                        paces[name] = self._paces.get(name) or Pace(rate * abs(mapping.rule.factor))
        self._counters, self._paces = counters, paces

    async def accept(self, batch: Batch) -> None:
        """Judge and pass on; see `edge.ports.ReadingSink`."""
        await self.sink.accept(await self._judged(batch))

    async def keep(self, batch: Batch) -> bool:
        """Judge and pass on; see `edge.ports.ReadingSink`."""
        return await self.sink.keep(await self._judged(batch))

    async def device_up(self, device: str) -> None:
        """The device answers."""
        await self.sink.device_up(device)

    async def device_down(self, device: str, reason: str) -> None:
        """The device does not answer any more."""
        await self.sink.device_down(device, reason)

    async def close(self) -> None:
        """Write what went on since the last time."""
        await self._keep(list(self._counters))

    async def _judged(self, batch: Batch) -> Batch:
        restarted: list[tuple[str, str]] = []
        readings = tuple(self._judge(reading, restarted) for reading in batch.readings)
        newest = max((reading.time_ms for reading in batch.readings), default=0)
        if restarted:
            await self._keep(restarted)
        elif abs(newest - self._kept_ms) >= KEEP_EVERY_MS:
            self._kept_ms = newest
            await self._keep(list(self._counters))
        return Batch(batch.device, readings)

    def _judge(self, reading: Reading, restarted: list[tuple[str, str]]) -> Reading:
        name, value = (reading.device, reading.metric), reading.value
        if reading.quality is not Quality.GOOD or isinstance(value, str | bool | None):
            return reading
        pace = self._paces.get(name)
        if pace is not None and (cause := pace.follow(value, reading.time_ms / 1000)):
            return replace(reading, quality=Quality.BAD, reason=cause)
        counter = self._counters.get(name)
        if counter is None:
            return reading
        offset = counter.total.offset
        total, cause = counter.total.follow(value, counter.wraps_at)
        if total is None:
            return replace(reading, quality=Quality.BAD, reason=cause)
        if counter.total.offset != offset:
            restarted.append(name)
            extra = {"device": reading.device, "metric": reading.metric, "cause": f"goes on from {offset:g}"}
            logger.warning("counter-restarted", extra=extra)
        return replace(reading, value=round(total) if reading.type is ValueType.INT64 else total)

    async def _keep(self, names: list[tuple[str, str]]) -> None:
        totals = [
            KeptTotal(device, metric, total.offset, total.last)
            for device, metric in names
            if (total := self._counters[device, metric].total).last is not None
        ]
        if not totals:
            return
        try:
            await asyncio.to_thread(self.store.keep_totals, totals)
        except CountsError as error:
            logger.warning("totals-not-kept", extra={"cause": str(error)})


def _counts_on_instrument(instrument: BoundInstrument, mapping: Mapping) -> bool:
    """Whether the instrument itself counts: what the gateway counts is on disk already."""
    return mapping.point.counter and not isinstance(find_driver(instrument.profile.driver), InputDriver)


def _wraps_at(mapping: Mapping, instrument: BoundInstrument) -> float | None:
    native = instrument.profile.by_key[mapping.key].wraps_at
    return None if native is None else float(f"{native * mapping.rule.factor:.12g}")
