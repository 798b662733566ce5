"""Dragon fruit at one garden: fruit fly, and flags by rules of root rot and sunburn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from cloud.forecast.arrays import FloatArray
from cloud.forecast.crop.plot import Method
from cloud.forecast.fruit.flies import fly_outlook
from cloud.forecast.output import words
from cloud.forecast.output.contract import Forecast, ModelCard, Risk, risk_class
from cloud.forecast.output.course import PlotCourse
from cloud.forecast.output.parameters import crop_risks
from cloud.forecast.output.station_risks import StationRisks

PEST_FLY = "fruit_fly"
WEEK_D = 7
FEWEST_COUNTS = 2
OLDEST_COUNT_D = 21


@dataclass(frozen=True, slots=True)
class Garden:
    """What the flags of one garden are told from."""

    where: PlotCourse
    shared: StationRisks

    def blank(self, pest: str, card: ModelCard, day: date) -> Forecast:
        """A forecast that says nothing yet."""
        return Forecast(
            plot=self.where.plot.id,
            pest=pest,
            day=day,
            issued=self.shared.issued,
            horizon_d=(day - self.shared.today).days,
            probability=None,
            spread=None,
            relative=None,
            risk=None,
            infection=None,
            symptoms=None,
            drivers=(),
            quality=self.shared.quality,
            model=card,
        )


def fly_forecasts(of: Garden) -> list[Forecast]:
    """One forecast for each of the next seven days, or one that says what is missing.

    An alert needs both: many flies expected, and fruit near its harvest. Earlier the class stays low.
    """
    risks, today = crop_risks("dragon_fruit"), of.shared.today
    risk = risks.flies
    assert risk is not None
    card = ModelCard("fly-counts", risks.version, risk.citation, risk.confidence)
    counts = sorted(
        (
            each
            for each in of.where.plot.counts
            if each.pest == PEST_FLY and each.method is Method.TRAP and each.day <= today
        ),
        key=lambda each: each.day,
    )
    if len(counts) < FEWEST_COUNTS or (today - counts[-1].day).days > OLDEST_COUNT_D:
        return [replace(of.blank(PEST_FLY, card, today), missing=words.NO_TRAP)]
    known = of.shared.station.past.mean_temperature[-WEEK_D:, 0]
    if np.isnan(known).all():
        return [replace(of.blank(PEST_FLY, card, today), missing=words.UNKNOWN_DAY)]
    seen = fly_outlook(risk, [each.value for each in counts], float(np.nanmean(known)))
    told = []
    for ahead in range(WEEK_D):
        day = today + timedelta(ahead)
        left = of.where.days_to_harvest(day)
        in_danger = left is not None and left <= risk.fruit_within_d
        drivers = (words.counted(counts[-1].value, seen.limit),)
        told.append(
            replace(
                of.blank(PEST_FLY, card, day),
                probability=seen.probability if in_danger else 0.0,
                spread=(seen.low, seen.high) if in_danger else (0.0, 0.0),
                risk=risk_class(seen.probability, None) if in_danger else Risk.LOW,
                drivers=drivers if left is None else (*drivers, words.harvest(left)),
            )
        )
    return told


def rule_forecasts(of: Garden, soil_saturation: FloatArray | None) -> list[Forecast]:
    """Root rot today, and sunburn on each day ahead.

    Args:
        of: The garden.
        soil_saturation: Share of the pores filled with water, 0–1, for each hour to the last measured one;
            None without a sensor. Unknown hours end a spell.
    """
    risks = crop_risks("dragon_fruit")
    assert risks.rules is not None
    rot, burn = risks.rules.stem_rot, risks.rules.sunburn
    card = ModelCard("rule", risks.version, rot.citation, rot.confidence)
    blank = of.blank("stem_rot", card, of.shared.today)
    if soil_saturation is None:
        told = [replace(blank, missing=words.NO_SOIL)]
    else:
        hours = saturated_hours(soil_saturation, rot.saturated_share)
        share = float(hours >= rot.saturated_h)
        drivers = (words.saturated(hours),) if hours else ()
        told = [
            replace(
                blank,
                probability=share,
                spread=(share, share),
                risk=Risk.HIGH if share else Risk.LOW,
                drivers=drivers,
            )
        ]
    near = of.shared.station.near
    humid = near.by_day(near.humidity)
    hot = (near.by_day(near.temperature) >= burn.temperature_c) & (humid < burn.humidity_pct)
    burnt = hot.any(axis=1).mean(axis=1)
    card = ModelCard("rule", risks.version, burn.citation, burn.confidence)
    first = date.fromisoformat(str(near.days[0]))
    for row in range((of.shared.today - first).days, len(near.days)):
        share = float(burnt[row])
        hottest = float(np.nanmax(near.by_day(near.temperature)[row])) if not near.unknown[row] else np.nan
        blank = of.blank("sunburn", card, first + timedelta(row))
        if np.isnan(hottest):
            told.append(replace(blank, missing=words.UNKNOWN_DAY))
            continue
        driest = float(np.nanmin(humid[row]))
        told.append(
            replace(
                blank,
                probability=share,
                spread=(float(share > 0.9), float(share > 0.1)),
                risk=risk_class(share, None),
                drivers=(words.heat(hottest, driest),),
            )
        )
    return told


def saturated_hours(saturation: FloatArray, limit: float) -> int:
    """Hours in a row up to the last one in which the soil was full."""
    full = saturation >= limit
    dry = np.flatnonzero(~full)
    return len(full) if not len(dry) else len(full) - 1 - int(dry[-1])
