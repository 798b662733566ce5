"""A plot's crop along the days of its station."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from cloud.forecast.arrays import FloatArray
from cloud.forecast.crop.calendar import Course, course
from cloud.forecast.crop.parameters import CropStage, crop_parameters
from cloud.forecast.crop.plot import Flush, FruitPlot, Plot, RicePlot
from cloud.forecast.output.station_risks import StationRisks
from telemetry.devices.classes import Text

YOUNG_CLADODE = CropStage(stage="young_cladode", title=Text(vi="cành non", en="young cladodes"), days=1)
OLD_CLADODE = CropStage(stage="old_cladode", title=Text(vi="cành già", en="old cladodes"), days=1)


@dataclass(frozen=True, slots=True)
class PlotCourse:
    """Stages of a rice field, or of the flushes of a garden, on the days of the station's extremes."""

    plot: Plot
    first_day: date
    courses: tuple[Course, ...]

    def organs(self, day: date) -> list[CropStage]:
        """What stands in the plot on `day`: the stage of the rice, or cladodes, flowers and fruit."""
        row = (day - self.first_day).days
        stages = [each.stage(row) for each in self.courses]
        found = [stage for stage in stages if stage is not None]
        if isinstance(self.plot, FruitPlot):
            young = any(each.since <= day <= each.until for each in self.plot.young_cladodes)
            found.append(YOUNG_CLADODE if young else OLD_CLADODE)
        return found

    def days_from(self, stage: str, day: date) -> float:
        """Reference days since the beginning of `stage` in the newest course; NaN before the start."""
        return float(self.courses[-1].days_from(stage)[(day - self.first_day).days])

    def days_to_harvest(self, day: date) -> float | None:
        """Of the flush that is nearest to its harvest; None where there is none on the plants."""
        row = (day - self.first_day).days
        left = [float(each.days_to_harvest[row]) for each in self.courses]
        fruit = [each for each in left if each >= 0]
        return min(fruit) if fruit else None


def plot_course(plot: Plot, shared: StationRisks) -> PlotCourse:
    """Follow the plot's crop. Raises ModelInputFault where its duration leaves a stage no time."""
    days = shared.extremes.days
    progress = shared.progress(plot.crop)
    first = date.fromisoformat(str(days[0]))
    crop = crop_parameters().crops[plot.crop]
    if isinstance(plot, RicePlot):
        start = plot.emerged or plot.sown
        assert start is not None
        followed = course(
            crop,
            days,
            progress,
            start=np.datetime64(start, "D"),
            start_stage="seedling" if plot.emerged is not None else "germination",
            duration_d=plot.whole_duration_d,
            observed=plot.observed,
        )
        return PlotCourse(plot, first, (followed,))
    return PlotCourse(plot, first, tuple(_flush(each, shared, progress) for each in plot.flushes))


def _flush(flush: Flush, shared: StationRisks, progress: FloatArray) -> Course:
    seen = sorted(flush.observed, key=lambda each: each.day)
    return course(
        crop_parameters().crops["dragon_fruit"],
        shared.extremes.days,
        progress,
        start=np.datetime64(seen[0].day, "D"),
        start_stage=seen[0].stage,
        observed=seen[1:],
    )
