"""EPIRICE's parameters: one file, checked when it is read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from cloud.forecast.curves import Curve
from telemetry.devices.classes import Text
from telemetry.yaml_files import load_yaml

FILE: Final = Path(__file__).with_name("epirice.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Disease(_Strict):
    """One disease of EPIRICE; rates per day, durations in days, counts in sites."""

    title: Text
    pathogen: str
    site: str
    """What one site of the model is."""
    onset_d: int = Field(ge=1)
    """Days after crop establishment of the first infection."""
    optimum_rate: float = Field(gt=0)
    latent_d: int = Field(ge=1)
    infectious_d: int = Field(ge=1)
    aggregation: float = Field(ge=1)
    first_sites: float = Field(gt=0)
    first_infections: float = Field(ge=0)
    most_sites: float = Field(gt=0)
    growth_rate: float = Field(ge=0)
    senescence_rate: float = Field(ge=0)
    temperature: Curve
    """Daily mean °C → factor 0–1."""
    age: Curve
    """Days after establishment → factor 0–1."""
    age_strict: Curve | None = None
    """The same in the code of 2009, where it differs."""
    wet_hours: Curve | None
    """Hours of leaf wetness a day → factor 0–1; None where wetness plays no part."""
    evidence: dict[str, str]


class WetDay(_Strict):
    """A day counts as wet from either limit on."""

    humidity_pct: float
    rain_mm: float


class EpiriceParameters(_Strict):
    """The content of epirice.yaml."""

    model: str
    version: str
    citation: str
    wet_day: WetDay
    diseases: dict[str, Disease]


@cache
def epirice_parameters() -> EpiriceParameters:
    """The shipped parameters. Raises ConfigError with file, line and field."""
    return load_yaml(FILE, EpiriceParameters)
