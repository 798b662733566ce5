"""Between the buses and the spool: totals go on over restarts, impossible changes are marked bad."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
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
class _Rule:
    """What is known of one metric of one device."""

    total: Total | None
    wraps_at: float | None
    pace: Pace | None


class Continuity:
    """Judges readings by those before them; a `ReadingSink` in front of another."""

    def __init__(self, sink: ReadingSink, store: CountStore) -> None:
        self._sink = sink
        self._store = store
        self._rules: dict[str, dict[str, _Rule]] = {}
        """By device and metric; a device without counters and rates is not in it."""
        self._kept_ms = 0

    def watch(self, gateway: BoundGateway) -> None:
        """Begin with the counters and rates of `gateway`; what it shares with the former one goes on."""
        kept: dict[tuple[str, str], KeptTotal] = {}
        try:
            kept = {(each.device, each.metric): each for each in self._store.totals()}
        except CountsError as error:
            logger.warning("totals-not-read", extra={"cause": str(error)})
        rules: dict[str, dict[str, _Rule]] = {}
        for device in gateway.devices:
            former = self._rules.get(device.id, {})
            for instrument in device.instruments:
                for mapping in instrument.mappings:
                    rule = _rule(instrument, mapping, former.get(mapping.metric))
                    if rule is None:
                        continue
                    before = kept.get((device.id, mapping.metric))
                    if rule.total is not None and rule.total.last is None and before is not None:
                        rule.total = Total(before.offset, before.last)
                    rules.setdefault(device.id, {})[mapping.metric] = rule
        self._rules = rules

    async def accept(self, batch: Batch) -> None:
        """Judge and pass on; see `edge.ports.ReadingSink`."""
        await self._sink.accept(await self._judged(batch))

    async def keep(self, batch: Batch) -> bool:
        """Judge and pass on; see `edge.ports.ReadingSink`."""
        return await self._sink.keep(await self._judged(batch))

    async def device_up(self, device: str) -> None:
        """The device answers."""
        await self._sink.device_up(device)

    async def device_down(self, device: str, reason: str) -> None:
        """The device does not answer any more."""
        await self._sink.device_down(device, reason)

    async def close(self) -> None:
        """Write what went on since the last time."""
        await self._keep(self._all())

    async def _judged(self, batch: Batch) -> Batch:
        rules = self._rules.get(batch.device)
        if rules is None:
            return batch
        restarted: list[tuple[str, str]] = []
        readings = tuple(
            reading if rule is None else _judge(reading, rule, restarted)
            for reading in batch.readings
            for rule in (rules.get(reading.metric),)
        )
        if restarted:
            await self._keep(restarted)
        newest_ms = batch.readings[-1].time_ms if batch.readings else self._kept_ms
        if abs(newest_ms - self._kept_ms) >= KEEP_EVERY_MS:
            self._kept_ms = newest_ms
            await self._keep(self._all())
        return Batch(batch.device, readings)

    def _all(self) -> list[tuple[str, str]]:
        return [(device, metric) for device, rules in self._rules.items() for metric in rules]

    async def _keep(self, names: Iterable[tuple[str, str]]) -> None:
        totals = [
            KeptTotal(device, metric, total.offset, total.last)
            for device, metric in names
            if (total := self._rules[device][metric].total) is not None and total.last is not None
        ]
        if not totals:
            return
        try:
            await asyncio.to_thread(self._store.keep_totals, totals)
        except CountsError as error:
            logger.warning("totals-not-kept", extra={"cause": str(error)})


def _rule(instrument: BoundInstrument, mapping: Mapping, former: _Rule | None) -> _Rule | None:
    """How values of a mapping are judged; None where each stands for itself."""
    point = instrument.profile.by_key[mapping.key]
    factor = abs(mapping.rule.factor)
    total = None
    # What the gateway counts itself is on disk already, and a corrected base is no restart.
    if mapping.point.counter and not isinstance(find_driver(instrument.profile.driver), InputDriver):
        total = former.total if former is not None and former.total is not None else Total()
    pace = None
    if point.max_rate is not None:
        pace = (
            former.pace if former is not None and former.pace is not None else Pace(point.max_rate * factor)
        )
    if total is None and pace is None:
        return None
    wraps_at = None if point.wraps_at is None else float(f"{point.wraps_at * factor:.12g}")
    return _Rule(total, wraps_at, pace)


def _judge(reading: Reading, rule: _Rule, restarted: list[tuple[str, str]]) -> Reading:
    value = reading.value
    if reading.quality is not Quality.GOOD or isinstance(value, str | bool | None):
        return reading
    if rule.pace is not None and (cause := rule.pace.follow(value, reading.time_ms / 1000)):
        return replace(reading, quality=Quality.BAD, reason=cause)
    if rule.total is None:
        return reading
    offset = rule.total.offset
    total, cause = rule.total.follow(value, reading.time_ms / 1000, rule.wraps_at)
    if total is None:
        return replace(reading, quality=Quality.BAD, reason=cause)
    if rule.total.offset != offset:
        restarted.append((reading.device, reading.metric))
        extra = {
            "device": reading.device,
            "metric": reading.metric,
            "cause": f"goes on from {total - value:g}",
        }
        logger.warning("counter-restarted", extra=extra)
    if total == value:
        return reading
    return replace(reading, value=round(total) if reading.type is ValueType.INT64 else total)
