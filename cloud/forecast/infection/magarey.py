"""The generic infection model of Magarey, Sutton and Thayer 2005 (Phytopathology 95:92-100).

f(T) = (Tmax − T)/(Tmax − Topt) · ((T − Tmin)/(Topt − Tmin))^((Topt − Tmin)/(Tmax − Topt)),   0 outside
W(T) = Wmin / f(T), and no infection where that exceeds Wmax
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud.forecast.arrays import ArrayLike, FloatArray
from cloud.forecast.errors import ModelInputFault
from telemetry.devices.classes import Text
from telemetry.yaml_files import load_yaml

FILE: Final = Path(__file__).with_name("infection.yaml")
TIE_H: Final = 1e-9
"""Wet hours by which rounding may miss the hours needed: means are summed in different orders."""


class Limits(BaseModel):
    """Cardinal temperatures, °C, and wetness durations, h, of one pathogen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lowest: float
    optimum: float
    highest: float
    least_wet_h: float = Field(gt=0)
    """Wet hours that infection needs at the optimum (20 % incidence or 5 % severity)."""
    most_wet_h: float = Field(gt=0)
    """No infection where more would be needed."""
    dry_gap_h: int = Field(default=0, ge=0)
    """Dry hours that do not yet end a wet period."""

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        if not self.lowest < self.optimum < self.highest:
            raise ValueError("lowest, optimum and highest temperature must rise")
        if self.least_wet_h > self.most_wet_h:
            raise ValueError("least_wet_h exceeds most_wet_h")
        return self


class Pathogen(Limits):
    """Limits with their standing."""

    title: Text
    pathogen: str
    confidence: Literal["A", "B", "C"]
    evidence: str


class InfectionParameters(BaseModel):
    """The content of infection.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    version: str
    citation: str
    sets: dict[str, Pathogen]


@cache
def infection_parameters() -> InfectionParameters:
    """The shipped sets. Raises ConfigError with file, line and field."""
    return load_yaml(FILE, InfectionParameters)


def pathogen_named(name: str) -> Pathogen:
    """The set `name`. Raises ModelInputFault for a name that is not in the file."""
    sets = infection_parameters().sets
    if name not in sets:
        raise ModelInputFault(f"generic infection: there is no set {name!r}; there are {', '.join(sets)}")
    return sets[name]


class Cardinals(Protocol):
    """What the response needs of limits: numbers, or arrays that fit the temperatures' shape."""

    @property
    def lowest(self) -> float | FloatArray: ...

    @property
    def optimum(self) -> float | FloatArray: ...

    @property
    def highest(self) -> float | FloatArray: ...

    @property
    def least_wet_h(self) -> float | FloatArray: ...

    @property
    def most_wet_h(self) -> float | FloatArray: ...


def temperature_response(limits: Cardinals, temperature: ArrayLike) -> FloatArray:
    """f(T): 1 at the optimum, 0 at and beyond the limits, NaN where the temperature is not known."""
    celsius = np.asarray(temperature, dtype=float)
    inside = (celsius > limits.lowest) & (celsius < limits.highest)
    within = np.where(inside, celsius, limits.optimum)
    above, below = limits.highest - limits.optimum, limits.optimum - limits.lowest
    response = (limits.highest - within) / above * ((within - limits.lowest) / below) ** (below / above)
    return np.where(inside, response, np.where(np.isnan(celsius), np.nan, 0.0))


def wet_hours_needed(limits: Cardinals, temperature: ArrayLike) -> FloatArray:
    """W(T): wet hours that infection needs, infinite where it cannot happen, NaN where T is not known."""
    response = temperature_response(limits, temperature)
    needed = limits.least_wet_h / np.where(response > 0, response, 1)
    possible = (response > 0) & (needed <= limits.most_wet_h)
    return np.where(possible, needed, np.where(np.isnan(response), np.nan, np.inf))
