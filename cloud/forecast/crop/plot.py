"""A plot as its grower or the extension worker describes it, and the YAML file of one."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from cloud.forecast.crop.parameters import crop_parameters
from telemetry.yaml_files import load_yaml


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(StrEnum):
    """Of nitrogen and of density."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Method(StrEnum):
    """How somebody counted."""

    LIGHT_TRAP = "light-trap"
    """Insects of one night."""
    TRAP = "trap"
    """Flies of one week in one lure trap."""
    SCOUTING = "scouting"
    """In the field: percent for diseases, per m² for insects."""


class Observed(_Strict):
    """A stage that somebody saw."""

    stage: str
    day: date


class Count(_Strict):
    """Something counted in or near the plot."""

    pest: str
    day: date
    method: Method
    value: float = Field(ge=0)


class Period(_Strict):
    """First and last day."""

    since: date
    until: date

    @model_validator(mode="after")
    def _ordered(self) -> Period:
        if self.until < self.since:
            raise ValueError("until is before since")
        return self


class _Plot(_Strict):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,40}$")
    title: str = Field(min_length=1, max_length=14)
    """As the farmer calls it, short enough for a text message."""
    station: str
    counts: list[Count] = []


class RicePlot(_Plot):
    """A rice field in one season."""

    crop: Literal["rice"]
    sown: date | None = None
    emerged: date | None = None
    variety: str | None = None
    duration_d: float | None = Field(default=None, gt=0)
    """From sowing to harvest, for a variety that is not listed."""
    nitrogen: Level = Level.NORMAL
    density: Level = Level.NORMAL
    observed: list[Observed] = []

    @model_validator(mode="after")
    def _complete(self) -> RicePlot:
        rice = crop_parameters().crops["rice"]
        if self.sown is None and self.emerged is None:
            raise ValueError("needs the day of sowing (sown) or of emergence (emerged)")
        if self.sown is not None and self.emerged is not None and self.emerged < self.sown:
            raise ValueError("emerged is before sown")
        if self.variety is not None and self.variety not in rice.varieties:
            raise ValueError(
                f"the variety {self.variety} is not listed; give one of {', '.join(rice.varieties)}, "
                "or duration_d"
            )
        _known_stages("rice", self.observed)
        return self

    @property
    def whole_duration_d(self) -> float | None:
        """Of the plot's own or of its variety; None for the crop's usual one."""
        if self.duration_d is not None or self.variety is None:
            return self.duration_d
        return crop_parameters().crops["rice"].varieties[self.variety].duration_d


class Flush(_Strict):
    """One flush of flowers and fruit; its first observed stage dates it."""

    observed: list[Observed] = Field(min_length=1)


class FruitPlot(_Plot):
    """A dragon fruit garden."""

    crop: Literal["dragon_fruit"]
    flushes: list[Flush] = []
    young_cladodes: list[Period] = []
    dead_tissue_left: bool = False
    """Diseased stems lie uncut in the garden."""

    @model_validator(mode="after")
    def _stages_exist(self) -> FruitPlot:
        for flush in self.flushes:
            _known_stages("dragon_fruit", flush.observed)
        return self


Plot = RicePlot | FruitPlot


class _PlotFile(RootModel[Annotated[Plot, Field(discriminator="crop")]]):
    pass


def load_plot(file: Path) -> Plot:
    """The plot in `file`. Raises ConfigError with file, line and field."""
    return load_yaml(file, _PlotFile).root


def _known_stages(crop: str, observed: list[Observed]) -> None:
    names = [stage.stage for stage in crop_parameters().crops[crop].stages]
    for each in observed:
        if each.stage not in names:
            raise ValueError(f"there is no stage {each.stage}; there are {', '.join(names)}")
