"""Parameters of the risks of rice and dragon fruit: one file a crop, checked when it is read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud.forecast.crop.plot import Level, Method
from telemetry.devices.classes import Text
from telemetry.yaml_files import load_yaml

_FORECAST: Final = Path(__file__).parents[1]
FILES: Final = {
    "rice": _FORECAST / "rice" / "risks.yaml",
    "dragon_fruit": _FORECAST / "fruit" / "risks.yaml",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Named(_Strict):
    title: Text
    confidence: Literal["A", "B", "C"]
    citation: str


class Around(_Strict):
    """Days of the crop's calendar around the beginning of a stage."""

    stage: str
    from_d: float
    to_d: float


class Storm(_Strict):
    """Wounds by storms; `without` is what is left of the risk when there was none."""

    rain_mm: float
    gust_ms: float
    gust_factor: float = Field(ge=1)
    wounds_d: int = Field(ge=1)
    without: float = Field(ge=0, le=1)


class Splash(_Strict):
    """How far spores are carried in an event."""

    dry: float = Field(ge=0, le=1)
    rain_mm: float
    gust_ms: float
    gust_adds: float
    gust_factor: float = Field(ge=1)


class Season(_Strict):
    """Logistic prior in the rain of 30 days, mm."""

    middle_mm: float
    scale_mm: float = Field(gt=0)


class Inoculum(_Strict):
    """Factor by scouted incidence, %."""

    unknown: float
    none: float
    below: list[tuple[float, float]]
    most: float
    infectious_after_d: int
    infectious_after_cut_d: int

    def factor(self, incidence: float | None) -> float:
        """The factor for `incidence` %, or for none scouted."""
        if incidence is None:
            return self.unknown
        if incidence <= 0:
            return self.none
        return next((factor for limit, factor in self.below if incidence <= limit), self.most)


class DiseaseRisk(_Named):
    """One disease; either `infection` (a set of infection.yaml) or `epirice` (a disease of epirice.yaml)."""

    model: str
    evidence: str
    infection: str | None = None
    epirice: str | None = None
    ranges: dict[str, tuple[float, float]] = {}
    wet_hours_error: float = 0.0
    splash: Splash | None = None
    season: Season | None = None
    storm: Storm | None = None
    inoculum: Inoculum | None = None
    around: Around | None = None
    stages: dict[str, float]
    nitrogen: dict[Level, float] = {}
    density: dict[Level, float] = {}
    usual_k: float = Field(gt=0)
    symptoms_d: tuple[int, int, int]

    @model_validator(mode="after")
    def _one_source(self) -> DiseaseRisk:
        if (self.infection is None) == (self.epirice is None):
            raise ValueError("needs either infection or epirice")
        return self


class Treat(_Strict):
    """Part of a stage in which treatment is worth while."""

    stage: str
    since: float = Field(ge=0, alias="from")
    until: float = Field(gt=0, alias="to")


class TreatDays(_Strict):
    """The same in days from the biofix where no thermal constants are known: earliest and latest."""

    since: tuple[float, float]
    until: tuple[float, float]


class InsectRisk(_Named):
    """One insect, dated from a peak of the light trap or from eggs that were seen."""

    evidence: str
    species: str | None
    treat: Treat | None = None
    treat_days: TreatDays | None = None
    needs_error: float = Field(ge=0)
    """Relative standard deviation of the thermal need."""
    many: dict[Method, float]
    """Counts from which there are many."""

    @model_validator(mode="after")
    def _one_window(self) -> InsectRisk:
        if (self.species is None) != (self.treat is None) or (self.treat is None) == (
            self.treat_days is None
        ):
            raise ValueError("needs species with treat, or treat_days without a species")
        return self


class FlyRisk(_Named):
    """The fruit fly: negative binomial on the logarithms of the last two counts and on warmth."""

    evidence: str
    intercept: float
    last: float
    before: float
    warmth: float
    size: float = Field(gt=0)
    lower_c: float
    upper_c: float
    reference_c: float
    most_per_week: float
    times_median: float
    fruit_within_d: float


class StemRotRule(_Named):
    """Soil that stays saturated."""

    saturated_h: int
    saturated_share: float


class SunburnRule(_Named):
    """Heat with dry air."""

    temperature_c: float
    humidity_pct: float


class Rules(_Strict):
    """Flags of dragon fruit that are rules, not models."""

    stem_rot: StemRotRule
    sunburn: SunburnRule


class CropRisks(_Strict):
    """The content of a risks.yaml."""

    version: str
    draws: int = Field(default=60, ge=1)
    """Columns of the ensemble: draws of parameters, each with a member of the weather."""
    diseases: dict[str, DiseaseRisk]
    insects: dict[str, InsectRisk] = {}
    flies: FlyRisk | None = None
    rules: Rules | None = None


@cache
def crop_risks(crop: str) -> CropRisks:
    """The shipped parameters of `crop`. Raises ConfigError with file, line and field."""
    return load_yaml(FILES[crop], CropRisks)
