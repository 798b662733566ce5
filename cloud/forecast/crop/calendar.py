"""Which stage a crop is in: degree-days from its start, put right by what was seen.

Time is counted in days at the crop's reference temperature. A day whose temperature is not known counts as
the mean of those that are, or as one reference day: a calendar must not stand still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np

from cloud.forecast.agromet.degree_days import degree_days
from cloud.forecast.arrays import ArrayLike, DayArray, FloatArray, IntArray
from cloud.forecast.crop.parameters import Crop, CropStage
from cloud.forecast.crop.plot import Observed

BEFORE: Final = -1
"""Stage number of a day before the crop's start."""
_INSIDE: Final = 1e-6
"""So far inside a stage, in days, an observation moves the calendar."""


@dataclass(frozen=True, slots=True)
class Course:
    """A crop on the calendar; one row a day."""

    crop: Crop
    days: DayArray
    position: FloatArray
    """Reference days since the start, at the middle of the day; NaN before the start."""
    edges: FloatArray
    """Where each stage begins, and where the last ends."""
    assumed_days: int
    """Days since the start whose temperature is not known."""

    @property
    def numbers(self) -> IntArray:
        """Number of the stage of each day; BEFORE the start -1, after the last stage the count of stages."""
        started = ~np.isnan(self.position)
        at = np.searchsorted(self.edges, np.where(started, self.position, -1.0), side="right") - 1
        return np.where(started, np.maximum(at, 0), BEFORE).astype(np.int64)

    def stage(self, day: int) -> CropStage | None:
        """The stage on row `day`; None before the start and after harvest."""
        position = float(self.position[day])
        if math.isnan(position):
            return None
        at = max(0, int(self.edges.searchsorted(position, side="right")) - 1)
        return self.crop.stages[at] if at < len(self.crop.stages) else None

    def days_from(self, stage: str) -> FloatArray:
        """Reference days since the beginning of `stage`; negative before it, NaN before the crop's start."""
        at = [each.stage for each in self.crop.stages].index(stage)
        since: FloatArray = self.position - self.edges[at]
        return since

    @property
    def days_to_harvest(self) -> FloatArray:
        """Reference days until the last stage ends."""
        left: FloatArray = self.edges[-1] - self.position
        return left


def daily_progress(crop: Crop, temperature_min: ArrayLike, temperature_max: ArrayLike) -> FloatArray:
    """Reference days that each day is worth, NaN where not known. Raises as `degree_days`."""
    gained = degree_days(temperature_min, temperature_max, crop.lower, crop.upper)
    return gained / (crop.reference_c - crop.lower)


def course(
    crop: Crop,
    days: DayArray,
    progress: FloatArray,
    *,
    start: np.datetime64,
    start_stage: str,
    duration_d: float | None = None,
    observed: list[Observed] | None = None,
) -> Course:
    """Follow a crop through `days`.

    An observation moves the calendar by as little as agrees with it: to the beginning of the stage that was
    seen if the calendar is behind, to its end if it is ahead.

    Args:
        crop: Its stages.
        days: Days in a row; the crop may have begun before them, then the days between count as the mean.
        progress: What each day is worth, see `daily_progress`; (days,).
        start: Day on which `start_stage` began.
        start_stage: Name of the stage.
        duration_d: Whole duration of the variety at the reference temperature; None for the crop's own.
        observed: Stages that were seen.

    Raises:
        ModelInputFault: the duration leaves a stage no time.
    """
    stages = crop.stage_days(duration_d)
    edges = np.array([0.0, *accumulate(stages)])
    names = [stage.stage for stage in crop.stages]
    known = ~np.isnan(progress)
    usual = float(progress[known].mean()) if known.any() else 1.0
    filled = np.where(known, progress, usual)
    since = int((start - days[0]).astype(int))
    worth = np.concatenate((np.full(max(0, -since), usual), filled[max(0, since) :]))
    position = edges[names.index(start_stage)] + np.cumsum(worth) - worth / 2
    for seen in sorted(observed or [], key=lambda each: each.day):
        row = int((np.datetime64(seen.day, "D") - start).astype(int))
        if 0 <= row < len(position):
            at = names.index(seen.stage)
            held = float(np.clip(position[row], edges[at] + _INSIDE, edges[at + 1] - _INSIDE))
            position[row:] += held - position[row]
    assumed = max(0, -since) + int((~known[max(0, since) :]).sum())
    told = np.full(len(days), np.nan)
    inside = position[max(0, -since) :][: max(0, len(days) - max(0, since))]
    told[max(0, since) : max(0, since) + len(inside)] = inside
    return Course(crop, days, told, edges, assumed)
