"""A street lamp on its pole: switched, dimmed, metered, and sometimes burnt out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulators.faults import Faults, Kind
from simulators.plants.switch import NeverOn, Switch
from simulators.world.lamps import LampPlan
from simulators.world.noise import Noise
from simulators.world.world import World

POWER_FACTOR: Final = 0.95
BURNT_OUT_W: Final = 1.3
"""What the driver of a dead lamp still draws."""
STANDBY_W: Final = 0.4
"""What meter and controller draw by day."""
DIMMED_SHARE: Final = 0.1
"""Share of the rated power that the driver needs at level 0."""


@dataclass(frozen=True, slots=True)
class LampState:
    """A lamp's electricity at one time."""

    on: bool
    level_pct: float
    power_w: float
    voltage_v: float
    current_a: float
    power_factor: float
    frequency_hz: float
    energy_wh: float
    """Total of the meter; only grows."""
    burning_h: float


@dataclass(frozen=True, slots=True)
class _SunPlan:
    plan: LampPlan

    def on(self, time_s: float) -> bool:
        return self.plan.on(time_s)

    def next_change(self, time_s: float) -> float:
        return self.plan.next_change(time_s)

    def on_s(self, start_s: float, end_s: float) -> float:
        return self.plan.burnt_s(end_s) - self.plan.burnt_s(start_s)


class Lamp:
    """One lamp. Follows the sun if `follows_sun`, else only commands."""

    def __init__(
        self, device: str, world: World, faults: Faults, *, rated_w: float, feeder: str, follows_sun: bool
    ) -> None:
        self._device = device
        self._world = world
        self._faults = faults
        self._rated_w = rated_w
        self._feeder = feeder
        self._follows_sun = follows_sun
        self._noise = Noise(world.seed, f"lamp/{device}")
        self._switch = Switch(_SunPlan(world.lamps) if follows_sun else NeverOn())
        self._level_pct = 100.0
        self._seen_s: float | None = None
        self._excess_wh = 0.0
        self._excess_burnt_s = 0.0

    def set(self, on: bool, time_s: float) -> None:
        """Switch the lamp."""
        self._account(time_s)
        self._switch.set(on, time_s)

    def pulse(self, on: bool, time_s: float, duration_s: float) -> None:
        """Switch the lamp for some time."""
        self._account(time_s)
        self._switch.pulse(on, time_s, duration_s)

    def is_on(self, time_s: float) -> bool:
        """Whether the lamp has voltage."""
        return self._switch.is_on(time_s)

    def dim(self, level_pct: float, time_s: float) -> None:
        """Set the dimming input, 0 … 100 %."""
        self._account(time_s)
        self._level_pct = min(100.0, max(0.0, level_pct))

    @property
    def level_pct(self) -> float:
        """The dimming input."""
        return self._level_pct

    def at(self, time_s: float) -> LampState:
        """The lamp's electricity."""
        self._account(time_s)
        voltage = self._world.grid.voltage(time_s, self._feeder)
        on = self.is_on(time_s)
        power = STANDBY_W
        if on:
            power += self._load_w(time_s) * (1 + 0.012 * self._noise.smooth(time_s, 120))
        factor = POWER_FACTOR if power > 10 else 0.45
        burnt = self._world.lamps.burnt_s(time_s) * self._follows_sun
        age_wh = self._noise.between(20_000, 90_000)
        planned_wh = burnt / 3600 * self._rated_w + STANDBY_W * self._world.age_s(time_s) / 3600
        return LampState(
            on=on,
            level_pct=self._level_pct,
            power_w=power,
            voltage_v=voltage,
            current_a=power / (voltage * factor),
            power_factor=factor,
            frequency_hz=self._world.grid.frequency(time_s),
            energy_wh=age_wh + planned_wh + self._excess_wh,
            burning_h=age_wh / self._rated_w + (burnt + self._excess_burnt_s) / 3600,
        )

    def _load_w(self, time_s: float) -> float:
        """What the lamp draws when it is on."""
        if self._faults.get(Kind.LAMP_OUT, self._device, time_s) is not None:
            return BURNT_OUT_W
        return self._rated_w * (DIMMED_SHARE + (1 - DIMMED_SHARE) * self._level_pct / 100)

    def _account(self, time_s: float) -> None:
        """Note what differed from the plan since the last look."""
        if self._seen_s is None or time_s <= self._seen_s:
            self._seen_s = max(time_s, self._seen_s or time_s)
            return
        start, self._seen_s = self._seen_s, time_s
        planned = self._world.lamps.burnt_s(time_s) - self._world.lamps.burnt_s(start)
        planned *= self._follows_sun
        excess = self._switch.excess_s(start, time_s)
        self._excess_burnt_s += excess
        actual_wh = (planned + excess) / 3600 * self._load_w(time_s)
        self._excess_wh += actual_wh - planned / 3600 * self._rated_w
