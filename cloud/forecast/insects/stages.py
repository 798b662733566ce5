"""When insects pass from stage to stage, by degree-days from an observed start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud.forecast.agromet.degree_days import degree_days
from cloud.forecast.arrays import ArrayLike, DayArray, FloatArray
from cloud.forecast.errors import ModelInputFault
from telemetry.devices.classes import Text
from telemetry.yaml_files import load_yaml

FILE: Final = Path(__file__).with_name("insects.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Strict):
    """One stage; thresholds °C, need °C · d."""

    stage: str
    title: Text
    lower: float
    upper: float
    needed: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Stage:
        if self.upper <= self.lower:
            raise ValueError("the upper threshold is not above the lower")
        return self


class Window(_Strict):
    """A time that matters to the grower, in degree-days since the eggs were laid."""

    window: str
    title: Text
    lower: float
    upper: float
    begins: float = Field(ge=0)
    ends: float = Field(ge=0)


class Species(_Strict):
    """One insect, its stages in the order of its life."""

    title: Text
    name: str
    confidence: Literal["A", "B", "C"]
    evidence: str
    stages: list[Stage]
    windows: list[Window] = []


class InsectParameters(_Strict):
    """The content of insects.yaml."""

    model: str
    version: str
    species: dict[str, Species]


@dataclass(frozen=True, slots=True)
class Passage:
    """One stage on the calendar."""

    stage: Stage
    started: np.datetime64 | None
    """Day on which it began; None if not within the weather."""
    ended: np.datetime64 | None
    """Day on which it is complete; None if not within the weather."""
    progress: float
    """Share of it that is done at the end of the weather, 0–1."""


@cache
def insect_parameters() -> InsectParameters:
    """The shipped parameters. Raises ConfigError with file, line and field."""
    return load_yaml(FILE, InsectParameters)


def species_named(name: str) -> Species:
    """The species `name`. Raises ModelInputFault for a name that is not in the file."""
    species = insect_parameters().species
    if name not in species:
        raise ModelInputFault(f"insects: there is no species {name!r}; there are {', '.join(species)}")
    return species[name]


def days_at(stage: Stage, temperature: ArrayLike) -> FloatArray:
    """Days that `stage` takes at a constant temperature, °C; infinite at or below its threshold."""
    gained = np.clip(np.asarray(temperature, dtype=float), stage.lower, stage.upper) - stage.lower
    return np.where(gained > 0, stage.needed / np.where(gained > 0, gained, 1), np.inf)


def passages(
    species: Species, days: DayArray, temperature_min: ArrayLike, temperature_max: ArrayLike, *, first: str
) -> list[Passage]:
    """Follow one generation from the morning of the first day of the weather, where stage `first` begins.

    A stage begins in the very part of the day in which the one before is complete, so that stages with
    different thresholds join without loss.

    Args:
        species: Whose stages.
        days: The days from the observed start (biofix) on, without a hole.
        temperature_min: °C by day.
        temperature_max: °C by day.
        first: Stage that begins on the first day.

    Raises:
        ModelInputFault: no such stage, or a day whose temperature is not known: a date from a record with
            holes would be too late by an unknown time.
    """
    names = [stage.stage for stage in species.stages]
    if first not in names:
        raise ModelInputFault(f"{species.name}: there is no stage {first!r}; there are {', '.join(names)}")
    lowest, highest = _known(species, days, temperature_min, temperature_max)
    told: list[Passage] = []
    position: float | None = 0.0
    for stage in species.stages[names.index(first) :]:
        gains = degree_days(lowest, highest, stage.lower, stage.upper)
        end = None if position is None else _reached(gains, position, stage.needed)
        told.append(
            Passage(
                stage,
                _day(days, position),
                _last_day(days, end),
                0.0 if position is None else min(1.0, _sum(gains, position) / stage.needed),
            )
        )
        position = end
    return told


@dataclass(frozen=True, slots=True)
class WindowDates:
    """One window on the calendar."""

    window: Window
    begins: np.datetime64 | None
    """None if not within the weather."""
    ends: np.datetime64 | None


def window_dates(
    species: Species, days: DayArray, temperature_min: ArrayLike, temperature_max: ArrayLike
) -> list[WindowDates]:
    """When the windows of `species` open and close, for eggs laid on the first day; else as `passages`."""
    lowest, highest = _known(species, days, temperature_min, temperature_max)
    told = []
    for window in species.windows:
        gains = degree_days(lowest, highest, window.lower, window.upper)
        begins, ends = (_reached(gains, 0.0, needed) for needed in (window.begins, window.ends))
        told.append(WindowDates(window, _last_day(days, begins), _last_day(days, ends)))
    return told


def _known(
    species: Species, days: DayArray, temperature_min: ArrayLike, temperature_max: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    lowest, highest = np.asarray(temperature_min, dtype=float), np.asarray(temperature_max, dtype=float)
    unknown = np.isnan(lowest) | np.isnan(highest)
    if unknown.any():
        raise ModelInputFault(
            f"{species.name}: the temperature of {int(unknown.sum())} days is not known, first "
            f"{days[int(np.argmax(unknown))]}; fill them before dates are told"
        )
    return lowest, highest


def _sum(gains: FloatArray, position: float) -> float:
    """Degree-days from `position` (days and share of a day) to the end."""
    day = int(position)
    if day >= len(gains):
        return 0.0
    return float(gains[day:].sum() - (position - day) * gains[day])


def _reached(gains: FloatArray, position: float, needed: float) -> float | None:
    """Where `needed` degree-days have been gained since `position`; None if not within the days."""
    day = int(position)
    if day >= len(gains) or _sum(gains, position) < needed:
        return None
    gained = np.cumsum(gains[day:]) - (position - day) * gains[day]
    last = int(np.searchsorted(gained, needed))
    short = gained[last] - needed
    return float(day + last + 1 - (short / gains[day + last]))


def _day(days: DayArray, position: float | None) -> np.datetime64 | None:
    """The day at `position`; None if it lies beyond the days."""
    if position is None or int(position) >= len(days):
        return None
    return np.datetime64(days[int(position)])


def _last_day(days: DayArray, end: float | None) -> np.datetime64 | None:
    """The day on which what ends at `end` is complete."""
    return None if end is None else _day(days, max(0, math.ceil(end) - 1))
