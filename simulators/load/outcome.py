"""What a load came to."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

_STEPS: Final = 20
"""Steps of the histogram for each power of two: values are right within 2 %."""


@dataclass(slots=True)
class Latencies:
    """Times in steps of 3.5 %; can be added up over processes."""

    steps: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        """One more."""
        self.steps[round(math.log2(max(seconds, 1e-6)) * _STEPS)] += 1

    def quantile_s(self, share: float) -> float | None:
        """The time that `share` of all stay within; None where there are none."""
        wanted = share * self.steps.total()
        for step in sorted(self.steps):
            wanted -= self.steps[step]
            if wanted <= 0:
                return float(2.0 ** (step / _STEPS))
        return None


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which connections were away."""

    connections: int
    """Lost altogether."""
    began_s: float
    """Since the load began."""
    back_s: float | None
    """Until all were born again; None where they were not."""


@dataclass(slots=True)
class Outcome:
    """Figures of a load, or of one process of it."""

    gateways: int = 0
    devices: int = 0
    metrics: int = 0
    """Of each device."""
    made: int = 0
    """Batches: scans of a device."""
    sent_live: int = 0
    sent_again: int = 0
    acknowledged: int = 0
    lost: int = 0
    """Not acknowledged at the end, or pushed out of a full spool."""
    births: int = 0
    """NBIRTH and DBIRTH messages."""
    rebirths_asked: int = 0
    connects: int = 0
    refused: int = 0
    """Attempts to connect that failed."""
    online_after_s: float | None = None
    """From the first attempt until all gateways were born."""
    scanned_s: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)
    """From the scan to its acknowledgement, outages included."""
    outages: list[Outage] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take in the figures of another process."""
        self.metrics = other.metrics
        for name in (
            "gateways", "devices", "made", "sent_live", "sent_again", "acknowledged",
            "lost", "births", "rebirths_asked", "connects", "refused",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.online_after_s is not None:
            self.online_after_s = max(self.online_after_s or 0.0, other.online_after_s)
        self.scanned_s = max(self.scanned_s, other.scanned_s)
        self.latencies.steps.update(other.latencies.steps)
        self.outages += other.outages

    def told(self) -> dict[str, Any]:
        """As JSON."""
        seconds = self.scanned_s or 1.0
        return {
            "gateways": self.gateways,
            "devices": self.devices,
            "values_a_batch": self.metrics,
            "online_after_s": _rounded(self.online_after_s),
            "seconds": round(self.scanned_s, 2),
            "batches": self.made,
            "batches_per_s": round(self.made / seconds, 1),
            "values_per_s": round(self.made * self.metrics / seconds, 1),
            "sent_live": self.sent_live,
            "sent_again": self.sent_again,
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "acknowledged_after_s": {
                "p50": _rounded(self.latencies.quantile_s(0.5)),
                "p99": _rounded(self.latencies.quantile_s(0.99)),
                "max": _rounded(self.latencies.quantile_s(1.0)),
            },
            "births": self.births,
            "rebirths_asked": self.rebirths_asked,
            "connects": self.connects,
            "refused": self.refused,
            "outages": [
                {
                    "connections": each.connections,
                    "began_s": round(each.began_s, 2),
                    "back_s": _rounded(each.back_s),
                }
                for each in self.outages
            ],
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds:.3g}")
