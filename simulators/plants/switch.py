"""A contact that a plan moves and a command overrides until the plan's next change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Plan(Protocol):
    """When a contact is closed if nobody interferes."""

    def on(self, time_s: float) -> bool:
        """Whether it is closed."""
        ...

    def next_change(self, time_s: float) -> float:
        """When it changes next after `time_s`; infinity for never."""
        ...

    def on_s(self, start_s: float, end_s: float) -> float:
        """Seconds for which it is closed between two times."""
        ...


class NeverOn:
    """The plan of a contact that only commands move."""

    def on(self, time_s: float) -> bool:
        """Never."""
        return False

    def next_change(self, time_s: float) -> float:
        """Never."""
        return float("inf")

    def on_s(self, start_s: float, end_s: float) -> float:
        """None."""
        return 0.0


@dataclass(frozen=True, slots=True)
class _Override:
    start_s: float
    end_s: float
    on: bool


class Switch:
    """One contact."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._overrides: list[_Override] = []

    def set(self, on: bool, time_s: float) -> None:
        """Close or open it by command; holds until the plan's next change."""
        self._replace([_Override(time_s, self._plan.next_change(time_s), on)], time_s)

    def pulse(self, on: bool, time_s: float, duration_s: float) -> None:
        """Put it to `on` for some time and to the contrary afterwards, as a relay board's flash does."""
        end_s = time_s + duration_s
        after = _Override(end_s, self._plan.next_change(end_s), not on)
        self._replace([_Override(time_s, end_s, on), after], time_s)

    def is_on(self, time_s: float) -> bool:
        """Whether it is closed."""
        for override in self._overrides:
            if override.start_s <= time_s < override.end_s:
                return override.on
        return self._plan.on(time_s)

    def excess_s(self, start_s: float, end_s: float) -> float:
        """Seconds closed between two times beyond those of the plan; negative where it was open instead."""
        excess = 0.0
        for override in self._overrides:
            begin, end = max(start_s, override.start_s), min(end_s, override.end_s)
            if begin < end:
                excess += (end - begin) * override.on - self._plan.on_s(begin, end)
        return excess

    def _replace(self, overrides: list[_Override], time_s: float) -> None:
        """Put new overrides in place of the present one; owners have accounted for all before `time_s`."""
        self._overrides = overrides
