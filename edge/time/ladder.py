"""Which of several sources of time is believed. Pure.

Each source gives samples: UTC minus the monotonic clock, and by how much that may be wrong. A sample ages:
the monotonic clock runs wrong by up to 100 millionths. Of all sources that are still right within a second
the highest rung counts; where none is, whichever is the least wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

DRIFT: Final = 1e-4
"""What a gateway's quartz may go wrong by, over its whole range of temperatures."""
GOOD_ENOUGH_S: Final = 1.0
FIRST_PLAUSIBLE_MS: Final = 1_767_225_600_000
"""2026-01-01: this software was not there before."""


class Rung(IntEnum):
    """Sources of time, the best first."""

    NTP = 0
    """The machine's clock, which the kernel says is kept right."""
    GNSS = 1
    """A satellite receiver on one of the gateway's lines."""
    HOST = 2
    """The host's answer."""
    MACHINE = 3
    """The machine's clock, set at its start by a battery-backed clock or a virtual machine's host."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a source said."""

    rung: Rung
    offset_s: float
    """UTC, in seconds since 1970, minus the monotonic clock."""
    error_s: float
    at: float
    """Monotonic second at which it was right."""

    def error_at(self, now: float) -> float:
        """By how much it may be wrong now."""
        return self.error_s + max(0.0, now - self.at) * DRIFT


class Ladder:
    """The newest sample of each source."""

    def __init__(self) -> None:
        self._samples: dict[Rung, Sample] = {}

    def offer(self, sample: Sample) -> None:
        """Take a sample; it replaces what its source said before, unless that is still the better one.

        What the kernel keeps right is always taken as it is now: its steps are meant.
        """
        before = self._samples.get(sample.rung)
        agree = before is not None and abs(before.offset_s - sample.offset_s) <= (
            before.error_at(sample.at) + sample.error_s
        )
        if (
            sample.rung is Rung.NTP
            or before is None
            or not agree
            or sample.error_s <= before.error_at(sample.at)
        ):
            self._samples[sample.rung] = sample

    def withdraw(self, rung: Rung) -> None:
        """Forget what a source said."""
        self._samples.pop(rung, None)

    def best(self, now: float) -> Sample | None:
        """What to believe now; None where nobody has ever said anything."""
        good = [each for each in self._samples.values() if each.error_at(now) <= GOOD_ENOUGH_S]
        if good:
            return min(good, key=lambda sample: sample.rung)
        return min(self._samples.values(), key=lambda sample: sample.error_at(now), default=None)
