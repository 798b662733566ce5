"""Daily indices of diseases at a station, 0–1: how much of the day's chance to infect was used.

A column is one draw of the parameters with one member of the weather. Susceptibility, stage and inoculum of
a plot come later: an index is shared by all plots of the station.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cloud.forecast.arrays import BoolArray, DayArray, FloatArray, IntArray
from cloud.forecast.curves import interpolate
from cloud.forecast.infection.events import LimitColumns, draw_limits, event_counts, same_limits
from cloud.forecast.infection.magarey import pathogen_named
from cloud.forecast.output.parameters import DiseaseRisk, Season, Splash, Storm
from cloud.forecast.output.station import DAY_H, HourlyEnsemble, Station
from cloud.forecast.rice.epirice import wet_hours_factor
from cloud.forecast.rice.season import disease_named

SEED: Final = 20
MONTH_D: Final = 30
LEAST_RAIN_D: Final = 20
"""Known days of rain that a month needs before its prior speaks."""
USUAL_INFECTION_RISK: Final = 0.3
"""Risk of the site's middle infection day, by which its strength is set."""
LEAST_INFECTION_DAYS: Final = 10
_BOUNDS: Final = (1 / 4, 4)
"""Share of the usual strength within which a site's own may lie."""
_WET_MONTHS: Final = (5, 11)


@dataclass(frozen=True, slots=True)
class DailyIndex:
    """One row a day."""

    days: DayArray
    index: FloatArray
    """(days, columns), 0–1; 0 on unknown days."""
    unknown: BoolArray
    """(days,)."""


@dataclass(frozen=True, slots=True)
class SiteUsual:
    """What is usual for one disease at one site, from all of its record."""

    strength: float
    """k of risk = 1 − exp(−k · index)."""
    own: bool
    """Whether the record sufficed to set it."""
    risks: FloatArray
    """Risk of every known past day at full susceptibility, rising."""
    past: DailyIndex

    def quantiles(self, risks: FloatArray) -> FloatArray:
        """Share of the site's past days with a lower risk than each of `risks`."""
        return np.searchsorted(self.risks, risks, side="left") / max(1, len(self.risks))


def near_index(risk: DiseaseRisk, of: Station, draws: int) -> DailyIndex:
    """The index of the days around today, in `draws` columns; the same for the same input."""
    members = np.arange(draws) % of.near.members
    if risk.infection is None:
        error = np.random.default_rng(SEED).uniform(-1, 1, draws) * risk.wet_hours_error
        return _epirice_index(risk, of.near, members, error)
    limits = draw_limits(pathogen_named(risk.infection), risk.ranges, draws, seed=SEED)
    return _infection_index(risk, of, of.near, limits, members)


def site_usual(risk: DiseaseRisk, of: Station) -> SiteUsual:
    """What is usual at the station, by the middle parameters on its whole record.

    The strength makes the middle one of the infection days of the wet season (May to November; of the whole
    record where that has too few) a risk of 0.3, within a factor of four of the usual strength.
    """
    one = np.zeros(1, dtype=np.int64)
    if risk.infection is None:
        past = _epirice_index(risk, of.past, one, np.zeros(1))
    else:
        past = _infection_index(risk, of, of.past, same_limits(pathogen_named(risk.infection), 1), one)
    index = past.index[:, 0]
    known = ~past.unknown
    months = past.days.astype("datetime64[M]").astype(int) % 12 + 1
    infecting = known & (index > 0)
    wet_season = infecting & (months >= _WET_MONTHS[0]) & (months <= _WET_MONTHS[1])
    chosen = wet_season if wet_season.sum() >= LEAST_INFECTION_DAYS else infecting
    own = int(chosen.sum()) >= LEAST_INFECTION_DAYS
    strength = risk.usual_k
    if own:
        middle = float(np.median(index[chosen]))
        low, high = (share * risk.usual_k for share in _BOUNDS)
        strength = float(np.clip(-np.log(1 - USUAL_INFECTION_RISK) / middle, low, high))
    return SiteUsual(strength, own, np.sort(1 - np.exp(-strength * index[known])), past)


