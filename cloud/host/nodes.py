"""What a gateway tells of itself: its configuration, and figures of its health. Read with care."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cloud.configuration.port import GatewayHealth, Report
from cloud.registry.port import Registry
from telemetry.readings import Value, ValueType
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.ack import ACK_METRIC
from telemetry.sparkplug.payload import Payload

MOST_FIGURES: Final = 500
LONGEST_NAME: Final = 100
LONGEST_TEXT: Final = 2000
_OF_SESSION: Final = frozenset(
    {
        names.BD_SEQ,
        names.REBIRTH,
        names.SOFTWARE_VERSION,
        names.PROFILE_VERSION,
        names.SPOOL_EPOCH,
        ACK_METRIC,
        names.CONFIG_DESIRED,
    }
)
_OF_SPOOL: Final = frozenset({names.SPOOL_DEPTH, names.SPOOL_OLDEST, names.SPOOL_DROPPED})
"""Told more often, and kept with the gateway itself."""
_OF_CONFIGURATION: Final = frozenset(
    {names.CONFIG_VERSION, names.CONFIG_HASH, names.CONFIG_JUDGED, names.CONFIG_STATE, names.CONFIG_ERROR}
)


@dataclass(frozen=True, slots=True)
class ConfigurationTold:
    """What a gateway says of its configuration."""

    report: Report

    @property
    def key(self) -> tuple[str, ...]:
        """What it replaces."""
        return ("configuration", self.report.gateway)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.configuration_told(self.report)


@dataclass(frozen=True, slots=True)
class HealthTold:
    """What a gateway says of its health."""

    health: GatewayHealth

    @property
    def key(self) -> tuple[str, ...]:
        """What it replaces."""
        return ("health", self.health.gateway)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.health_told([self.health])


@dataclass(slots=True)
class Node:
    """The newest values of a gateway's own metrics: messages tell only what has changed."""

    values: dict[str, Value] = field(default_factory=dict)

    def told(
        self, gateway: str, payload: Payload, now_ms: int, *, is_birth: bool
    ) -> list[ConfigurationTold | HealthTold]:
        """An NBIRTH (which says everything) or NDATA has come; what has to be written of it."""
        if is_birth:
            self.values.clear()
        fresh = figures_of(payload)
        for name, value in fresh.items():
            if name in self.values or len(self.values) < MOST_FIGURES:
                self.values[name] = value
        changes: list[ConfigurationTold | HealthTold] = []
        if fresh.keys() & _OF_CONFIGURATION:
            changes.append(ConfigurationTold(self._report(gateway, now_ms)))
        if fresh.keys() - _OF_CONFIGURATION - _OF_SPOOL:
            others = _OF_CONFIGURATION | _OF_SPOOL
            health = {name: each for name, each in self.values.items() if name not in others}
            changes.append(HealthTold(GatewayHealth(gateway, now_ms, health)))
        return changes

    def _report(self, gateway: str, now_ms: int) -> Report:
        return Report(
            gateway,
            now_ms,
            version=_count(self.values.get(names.CONFIG_VERSION)),
            sha256=_text(self.values.get(names.CONFIG_HASH)),
            judged=_count(self.values.get(names.CONFIG_JUDGED)),
            state=_text(self.values.get(names.CONFIG_STATE)),
            error=_text(self.values.get(names.CONFIG_ERROR)),
        )


def figures_of(payload: Payload) -> Mapping[str, Value]:
    """Metric → value of everything that a node message tells besides the session itself."""
    found: dict[str, Value] = {}
    for metric in payload.metrics:
        if metric.name in _OF_SESSION or not 0 < len(metric.name) <= LONGEST_NAME:
            continue
        reading = names.reading_of("", metric, 0)
        if reading is None or (isinstance(reading.value, float) and not math.isfinite(reading.value)):
            continue
        value = reading.value
        found[metric.name] = value[:LONGEST_TEXT] if isinstance(value, str) else value
        if reading.type is ValueType.DOUBLE and isinstance(value, int):
            found[metric.name] = float(value)
    return found


def _count(value: Value) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None
