"""The trial of a configuration: what it must show, and by when. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge.supervision.points import PointName


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen of the gateway at one moment."""

    good: frozenset[PointName]
    """Points that are measured and good."""
    online: bool
    """Births are out and data flows."""
    acknowledged: int
    """Readings that the host has acknowledged, ever."""
    waiting: int
    """Batches without acknowledgement."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the configuration that runs demands of its successor."""

    probation_s: float
    settle_s: float
    good_share: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a trial ended."""

    passed: bool
    reason: str = ""


class Trial:
    """A configuration began to run at monotonic `began`; `before` is what was seen just then."""

    def __init__(self, before: Sight, configured: frozenset[PointName], limits: Limits, began: float) -> None:
        """`configured` are the points that the new configuration measures; others are meant to go."""
        self._before = before
        self._expected = before.good & configured
        self._limits = limits
        self._began = began

    def judge(self, sight: Sight, now: float) -> Verdict | None:
        """The verdict at monotonic `now`; None while there is still time."""
        passed_s = now - self._began
        faults = self._faults(sight)
        if not faults and passed_s >= self._limits.settle_s:
            return Verdict(passed=True)
        if passed_s >= self._limits.probation_s:
            cause = "; ".join(faults) or "the trial was too short"
            return Verdict(passed=False, reason=f"after {passed_s:.0f} s {cause}")
        return None

    def _faults(self, sight: Sight) -> list[str]:
        faults = []
        lost = self._expected - sight.good
        if len(lost) > (1 - self._limits.good_share) * len(self._expected):
            some = ", ".join(f"{device} {metric}" for device, metric in sorted(lost)[:5])
            more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
            faults.append(
                f"{len(lost)} of {len(self._expected)} points that were good are not any more: {some}{more}"
            )
        # A gateway that was offline before, with a technician beside it, cannot be asked to be online now.
        if self._before.online and not sight.online:
            faults.append("the broker is not reached")
        elif self._before.online and sight.acknowledged <= self._before.acknowledged and sight.waiting:
            faults.append("the host acknowledges nothing")
        return faults
