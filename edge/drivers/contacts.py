"""Contacts on digital inputs: power take-off, bin lift, tipper, doors, engine.

Each input is a state. Inputs named in option `counts` also count how often they were worked: a contact
counts when it has been closed for `min_active_s`, and closings less than `min_gap_s` after the last one
belong to it: a driver who shakes the bin lift lifts one bin.

Options: `lines` (key: line number), `counts` (key of the count: key of the input), `active_low`, `bias`,
`debounce_ms`, `min_active_s`, `min_gap_s`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.drivers import options
from edge.drivers.base import Captured, Explained, InputLine, NativePoint
from edge.drivers.values import native_point
from edge.errors import DriverError, FrameError
from telemetry.devices.profiles import Profile

BIASES: Final = ("pull-up", "pull-down", "off", "as-is")


def flag(profile: Profile, name: str) -> bool:
    """The yes or no of option `name`. Raises DriverError."""
    value = profile.options.get(name)
    if not isinstance(value, bool):
        raise DriverError(f"{profile.id}: option {name} must be true or false, not {value!r}")
    return value


@dataclass(slots=True)
class WorkCounter:
    """Counts how often a contact was worked: long enough closed, and not the same work as before."""

    min_active_s: float
    min_gap_s: float
    count: int = 0
    _closed_s: float | None = None
    _is_counted: bool = False
    _worked_s: float | None = None
    """End of the last counted work."""

    def change(self, is_active: bool, at_s: float) -> None:
        """Take a change of the contact."""
        self.look(at_s)
        if is_active:
            self._closed_s, self._is_counted = at_s, False
        else:
            if self._is_counted:
                self._worked_s = at_s
            self._closed_s = None

    def look(self, now_s: float) -> None:
        """Count a contact that has been closed for long enough by now."""
        if self._closed_s is None or self._is_counted or now_s - self._closed_s < self.min_active_s:
            return
        self._is_counted = True
        is_same_work = self._worked_s is not None and self._closed_s - self._worked_s < self.min_gap_s
        self.count += not is_same_work


@dataclass(slots=True)
class ContactReader:
    """States of several contacts, and counts of some."""

    profile: Profile
    states: dict[str, bool]
    counters: dict[str, tuple[str, WorkCounter]]
    """Key of the count: key of its input, and the counter."""

    def edge(self, key: str, is_active: bool, at_s: float) -> None:
        """Take a change of one contact."""
        self.states[key] = is_active
        for watched, counter in self.counters.values():
            if watched == key:
                counter.change(is_active, at_s)

    def scan(self, at_s: float) -> tuple[NativePoint, ...]:
        """All states and counts."""
        for _, counter in self.counters.values():
            counter.look(at_s)
        states = [NativePoint(key, state) for key, state in self.states.items()]
        counts = [native_point(self.profile, key, count) for key, count in self.totals.items()]
        return (*states, *counts)

    @property
    def totals(self) -> dict[str, int]:
        """The counts."""
        return {key: counter.count for key, (_, counter) in self.counters.items()}


@dataclass(frozen=True, slots=True)
class ContactDriver:
    """Driver of contacts."""

    def inputs(self, profile: Profile) -> tuple[InputLine, ...]:
        """The lines of all contacts. Raises DriverError where the options are wrong."""
        lines = options.table(profile, "lines")
        _counts(profile, lines)
        active_low, bias = flag(profile, "active_low"), options.choice(profile, "bias", BIASES)
        debounce_s = options.number(profile, "debounce_ms", 0, 5000) / 1000
        for key, offset in lines.items():
            if isinstance(offset, bool) or not isinstance(offset, int) or not 0 <= offset <= 1023:
                raise DriverError(f"{profile.id}: option lines.{key} must be 0-1023, not {offset!r}")
        return tuple(InputLine(key, offset, active_low, bias, debounce_s) for key, offset in lines.items())

    def reader(
        self, profile: Profile, totals: Mapping[str, int], states: Mapping[str, bool]
    ) -> ContactReader:
        """A reader that goes on counting. What is closed now is not counted: nobody saw it close."""
        lines = options.table(profile, "lines")
        min_active_s = options.number(profile, "min_active_s", 0, 3600)
        min_gap_s = options.number(profile, "min_gap_s", 0, 3600)
        counters = {
            key: (watched, WorkCounter(min_active_s, min_gap_s, totals.get(key, 0)))
            for key, watched in _counts(profile, lines).items()
        }
        return ContactReader(profile, {key: states.get(key, False) for key in lines}, counters)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """What states mean: the response is text such as `pto=1 door=0`.

        Raises:
            FrameError: it is no such text, or names an input that the profile does not have.
        """
        text = captured.response.decode("ascii", errors="replace")
        states: dict[str, bool] = {}
        for token in text.split():
            key, _, state = token.partition("=")
            if key not in options.table(profile, "lines") or state not in ("0", "1"):
                raise FrameError(f"{token[:20]!r} is no state of an input: give --ascii 'pto=1 door=0'")
            states[key] = state == "1"
        if not states:
            raise FrameError("no state of an input: give --ascii 'pto=1 door=0'")
        return Explained(tuple(NativePoint(key, state) for key, state in states.items()))


def _counts(profile: Profile, lines: Mapping[str, object]) -> dict[str, str]:
    """Key of each count and of its input; counts of inputs that are not wired are left out."""
    counts = profile.options.get("counts", {})
    if not isinstance(counts, dict):
        raise DriverError(f"{profile.id}: option counts must map keys of counts to keys of inputs")
    for key, watched in counts.items():
        if key not in profile.by_key or watched not in profile.by_key:
            raise DriverError(f"{profile.id}: option counts.{key}: {key!r} or {watched!r} is no point")
    options.number(profile, "min_active_s", 0, 3600)
    options.number(profile, "min_gap_s", 0, 3600)
    return {key: watched for key, watched in counts.items() if watched in lines}


DRIVER = ContactDriver()
