"""Weather made up for tests: a dry spell of dew-less days, and wet days where asked for."""

from __future__ import annotations

from datetime import date

import numpy as np

from cloud.forecast.crop.plot import Count, Flush, FruitPlot, Method, Observed, RicePlot
from cloud.forecast.outlook.outlook import Outlook
from cloud.forecast.weather.series import HourlyWeather

FIRST = np.datetime64("2026-07-01T00", "h")
TODAY = date(2026, 8, 30)
PAST_D = 60
SOME_WET = tuple(range(3, 55, 5))


def weather(
    wet_days: tuple[int, ...] = SOME_WET, days: int = PAST_D, *, wind: float = 1.0, wet_h: int = 11
) -> HourlyWeather:
    """Hours from 1 July; on `wet_days` `wet_h` hours at 96 % with 30 mm of rain, else 65 %."""
    chance = np.random.default_rng(5)
    hour = np.arange(24 * days)
    wet = np.isin(hour // 24, wet_days)
    temperature = (
        27 + 4 * np.cos((hour % 24 - 14) / 24 * 2 * np.pi) - 2 * wet + chance.normal(0, 0.3, len(hour))
    )
    humidity = np.where(wet & (hour % 24 < wet_h), 96.0, 65.0) + chance.normal(0, 1, len(hour))
    rain = np.where(wet & (hour % 24 < 6), 5.0, 0.0)
    speed = wind + np.abs(chance.normal(0, 0.3, len(hour)))
    return HourlyWeather(FIRST + hour, temperature, np.minimum(humidity, 100), wind=speed, rain=rain)


def outlook(past: HourlyWeather, *, wet: bool, members: int = 10) -> Outlook:
    """Three days ahead, in all members wet or in all dry, with some warmth between them."""
    ahead = weather(tuple(range(PAST_D + 3)) if wet else (), PAST_D + 3, wet_h=20)
    own = slice(-72, None)
    assert ahead.rain is not None
    assert ahead.wind is not None
    warmer = np.linspace(-1, 1, members)[:, None]
    return Outlook(
        hours=past.hours[-1] + 1 + np.arange(72),
        temperature=ahead.temperature[own],
        humidity=ahead.humidity[own],
        wet_probability=np.full(72, float(wet)),
        temperature_members=ahead.temperature[own] + warmer,
        humidity_members=np.repeat(ahead.humidity[own][None], members, axis=0),
        rain_members=np.repeat(ahead.rain[own][None], members, axis=0),
        wind_members=np.repeat(ahead.wind[own][None], members, axis=0),
        learnt_hours=1000,
        source=("station",) * 72,
    )


def rice(sown: date = date(2026, 8, 1), **more: object) -> RicePlot:
    return RicePlot.model_validate(
        {"id": "r-12", "title": "R12", "crop": "rice", "station": "ws-1", "sown": sown} | more
    )


def garden(stage: str | None = "flower", **more: object) -> FruitPlot:
    flushes = [] if stage is None else [Flush(observed=[Observed(stage=stage, day=date(2026, 8, 27))])]
    return FruitPlot.model_validate(
        {"id": "t-1", "title": "T1", "crop": "dragon_fruit", "station": "ws-1", "flushes": flushes} | more
    )


def peak(pest: str = "brown_planthopper", day: int = 15) -> list[Count]:
    nights = ((day - 2, 40), (day - 1, 90), (day, 700), (day + 1, 120), (day + 2, 50))
    return [
        Count(pest=pest, day=date(2026, 8, at), method=Method.LIGHT_TRAP, value=value) for at, value in nights
    ]
