"""The gateway's health as figures: node metrics on the wire, and lines on a technician's screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.bus.statistics import BusStatistics, UnitStatistics
from telemetry.readings import Value, ValueType
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DATATYPE_OF, DataType, Metric, Property

DOUBLE: Final = ValueType.DOUBLE
INT32: Final = ValueType.INT32
INT64: Final = ValueType.INT64
STRING: Final = ValueType.STRING


@dataclass(frozen=True, slots=True)
class Figure:
    """One node metric."""

    name: str
    type: ValueType
    value: Value
    unit: str = ""
    """UCUM."""

    def metric(self, time_ms: int, *, with_unit: bool = False) -> Metric:
        """As it travels; the unit only in births. A historian need not keep it: it is not spooled."""
        told = with_unit and self.unit
        properties = {names.UNIT: Property(DataType.STRING, self.unit)} if told else {}
        return Metric(
            self.name,
            DATATYPE_OF[self.type],
            self.value,
            time_ms,
            is_transient=True,
            is_null=self.value is None,
            properties=properties,
        )


def group_of(bus: str) -> str:
    """The group of a bus's metrics: `rs485-1` → `Bus Rs485 1`."""
    return "Bus " + " ".join(word.capitalize() for word in bus.split("-") if word)


def bus_figures(bus: str, statistics: BusStatistics, utilisation: float) -> list[Figure]:
    """What one bus tells; `utilisation` is the busy share (0 … 1) since the last report."""
    units = list(statistics.units.values())
    turnarounds = sorted(second for unit in units for second in unit.recent_s)
    group = group_of(bus)
    figures = [
        ("Utilisation", DOUBLE, round(100 * min(max(utilisation, 0.0), 1.0), 1), "%"),
        ("Round Trip P50", DOUBLE, _percentile_ms(turnarounds, 0.50), "ms"),
        ("Round Trip P99", DOUBLE, _percentile_ms(turnarounds, 0.99), "ms"),
        ("Timeouts", INT64, _sum(units, "timeouts"), ""),
        ("CRC Errors", INT64, _sum(units, "crc_errors") + statistics.damaged, ""),
        ("Mismatches", INT64, _sum(units, "mismatches"), ""),
        ("Exceptions", INT64, _sum(units, "exceptions"), ""),
        ("Overruns", INT64, _sum(units, "overruns"), ""),
        ("Losses", INT64, statistics.losses, ""),
        ("Units Up", INT32, sum(1 for unit in units if unit.answers and not unit.is_down), ""),
        ("Units Down", INT32, sum(1 for unit in units if unit.is_down), ""),
    ]
    return [Figure(f"{group}/{name}", kind, value, unit) for name, kind, value, unit in figures]


def _sum(units: Sequence[UnitStatistics], name: str) -> int:
    return sum(getattr(unit, name) for unit in units)


def _percentile_ms(ascending: Sequence[float], share: float) -> float | None:
    if not ascending:
        return None
    return round(1000 * ascending[min(len(ascending) - 1, int(share * len(ascending)))], 2)


class Utilisation:
    """The busy share of every bus between two looks."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float]] = {}

    def look(self, statistics: Mapping[str, BusStatistics], now: float) -> dict[str, float]:
        """Bus → share of the time since the last look; 0 at the first."""
        shares = {}
        for bus, counted in statistics.items():
            at, busy_s = self._before.get(bus, (now, counted.busy_s))
            # a bus that was set up anew counts from zero
            grown_s = counted.busy_s - busy_s if counted.busy_s >= busy_s else counted.busy_s
            shares[bus] = grown_s / (now - at) if now > at else 0.0
        self._before = {bus: (now, counted.busy_s) for bus, counted in statistics.items()}
        return shares
