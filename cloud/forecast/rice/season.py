"""A season of EPIRICE from daily weather and a day of emergence, its input checked first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

from cloud.forecast.arrays import DayArray
from cloud.forecast.errors import ModelInputFault, WeatherFault
from cloud.forecast.rice.epirice import (
    Epidemic,
    Mode,
    season_days,
    simulate,
    wet_day_factor,
    wet_hours_factor,
)
from cloud.forecast.rice.parameters import Disease, epirice_parameters
from cloud.forecast.weather.checks import check_daily
from cloud.forecast.weather.flags import Doubt, Flag
from cloud.forecast.weather.series import DailyWeather


class Wetness(StrEnum):
    """What makes a day infectious."""

    BINARY = "binary"
    """Mean humidity or rain above a limit."""
    HOURS = "hours"
    """Hours of leaf wetness."""


class Gaps(StrEnum):
    """What to do with days that the weather does not know."""

    REFUSE = "refuse"
    DRY = "dry"
    """They infect nothing: the result is a lower bound, and flagged."""


@dataclass(frozen=True, slots=True)
class Season:
    """One run and what is to be said about its weather."""

    days: DayArray
    epidemic: Epidemic
    flags: list[Flag]


def disease_named(name: str) -> Disease:
    """The parameters of disease `name`. Raises ModelInputFault for a name that EPIRICE does not know."""
    diseases = epirice_parameters().diseases
    if name not in diseases:
        raise ModelInputFault(f"EPIRICE knows no disease {name!r}; it knows {', '.join(diseases)}")
    return diseases[name]


def run_season(
    weather: DailyWeather,
    disease: str,
    emergence: date,
    *,
    mode: Mode = Mode.STRICT,
    wetness: Wetness = Wetness.BINARY,
    gaps: Gaps = Gaps.REFUSE,
    days: int | None = None,
) -> Season:
    """Run `disease` from `emergence` on.

    Args:
        weather: Daily weather that covers the season.
        disease: Key of epirice.yaml.
        emergence: Day of crop establishment, the season's first day.
        mode: Whose reading of the equations.
        wetness: What makes a day infectious.
        gaps: What to do with unknown days.
        days: Length of the run; None for the whole season.

    Raises:
        WeatherFault: the weather cannot be right, or has unknown days and `gaps` is REFUSE.
        ModelInputFault: the disease is unknown or the season too long.
    """
    parameters = disease_named(disease)
    count = season_days(mode) if days is None else days
    if not 1 <= count <= season_days(mode):
        raise ModelInputFault(
            f"EPIRICE: a run has 1 to {season_days(mode)} days in {mode} mode, not {count}; change the days"
        )
    window = weather.window(np.datetime64(emergence, "D"), count)
    flags = check_daily(window, wet_hours=wetness is Wetness.HOURS)
    if wetness is Wetness.HOURS and window.wet_hours is not None:
        factor = wet_hours_factor(parameters, window.wet_hours)
    else:
        factor = wet_day_factor(epirice_parameters().wet_day, window.humidity, window.rain)
    epidemic = simulate(parameters, mode, window.temperature, factor)
    missing = [flag for flag in flags if flag.doubt is Doubt.GAPS]
    if gaps is Gaps.REFUSE and missing:
        told = "; ".join(f"{flag.what}: {flag.count} of {count} days, first {flag.since}" for flag in missing)
        raise WeatherFault(
            f"weather from {emergence} has days without values ({told}); fill them, or let gaps count as dry"
        )
    return Season(window.days, epidemic, flags)
