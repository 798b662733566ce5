"""What a bus counts, for health metrics and for technicians."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from edge.errors import BusError, BusException
from edge.supervision.pulse import Pulse

RECENT: Final = 128
DOWN_AFTER: Final = 2


@dataclass(slots=True)
class UnitStatistics:
    """Counts of one unit since the start."""

    requests: int = 0
    answers: int = 0
    timeouts: int = 0
    crc_errors: int = 0
    mismatches: int = 0
    exceptions: int = 0
    resyncs: int = 0
    """Extra reads that made sure that no late answer is mistaken for another."""
    late: int = 0
    """Answers that came after they had been given up."""
    deferrals: int = 0
    """Scans put off because the unit was busy."""
    refused: int = 0
    """Addresses that the unit is known to refuse; not a count."""
    overruns: int = 0
    """Scans left out because the bus had no time for them."""
    turnaround_s: float = 0.0
    """Mean time from request to answer, without the time on the wire (exponential, weight 1/8)."""

    recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Turnarounds of the last answers."""
    silences: int = 0
    """Exchanges since the last answer that brought none."""

    @property
    def is_down(self) -> bool:
        """Whether the unit has stopped to answer."""
        return self.silences >= DOWN_AFTER

    def count(self, error: BusError) -> None:
        """Count a failed exchange."""
        refuses = isinstance(error, BusException) and not error.is_silence
        self.silences = 0 if refuses else self.silences + 1
        match error.kind:
            case "timeout":
                self.timeouts += 1
            case "crc":
                self.crc_errors += 1
            case "mismatch":
                self.mismatches += 1
            case "exception":
                self.exceptions += 1

    def took(self, turnaround_s: float) -> None:
        """Count an answer."""
        weight = 1 / 8 if self.answers else 1.0
        self.answers += 1
        self.silences = 0
        self.recent_s.append(turnaround_s)
        self.turnaround_s += weight * (turnaround_s - self.turnaround_s)


@dataclass(slots=True)
class BusStatistics:
    """Counts of one bus since the start."""

    busy_s: float = 0.0
    """Time spent on exchanges."""
    probing_s: float = 0.0
    """Part of it spent on units that do not answer."""
    connections: int = 0
    losses: int = 0
    """Times that the port or connection was lost or could not be opened."""
    damaged: int = 0
    """Frames of a serial stream that were thrown away."""
    units: dict[int, UnitStatistics] = field(default_factory=dict)
    pulse: Pulse = field(default_factory=Pulse)
    """The bus task's sign of life."""

    def unit(self, number: int) -> UnitStatistics:
        """Counts of a unit."""
        return self.units.setdefault(number, UnitStatistics())
