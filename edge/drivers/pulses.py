"""Pulse meters: water meters with a reed contact or a Hall sensor, rain buckets.

`volume = base + pulses × litres_per_pulse`; flow from the time between the last two pulses, falling to 0 when
the next one is overdue. A pulse is counted when its contact closes; the kernel has taken the bounces away
(option `debounce_ms`), and one that is faster than the meter can be (`max_pulse_hz`) is interference.
Totals are on disk before they are told, so a restart loses at most what came while nobody looked.

Options: `line`, `active_low`, `bias`, `debounce_ms`, `litres_per_pulse`, `base_m3` (the meter's register when
the gateway was installed), `max_pulse_hz`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.drivers import options
from edge.drivers.base import Captured, Explained, InputLine, NativePoint
from edge.drivers.contacts import BIASES, flag
from edge.drivers.values import native_point
from edge.errors import FrameError
from telemetry.devices.profiles import Profile

CONTACT: Final = "contact"
PULSES: Final = "pulses"
_PATIENCE: Final = 2.0
"""The next pulse is overdue after so many times the last distance: nothing flows any more."""


@dataclass(slots=True)
class PulseReader:
    """Counts one contact."""

    profile: Profile
    count: int
    is_active: bool
    rejected: int = 0
    """Pulses that came faster than the meter can give them."""
    _last_s: float | None = None
    _distance_s: float | None = None
    _shortest_s: float = field(init=False)
    _litres: float = field(init=False)
    _base_m3: float = field(init=False)

    def __post_init__(self) -> None:
        self._shortest_s = 1 / options.number(self.profile, "max_pulse_hz", 0.001, 1000)
        self._litres = options.number(self.profile, "litres_per_pulse", 0.0001, 1_000_000)
        self._base_m3 = options.number(self.profile, "base_m3", 0, 1e9)

    def edge(self, key: str, is_active: bool, at_s: float) -> None:
        """Count a closing contact, unless it cannot be one of the meter's."""
        was_active, self.is_active = self.is_active, is_active
        if not is_active or was_active:
            return
        if self._last_s is not None and at_s - self._last_s < self._shortest_s:
            self.rejected += 1
            return
        self.count += 1
        self._distance_s = None if self._last_s is None else at_s - self._last_s
        self._last_s = at_s

    def scan(self, at_s: float) -> tuple[NativePoint, ...]:
        """Volume, flow and counts."""
        volume_m3 = self._base_m3 + self.count * self._litres / 1000
        points = [
            native_point(self.profile, PULSES, self.count),
            native_point(self.profile, "volume", float(f"{volume_m3:.12g}")),
            native_point(self.profile, "flow_rate", float(f"{self._flow_m3_h(at_s):.6g}")),
            native_point(self.profile, "rejected", self.rejected),
            NativePoint(CONTACT, self.is_active),
        ]
        return tuple(points)

    def _flow_m3_h(self, at_s: float) -> float:
        if self._last_s is None or self._distance_s is None:
            return 0.0
        waited_s = at_s - self._last_s
        if waited_s > _PATIENCE * self._distance_s:
            return 0.0
        return self._litres * 3.6 / max(waited_s, self._distance_s)

    @property
    def totals(self) -> dict[str, int]:
        """The count."""
        return {PULSES: self.count}


@dataclass(frozen=True, slots=True)
class PulseDriver:
    """Driver of pulse meters."""

    def inputs(self, profile: Profile) -> tuple[InputLine, ...]:
        """The one line. Raises DriverError where the options are wrong."""
        PulseReader(profile, 0, False)
        line = InputLine(
            CONTACT,
            options.whole(profile, "line", 0, 1023),
            flag(profile, "active_low"),
            options.choice(profile, "bias", BIASES),
            options.number(profile, "debounce_ms", 0, 1000) / 1000,
        )
        return (line,)

    def reader(self, profile: Profile, totals: Mapping[str, int], states: Mapping[str, bool]) -> PulseReader:
        """A reader that goes on counting."""
        return PulseReader(profile, totals.get(PULSES, 0), states.get(CONTACT, False))

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """What a count means: the request is none, the response the number of pulses as text.

        Raises:
            FrameError: it is no number.
        """
        text = captured.response.decode("ascii", errors="replace").strip()
        if not text.isdigit():
            raise FrameError(f"{text[:20]!r} is no number of pulses: give --ascii 1234")
        return Explained(PulseReader(profile, int(text), False).scan(0.0))


DRIVER = PulseDriver()
