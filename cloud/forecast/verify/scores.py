"""Scores of issued forecasts: reliability, Brier and skill, warnings kept and missed, lead time, load.

Climatology and persistence always stand beside a model. Neither knows more than the day of issue did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from cloud.forecast.arrays import BoolArray, FloatArray
from cloud.forecast.errors import NotEnoughData
from cloud.forecast.verify.records import Record

BINS: Final = 10
MONTH_D: Final = 30
_PRIOR_EVENTS, _PRIOR_DAYS = 1.0, 10.0
"""Weight of one event in ten days, which climatology begins with."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One tenth of probability in the reliability diagram."""

    said: float
    """Mean probability."""
    came: float
    """Share of events."""
    forecasts: int


@dataclass(frozen=True, slots=True)
class Brier:
    """Brier score and its parts by tenths: score ≈ reliability − resolution + uncertainty."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Warnings:
    """Warnings at one threshold; a ratio is None where nothing could be counted."""

    hits: int
    misses: int
    false_alarms: int
    quiet: int

    @property
    def pod(self) -> float | None:
        """Share of the events that were warned of."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def far(self) -> float | None:
        """Share of the warnings without an event."""
        return _ratio(self.false_alarms, self.hits + self.false_alarms)

    @property
    def csi(self) -> float | None:
        """Hits among events and warnings."""
        return _ratio(self.hits, self.hits + self.misses + self.false_alarms)


@dataclass(frozen=True, slots=True)
class Verification:
    """How good the forecasts of one model were."""

    forecasts: int
    """Those whose outcome is known."""
    events: int
    unknown: int
    """Forecasts whose outcome nobody reported."""
    bins: tuple[Bin, ...]
    brier: Brier
    climatology: float
    """Brier score of climatology."""
    persistence: float
    warnings: Warnings
    lead_d: float | None
    """Median days from the first warning of an event to its day; None where no event was warned of."""
    load: float
    """Days with a warning, for each plot and 30 days."""

    @property
    def skill_over_climatology(self) -> float | None:
        """1 − Brier over climatology's; None where climatology made no error."""
        return None if self.climatology == 0 else 1 - self.brier.score / self.climatology

    @property
    def skill_over_persistence(self) -> float | None:
        """1 − Brier over persistence's; None where persistence made no error."""
        return None if self.persistence == 0 else 1 - self.brier.score / self.persistence


def verify(records: Sequence[Record], alert_at: float) -> Verification:
    """Scores of `records`, of one model.

    Args:
        records: Forecasts with their outcomes.
        alert_at: Probability from which a forecast is a warning.

    Raises:
        NotEnoughData: no outcome is known.
    """
    known = [each for each in records if each.came is not None]
    if not known:
        raise NotEnoughData("forecasts: no outcome is known; fill the column came with 1 or 0")
    said = np.array([each.probability for each in known])
    came = np.array([bool(each.came) for each in known])
    usual, last = references(known)
    return Verification(
        forecasts=len(known),
        events=int(came.sum()),
        unknown=len(records) - len(known),
        bins=reliability(said, came),
        brier=brier(said, came),
        climatology=float(np.mean((usual - came) ** 2)),
        persistence=float(np.mean((last - came) ** 2)),
        warnings=warnings(said, came, alert_at),
        lead_d=lead_time(known, alert_at),
        load=alert_load(records, alert_at),
    )


def reliability(said: FloatArray, came: BoolArray) -> tuple[Bin, ...]:
    """The tenths of probability that occur."""
    at = np.minimum((said * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(float(said[at == each].mean()), float(came[at == each].mean()), int((at == each).sum()))
        for each in range(BINS)
        if (at == each).any()
    )


def brier(said: FloatArray, came: BoolArray) -> Brier:
    """Mean squared error of probabilities, with Murphy's parts."""
    bins, base = reliability(said, came), float(came.mean())
    weight = np.array([each.forecasts for each in bins]) / len(came)
    shown = np.array([each.came for each in bins])
    mean = np.array([each.said for each in bins])
    return Brier(
        score=float(np.mean((said - came) ** 2)),
        reliability=float((weight * (mean - shown) ** 2).sum()),
        resolution=float((weight * (shown - base) ** 2).sum()),
        uncertainty=base * (1 - base),
    )


def warnings(said: FloatArray, came: BoolArray, alert_at: float) -> Warnings:
    """Hits, misses, false alarms and quiet days."""
    warned = said >= alert_at
    return Warnings(
        hits=int((warned & came).sum()),
        misses=int((~warned & came).sum()),
        false_alarms=int((warned & ~came).sum()),
        quiet=int((~warned & ~came).sum()),
    )


def lead_time(records: Sequence[Record], alert_at: float) -> float | None:
    """Median days from the first warning of each event to its day."""
    first: dict[tuple[str, str, date], int] = {}
    for each in records:
        if each.came and each.probability >= alert_at:
            key = (each.plot, each.pest, each.day)
            first[key] = max(first.get(key, 0), each.lead_d)
    return float(np.median(list(first.values()))) if first else None


def alert_load(records: Sequence[Record], alert_at: float) -> float:
    """Warned days (any pest, any lead) for each plot and 30 days of the time that the forecasts cover."""
    warned = {(each.plot, each.pest, each.day) for each in records if each.probability >= alert_at}
    plots, days = {each.plot for each in records}, {each.day for each in records}
    span = (max(days) - min(days)).days + 1
    return len(warned) / len(plots) / span * MONTH_D


def references(records: Sequence[Record]) -> tuple[FloatArray, FloatArray]:
    """Climatology and persistence for each of `records`, from outcomes of days before its issue alone.

    Climatology is the record's own where the file gives one; otherwise the share of events of the same pest
    in the months around, begun with one event in ten days. Persistence is the plot's last known outcome;
    before there is one, climatology.
    """
    outcomes = sorted({(each.day, each.plot, each.pest, bool(each.came)) for each in records})
    counts: dict[tuple[str, int], list[float]] = defaultdict(lambda: [_PRIOR_EVENTS, _PRIOR_DAYS])
    last: dict[tuple[str, str], float] = {}
    usual, before = np.zeros(len(records)), np.zeros(len(records))
    seen = 0
    for at in sorted(range(len(records)), key=lambda row: records[row].issued):
        record = records[at]
        while seen < len(outcomes) and outcomes[seen][0] < record.issued:
            day, plot, pest, came = outcomes[seen]
            for month in (day.month - 1, day.month, day.month + 1):
                entry = counts[pest, (month - 1) % 12 + 1]
                entry[0] += came
                entry[1] += 1
            last[plot, pest] = float(came)
            seen += 1
        events, days = counts[record.pest, record.day.month]
        usual[at] = record.climatology if record.climatology is not None else events / days
        before[at] = last.get((record.plot, record.pest), usual[at])
    return usual, before


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
