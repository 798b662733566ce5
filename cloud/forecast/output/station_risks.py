"""What all plots of one station share: indices, usual figures, windows; each is computed once."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from cloud.forecast.arrays import FloatArray
from cloud.forecast.crop.calendar import daily_progress
from cloud.forecast.crop.parameters import crop_parameters
from cloud.forecast.output import words
from cloud.forecast.output.contract import DataQuality, Driver
from cloud.forecast.output.indices import DailyIndex, SiteUsual, near_index, site_usual, storm_wounds
from cloud.forecast.output.parameters import crop_risks
from cloud.forecast.output.station import DAY_H, SHOWN_PAST_D, Station
from cloud.forecast.output.windows import TreatmentWindow, treatment_window, whole_extremes
from telemetry.devices.classes import Text

LEAST_PAST_D: Final = 30


class StationRisks:
    """Reads of one station's forecasts; not safe for use by several threads at once."""

    def __init__(self, of: Station) -> None:
        self.station = of
        self.issued = str(of.issued)
        self.today: date = date.fromisoformat(str(of.today))
        self.extremes = whole_extremes(of)
        self._indices: dict[tuple[str, str], tuple[DailyIndex, SiteUsual]] = {}
        self._windows: dict[tuple[str, date], TreatmentWindow | None] = {}
        self._progress: dict[str, FloatArray] = {}
        self._weather = self._daily_drivers()
        self._wounded: FloatArray | None = None
        self.quality = self._quality()

    def disease(self, crop: str, pest: str) -> tuple[DailyIndex, SiteUsual]:
        """The index of the days around today, and what is usual."""
        if (crop, pest) not in self._indices:
            risks = crop_risks(crop)
            risk = risks.diseases[pest]
            self._indices[crop, pest] = (
                near_index(risk, self.station, risks.draws),
                site_usual(risk, self.station),
            )
        return self._indices[crop, pest]

    def window(self, pest: str, biofix: date) -> TreatmentWindow | None:
        """When young insects are about after a peak on `biofix`; None where that cannot be told."""
        if (pest, biofix) not in self._windows:
            risk = crop_risks("rice").insects[pest]
            self._windows[pest, biofix] = treatment_window(risk, self.station, biofix)
        return self._windows[pest, biofix]

    def progress(self, crop: str) -> FloatArray:
        """Reference days that each day of `extremes` is worth for `crop`."""
        if crop not in self._progress:
            lowest, highest = self.extremes.lowest.mean(axis=1), self.extremes.highest.mean(axis=1)
            self._progress[crop] = daily_progress(crop_parameters().crops[crop], lowest, highest)
        return self._progress[crop]

    def weather_drivers(self, row: int) -> tuple[Driver, ...]:
        """What the weather of a row of the near days says."""
        return self._weather[row]

    def wounded(self, row: int) -> bool:
        """Whether storms have wounded leaves on a row of the near days, in most members."""
        if self._wounded is None:
            storm = crop_risks("rice").diseases["bacterial_blight"].storm
            assert storm is not None
            self._wounded = storm_wounds(storm, self.station.near).mean(axis=1)
        return bool(self._wounded[row] >= 0.5)

    def _daily_drivers(self) -> list[tuple[Driver, ...]]:
        near = self.station.near
        rain = np.nan_to_num(near.by_day(near.rain)).sum(axis=1).mean(axis=1)
        wet, warmth = near.wet_hours, near.mean_temperature
        told: list[tuple[Driver, ...]] = []
        for row in range(len(near.days)):
            if np.isnan(wet[row]).all() or np.isnan(warmth[row]).all():
                told.append(())
            else:
                figures = float(np.nanmean(wet[row])), float(np.nanmean(warmth[row]))
                told.append(words.wet_night(*figures, float(rain[row])))
        return told

    def _quality(self) -> DataQuality:
        past = self.station.past
        holes = (np.isnan(past.wet) | np.isnan(past.temperature))[-SHOWN_PAST_D * DAY_H :]
        notes: list[Text] = []
        if len(past.days) < LEAST_PAST_D:
            notes.append(words.NO_PAST)
        if np.isnan(past.rain).all():
            notes.append(words.NO_RAIN)
        return DataQuality(
            wetness_hours=self.station.wetness.shares(),
            unknown_hours=int(holes.sum()),
            past_days=int((~past.unknown).sum()),
            outlook=self.station.outlook,
            notes=tuple(notes),
        )
