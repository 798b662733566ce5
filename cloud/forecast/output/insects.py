"""Insects of rice at one plot: the window of young stages after a light-trap peak, weighed by counts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np

from cloud.forecast.crop.plot import Count
from cloud.forecast.output import words
from cloud.forecast.output.contract import DataQuality, Driver, Forecast, ModelCard, risk_class
from cloud.forecast.output.course import PlotCourse
from cloud.forecast.output.parameters import InsectRisk, crop_risks
from cloud.forecast.output.station_risks import StationRisks
from cloud.forecast.output.windows import AHEAD_D, TreatmentWindow, trap_peak
from telemetry.devices.classes import Text

COUNTED_D: Final = 14
"""So long a count speaks for a plot."""
OLDEST_PEAK_D: Final = 45
_UNCOUNTED, _FEW, _HALF, _MANY = 0.6, 0.2, 0.6, 1.0
"""Weight of the window where nobody counted, and by counts below half of many, from half, from many."""


def insect_forecasts(
    pest: str, where: PlotCourse, shared: StationRisks, *, ahead_days: int = AHEAD_D
) -> list[Forecast]:
    """The insect `pest` on each day from today on; without a peak of the trap one day that says so."""
    plot = where.plot
    risk = crop_risks(plot.crop).insects[pest]
    counts = [each for each in plot.counts if each.day <= shared.today]
    peak = trap_peak(counts, pest)
    card = ModelCard("insect-windows", crop_risks(plot.crop).version, risk.citation, risk.confidence)
    if peak is None or (shared.today - peak).days > OLDEST_PEAK_D:
        return [_silent(pest, where, shared, card, words.NO_BIOFIX)]
    window = shared.window(pest, peak)
    if window is None:
        return [_silent(pest, where, shared, card, words.NO_DATES)]
    weight, driver = _pressure(risk, counts, pest, shared.today)
    drivers = _drivers(peak, window) + driver
    days = np.datetime64(shared.today, "D") + np.arange(ahead_days + 1)
    told = []
    for ahead, share in enumerate(window.share(days).tolist()):
        day = shared.today + timedelta(ahead)
        stands = bool(where.organs(day))
        value = share * weight
        told.append(
            Forecast(
                plot=plot.id,
                pest=pest,
                day=day,
                issued=shared.issued,
                horizon_d=ahead,
                probability=value if stands else None,
                spread=_spread(share, weight) if stands else None,
                relative=None,
                risk=risk_class(value, None) if stands else None,
                infection=None,
                symptoms=None,
                drivers=drivers,
                quality=shared.quality,
                model=card,
                missing=None if stands else words.NO_CROP,
            )
        )
    return told


def _drivers(peak: date, window: TreatmentWindow) -> tuple[Driver, ...]:
    dates = window.dates
    told = (words.biofix(peak),)
    return told if dates is None else (*told, words.window(*dates))


def _pressure(
    risk: InsectRisk, counts: list[Count], pest: str, today: date
) -> tuple[float, tuple[Driver, ...]]:
    """How much the newest scouting says; a light-trap count only dates the insects."""
    lately = [
        each
        for each in counts
        if each.pest == pest and each.method.value == "scouting" and (today - each.day).days <= COUNTED_D
    ]
    if not lately:
        return _UNCOUNTED, ()
    newest = max(lately, key=lambda each: each.day)
    many = risk.many[newest.method]
    weight = _MANY if newest.value >= many else (_HALF if newest.value >= many / 2 else _FEW)
    return weight, (words.counted(newest.value, many),)


def _spread(share: float, weight: float) -> tuple[float, float]:
    """10 and 90 % of an ensemble of which `share` has the day in the window."""
    return (weight if share > 0.9 else 0.0, weight if share > 0.1 else 0.0)


def _silent(pest: str, where: PlotCourse, shared: StationRisks, card: ModelCard, missing: Text) -> Forecast:
    quality: DataQuality = shared.quality
    return Forecast(
        plot=where.plot.id,
        pest=pest,
        day=shared.today,
        issued=shared.issued,
        horizon_d=0,
        probability=None,
        spread=None,
        relative=None,
        risk=None,
        infection=None,
        symptoms=None,
        drivers=(),
        quality=quality,
        model=card,
        missing=missing,
    )
