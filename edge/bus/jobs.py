"""What a bus has to read: one job for each unit and period, whoever shares the unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.decoding.binding import BoundInstrument
from edge.drivers.values import witnesses
from telemetry.devices.profiles import Access

IDENTITY_EVERY_S: Final = 3600.0
"""Points that an instrument tells at its start are read hourly all the same: it may have been exchanged."""

Wanted = frozenset[tuple[int, str]]
"""Points of one unit: number of the instrument among those of the unit, key of its profile."""


@dataclass(frozen=True, slots=True)
class Job:
    """Points of one unit that are read together."""

    name: str
    unit: int
    period_s: float
    wanted: Wanted


def by_unit(instruments: Sequence[BoundInstrument]) -> dict[int, tuple[BoundInstrument, ...]]:
    """Instruments by the Modbus unit that they share."""
    units: dict[int, tuple[BoundInstrument, ...]] = {}
    for each in instruments:
        units[each.unit] = (*units.get(each.unit, ()), each)
    return units


def jobs_of(unit: int, instruments: Sequence[BoundInstrument]) -> list[Job]:
    """The jobs of one unit, shortest period first.

    Args:
        unit: its number.
        instruments: all that lie on it.
    """
    wanted: dict[float, set[tuple[int, str]]] = {}
    for number, instrument in enumerate(instruments):
        for period_s, keys in _by_period(instrument).items():
            wanted.setdefault(period_s, set()).update((number, key) for key in keys)
    return [
        Job(f"{unit} every {period_s:g} s", unit, period_s, frozenset(points))
        for period_s, points in sorted(wanted.items())
        if points
    ]


def _by_period(instrument: BoundInstrument) -> dict[float, set[str]]:
    profile = instrument.profile
    mapped: dict[float, set[str]] = {}
    for key in {mapping.key for mapping in instrument.mappings}:
        rare_s = IDENTITY_EVERY_S if profile.by_key[key].every == "start" else instrument.every_s
        mapped.setdefault(max(instrument.slow_s.get(key, rare_s), instrument.every_s), set()).add(key)
    return {
        period_s: {
            key for key in keys | witnesses(profile, keys) if profile.by_key[key].access is not Access.WRITE
        }
        for period_s, keys in mapped.items()
    }