def _infection_index(
    risk: DiseaseRisk, of: Station, hourly: HourlyEnsemble, limits: LimitColumns, members: IntArray
) -> DailyIndex:
    events = event_counts(limits, hourly.temperature[:, members], hourly.wet[:, members])
    if risk.splash is not None:
        events = events * splash_factor(risk.splash, hourly.rain, hourly.wind)[:, members]
    index = hourly.by_day(events).sum(axis=1) / DAY_H
    if risk.season is not None:
        index = index * season_prior(risk.season, of.past, hourly.days)[:, None]
    return DailyIndex(hourly.days, index, hourly.unknown)


def _epirice_index(
    risk: DiseaseRisk, hourly: HourlyEnsemble, members: IntArray, wet_hours_error: FloatArray
) -> DailyIndex:
    assert risk.epirice is not None
    disease = disease_named(risk.epirice)
    wet_hours = hourly.wet_hours[:, members]
    wet_hours = np.where(wet_hours > 0, np.clip(wet_hours + wet_hours_error, 0, DAY_H), wet_hours)
    warmth = interpolate(disease.temperature, hourly.mean_temperature)[:, members]
    index = np.nan_to_num(warmth * wet_hours_factor(disease, wet_hours))
    if risk.storm is not None:
        wounded = storm_wounds(risk.storm, hourly)[:, members]
        index = index * np.where(wounded, 1.0, risk.storm.without)
    return DailyIndex(hourly.days, index, hourly.unknown | np.isnan(hourly.wet_hours).all(axis=1))


def splash_factor(splash: Splash, rain: FloatArray, wind: FloatArray) -> FloatArray:
    """How far spores are carried in each hour, by the rain of the 24 hours to it and its gust; same shape.

    Unknown rain and wind carry nothing.
    """
    fallen = np.cumsum(np.nan_to_num(rain), axis=0)
    lately = fallen - np.concatenate((np.zeros_like(fallen[:DAY_H]), fallen))[: len(fallen)]
    rained = lately >= splash.rain_mm - 1e-9
    gusty = np.nan_to_num(wind) * splash.gust_factor >= splash.gust_ms
    return np.minimum(1.0, splash.dry + (1 - splash.dry) * rained + splash.gust_adds * gusty)


def season_prior(season: Season, past: HourlyEnsemble, days: DayArray) -> FloatArray:
    """Logistic in the rain of the 30 days before each day; 0.5 where too little of it is known, (days,)."""
    hours = past.by_day(past.rain)[:, :, 0]
    known = ~np.isnan(hours).any(axis=1)
    fallen = np.concatenate(([0.0], np.cumsum(np.where(known, hours.sum(axis=1), 0.0))))
    count = np.concatenate(([0], np.cumsum(known)))
    until = np.clip((days - past.days[0]).astype(int), 0, len(past.days))
    since = np.maximum(0, until - MONTH_D)
    counted = count[until] - count[since]
    month = (fallen[until] - fallen[since]) * MONTH_D / np.maximum(counted, 1)
    prior = 1 / (1 + np.exp(-(month - season.middle_mm) / season.scale_mm))
    return np.where(counted >= LEAST_RAIN_D, prior, 0.5)


def storm_wounds(storm: Storm, hourly: HourlyEnsemble) -> BoolArray:
    """Days with open wounds from a storm on them or in the days before, (days, members)."""
    rain = np.nan_to_num(hourly.by_day(hourly.rain)).sum(axis=1)
    gust = np.nan_to_num(hourly.by_day(hourly.wind)).max(axis=1) * storm.gust_factor
    stormy = (rain >= storm.rain_mm) & (gust >= storm.gust_ms)
    open_: BoolArray = stormy.copy()
    for later in range(1, storm.wounds_d):
        open_[later:] |= stormy[:-later]
    return open_
