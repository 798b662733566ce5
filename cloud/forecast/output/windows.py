"""When young insects are about: degree-days from a peak of the trap, with members and draws of the need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from cloud.forecast.agromet.degree_days import degree_days
from cloud.forecast.arrays import DayArray, FloatArray
from cloud.forecast.crop.plot import Count, Method
from cloud.forecast.errors import ModelInputFault
from cloud.forecast.insects.stages import Species, species_named
from cloud.forecast.output.parameters import InsectRisk, Treat
from cloud.forecast.output.station import DailyExtremes, Station

AHEAD_D: Final = 28
"""Days ahead that windows are told for; beyond the outlook the usual temperatures of the last days go on."""
USUAL_D: Final = 14
DRAWS: Final = 60
SEED: Final = 21
PEAK_TIMES: Final = 2.0
"""A peak of a light trap stands this many times above its median."""


@dataclass(frozen=True, slots=True)
class TreatmentWindow:
    """First and last day of the window in each column: days since `start`, NaN if not reached."""

    start: np.datetime64
    begins: FloatArray
    ends: FloatArray

    def share(self, days: DayArray) -> FloatArray:
        """Share of the ensemble in which each day lies in the window."""
        at = (days - self.start).astype(int)[:, None]
        inside = (at >= np.floor(self.begins)) & ~(at > self.ends)
        told: FloatArray = np.where(np.isnan(self.begins), False, inside).mean(axis=1)
        return told

    @property
    def dates(self) -> tuple[date, date] | None:
        """Middle first and last day; None where the weather does not reach so far."""
        if np.isnan(self.begins).any() or np.isnan(self.ends).any():
            return None
        since = date.fromisoformat(str(self.start))
        first, last = (since + timedelta(int(np.median(each))) for each in (self.begins, self.ends))
        return first, last


def trap_peak(counts: Sequence[Count], pest: str) -> date | None:
    """The newest peak of the light trap: the night above its neighbours and twice the median of all nights.

    The newest night may be a peak only once a lower one follows; fewer than three nights show none.
    """
    nights = sorted(
        (each for each in counts if each.pest == pest and each.method is Method.LIGHT_TRAP),
        key=lambda each: each.day,
    )
    if len(nights) < 3:
        return None
    values = [each.value for each in nights]
    least = max(1.0, PEAK_TIMES * float(np.median(values)))
    for at in range(len(nights) - 2, 0, -1):
        if values[at] >= least and values[at] >= values[at - 1] and values[at] > values[at + 1]:
            return nights[at].day
    return None


def treatment_window(risk: InsectRisk, of: Station, biofix: date) -> TreatmentWindow | None:
    """The window after `biofix`, the day of the eggs; None where the weather since then has holes."""
    start = np.datetime64(biofix, "D")
    chance = np.random.default_rng(SEED)
    if risk.treat_days is not None:
        begins = chance.uniform(*risk.treat_days.since, DRAWS)
        ends = chance.uniform(*risk.treat_days.until, DRAWS)
        return TreatmentWindow(start, begins, ends)
    extremes = whole_extremes(of)
    since = int((start - extremes.days[0]).astype(int))
    if since < 0 or since >= len(extremes.days) or np.isnan(extremes.lowest[since:]).any():
        return None
    assert risk.species is not None
    assert risk.treat is not None
    columns = np.arange(DRAWS) % extremes.lowest.shape[1]
    needs = np.maximum(0.5, chance.normal(1.0, risk.needs_error, DRAWS))
    lowest, highest = extremes.lowest[since:, columns], extremes.highest[since:, columns]
    begins, ends = _passed(species_named(risk.species), risk.treat, (lowest, highest), needs)
    return TreatmentWindow(start, begins, ends)


def _passed(
    species: Species, treat: Treat, extremes: tuple[FloatArray, FloatArray], needs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    lowest, highest = extremes
    position = np.zeros(lowest.shape[1])
    for stage in species.stages:
        gained = np.cumsum(degree_days(lowest, highest, stage.lower, stage.upper), axis=0)
        gained = np.concatenate((np.zeros((1, gained.shape[1])), gained))
        if stage.stage == treat.stage:
            since, until = (stage.needed * needs * part for part in (treat.since, treat.until))
            return crossing(gained, position, since), crossing(gained, position, until)
        position = crossing(gained, position, stage.needed * needs)
    raise ModelInputFault(f"{species.name}: there is no stage {treat.stage}; correct the parameter file")


def crossing(gained: FloatArray, position: FloatArray, needed: FloatArray) -> FloatArray:
    """Where each column has gained `needed` since `position`; NaN where it does not.

    Args:
        gained: Sums up to the beginning of each day, rising, (days + 1, columns).
        position: Days and share of a day, (columns,); NaN stays NaN.
        needed: (columns,).
    """
    columns = np.arange(gained.shape[1])
    day = np.nan_to_num(position).astype(int)
    part = np.nan_to_num(position) - day
    upper = np.minimum(day + 1, len(gained) - 1)
    target = gained[day, columns] + part * (gained[upper, columns] - gained[day, columns]) + needed
    row = (gained < target - 1e-9).sum(axis=0)
    reached = (row < len(gained)) & ~np.isnan(position)
    after = np.minimum(row, len(gained) - 1)
    before = np.maximum(after - 1, 0)
    step = gained[after, columns] - gained[before, columns]
    share = np.where(step > 0, (target - gained[before, columns]) / np.where(step > 0, step, 1), 0.0)
    return np.where(reached, np.maximum(before + share, np.nan_to_num(position)), np.nan)


def whole_extremes(of: Station) -> DailyExtremes:
    """Extremes of the whole record, of the members, and of usual days until the farthest day told."""
    past, near = of.past.extremes, of.near.extremes
    before = max(0, int((near.days[0] - past.days[0]).astype(int)))
    lowest, highest = (
        np.concatenate((np.repeat(old[:before], new.shape[1], axis=1), new))
        for old, new in ((past.lowest, near.lowest), (past.highest, near.highest))
    )
    days = past.days[0] + np.arange(before + len(near.days))
    more = max(0, AHEAD_D + 1 - int((days[-1] - of.today).astype(int)))
    usual = [np.nanmean(each[-USUAL_D:], axis=0, keepdims=True) for each in (past.lowest, past.highest)]
    lowest, highest = (
        np.concatenate((each, np.repeat(np.repeat(mean, each.shape[1], axis=1), more, axis=0)))
        for each, mean in zip((lowest, highest), usual, strict=True)
    )
    return DailyExtremes(days[0] + np.arange(len(days) + more), lowest, highest)
