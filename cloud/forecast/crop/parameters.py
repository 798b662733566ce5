"""Stages and varieties of the crops: one file, checked when it is read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud.forecast.errors import ModelInputFault
from telemetry.devices.classes import Text
from telemetry.yaml_files import load_yaml

FILE: Final = Path(__file__).with_name("crops.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CropStage(_Strict):
    """One stage, in days at the reference temperature."""

    stage: str
    title: Text
    days: float = Field(gt=0)
    stretches: bool = False
    """Takes what the duration of the variety leaves."""


class Variety(_Strict):
    """What the calendar needs to know of a variety."""

    title: str
    duration_d: float = Field(gt=0)
    """From sowing to harvest at the reference temperature."""


class Crop(_Strict):
    """One crop; thresholds and reference °C."""

    title: Text
    lower: float
    upper: float
    reference_c: float
    duration_d: float = Field(gt=0)
    evidence: str
    verified: bool
    stages: list[CropStage] = Field(min_length=1)
    varieties: dict[str, Variety]

    @model_validator(mode="after")
    def _consistent(self) -> Crop:
        if not self.lower < self.reference_c <= self.upper:
            raise ValueError("reference_c must lie between the thresholds")
        stretching = sum(stage.stretches for stage in self.stages)
        if stretching > 1 or (self.varieties and not stretching):
            raise ValueError("one stage must stretch where there are varieties, and no more than one")
        return self

    def stage_days(self, duration_d: float | None = None) -> list[float]:
        """Days of each stage for a whole duration. Raises ModelInputFault where it leaves a stage no time."""
        total = self.duration_d if duration_d is None else duration_d
        fixed = sum(stage.days for stage in self.stages if not stage.stretches)
        left = total - fixed
        days = [left if stage.stretches else stage.days for stage in self.stages]
        if min(days) < 1:
            raise ModelInputFault(
                f"{self.title.en}: a duration of {total:g} days is too short, its fixed stages take {fixed:g}"
            )
        return days


class CropParameters(_Strict):
    """The content of crops.yaml."""

    model: str
    version: str
    crops: dict[str, Crop]


@cache
def crop_parameters() -> CropParameters:
    """The shipped parameters. Raises ConfigError with file, line and field."""
    return load_yaml(FILE, CropParameters)
