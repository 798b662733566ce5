"""Diseases of one plot: the station's index made the plot's own by stage, inoculum and husbandry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from cloud.forecast.crop.plot import FruitPlot, Method, RicePlot
from cloud.forecast.output import words
from cloud.forecast.output.contract import Driver, Forecast, ModelCard, Symptoms, risk_class
from cloud.forecast.output.course import PlotCourse
from cloud.forecast.output.indices import SiteUsual
from cloud.forecast.output.parameters import DiseaseRisk, Inoculum, crop_risks
from cloud.forecast.output.station_risks import StationRisks
from telemetry.devices.classes import Text

SCOUTED_D: Final = 30
"""So long a scouted incidence speaks for a plot."""
INFECTION_DAYS: Final = 3
"""So many past infection days make new sources."""
SOURCES_D: Final = 90


@dataclass(frozen=True, slots=True)
class _Day:
    """How open the plot is on a day, and why; None where it has no crop."""

    factor: float
    drivers: tuple[Driver, ...]


def disease_forecasts(
    pest: str, where: PlotCourse, shared: StationRisks, *, past_days: int
) -> list[Forecast]:
    """The disease `pest` on each day from `past_days` ago on, one forecast a day."""
    plot, risks = where.plot, crop_risks(where.plot.crop)
    risk = risks.diseases[pest]
    index, usual = shared.disease(plot.crop, pest)
    first = max(0, (shared.today - _date(index.days[0])).days - past_days)
    days = [_date(index.days[0]) + timedelta(row) for row in range(first, len(index.days))]
    fixed, why = _husbandry(pest, where, usual, shared)
    opened = _opened(risk, where, days)
    factors = np.array([fixed * (each.factor if each is not None else 0.0) for each in opened])
    columns = 1 - np.exp(-usual.strength * index.index[first:] * factors[:, None])
    probability = columns.mean(axis=1)
    low, high = np.quantile(columns, (0.1, 0.9), axis=1)
    infected = (index.index[first:] > 0).mean(axis=1)
    relative = usual.quantiles(probability)
    card = ModelCard(risk.model, risks.version, risk.citation, risk.confidence)
    told = []
    for at, day in enumerate(days):
        own, row = opened[at], first + at
        missing = _missing(own, bool(index.unknown[row]))
        drivers = why if own is None else (*shared.weather_drivers(row), *own.drivers, *why)
        if risk.storm is not None and shared.wounded(row):
            drivers = (words.storm(), *drivers)
        value = float(probability[at])
        told.append(
            Forecast(
                plot=plot.id,
                pest=pest,
                day=day,
                issued=shared.issued,
                horizon_d=(day - shared.today).days,
                probability=None if missing else value,
                spread=None if missing else (float(low[at]), float(high[at])),
                relative=None if missing else float(relative[at]),
                risk=None if missing else risk_class(value, float(relative[at]) if usual.own else None),
                infection=None if missing else float(infected[at]),
                symptoms=None if missing or infected[at] < 0.5 else _symptoms(risk, day),
                drivers=drivers,
                quality=shared.quality,
                model=card,
                missing=missing,
            )
        )
    return told


def _opened(risk: DiseaseRisk, where: PlotCourse, days: list[date]) -> list[_Day | None]:
    """How open the plot is on each day; days in the same stage share one answer."""
    known: dict[tuple[str, ...], _Day | None] = {}
    told = []
    for day in days:
        organs = where.organs(day)
        names = tuple(each.stage for each in organs)
        if risk.around is not None:
            since = where.days_from(risk.around.stage, day)
            inside = risk.around.from_d <= since <= risk.around.to_d
            names = (*names, "around" if inside else "away")
        if names not in known:
            if not organs:
                known[names] = None
            elif risk.around is not None:
                factor = 1.0 if names[-1] == "around" else 0.0
                known[names] = _Day(factor, (words.stage(organs[0].title, factor),))
            else:
                factor, organ = max(
                    ((risk.stages.get(each.stage, 0.0), each) for each in organs), key=lambda pair: pair[0]
                )
                known[names] = _Day(factor, (words.stage(organ.title, factor),))
        told.append(known[names])
    return told


def _husbandry(
    pest: str, where: PlotCourse, usual: SiteUsual, shared: StationRisks
) -> tuple[float, tuple[Driver, ...]]:
    plot, drivers, factor = where.plot, list[Driver](), 1.0
    risk = crop_risks(plot.crop).diseases[pest]
    if isinstance(plot, RicePlot):
        nitrogen, density = risk.nitrogen.get(plot.nitrogen, 1.0), risk.density.get(plot.density, 1.0)
        factor *= nitrogen * density
        if nitrogen > 1:
            drivers.append(words.nitrogen_high())
        if density > 1:
            drivers.append(words.density_high())
        return factor, tuple(drivers)
    if risk.inoculum is not None:
        seen = _scouted(pest, plot, shared)
        if _sources(risk.inoculum, plot, usual, shared):
            factor = _raised(risk.inoculum, seen)
        else:
            factor = risk.inoculum.factor(seen)
        drivers.append(words.incidence(seen))
    return factor, tuple(drivers)


def _scouted(pest: str, plot: FruitPlot, shared: StationRisks) -> float | None:
    lately = [
        each
        for each in plot.counts
        if each.pest == pest
        and each.method is Method.SCOUTING
        and 0 <= (shared.today - each.day).days <= SCOUTED_D
    ]
    return max(lately, key=lambda each: each.day).value if lately else None


def _sources(inoculum: Inoculum, plot: FruitPlot, usual: SiteUsual, shared: StationRisks) -> bool:
    """Whether infections of the last months are old enough to spread by now."""
    lag = inoculum.infectious_after_cut_d if plot.dead_tissue_left else inoculum.infectious_after_d
    age = (np.datetime64(shared.today, "D") - usual.past.days).astype(int)
    infected = (usual.past.index[:, 0] > 0) & (age >= lag) & (age <= SOURCES_D)
    return int(infected.sum()) >= INFECTION_DAYS


def _raised(inoculum: Inoculum, seen: float | None) -> float:
    """One step above what was scouted; what nobody scouted stays unknown."""
    if seen is None:
        return inoculum.unknown
    steps = sorted({inoculum.none, *(factor for _, factor in inoculum.below), inoculum.most})
    now = inoculum.factor(seen)
    return next((after for before, after in pairwise(steps) if before == now), now)


def _missing(own: _Day | None, unknown: bool) -> Text | None:
    if own is None:
        return words.NO_CROP
    return words.UNKNOWN_DAY if unknown else None


def _symptoms(risk: DiseaseRisk, day: date) -> Symptoms:
    first, likely, last = (day + timedelta(lag) for lag in risk.symptoms_d)
    return Symptoms(first, likely, last)


def _date(day: np.datetime64) -> date:
    return date.fromisoformat(str(day))
