"""How good probabilities of events were: AUC, Brier, skill, calibration slope, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from cloud.forecast.arrays import FloatArray, IntArray
from cloud.forecast.counts.model import learn
from cloud.forecast.counts.series import WEEKS, CountSeries
from cloud.forecast.errors import NotEnoughData

LEADS: Final = (1, 2, 3, 4)
RESAMPLES: Final = 500


@dataclass(frozen=True, slots=True)
class Judged:
    """Forecasts of one lead, each made with nothing from its own year."""

    lead_weeks: int
    probability: FloatArray
    climatology: FloatArray
    persistence: FloatArray
    came: FloatArray
    block: IntArray
    """Which weeks belong together: one year of one series."""


@dataclass(frozen=True, slots=True)
class Score:
    """Scores of one forecaster; ranges hold 95 % of block-bootstrap resamples."""

    auc: float
    auc_range: tuple[float, float]
    brier: float
    brier_range: tuple[float, float]
    slope: float | None
    """Of the logistic calibration line; 1 is calibrated. None for forecasts that only say yes or no."""


def judge(series: Sequence[CountSeries], lead_weeks: int, after_year: int) -> Judged:
    """Every year after `after_year` foreseen by a model that learnt from all years before it.

    Raises:
        NotEnoughData: no year after it, or no series that is long enough before it.
    """
    parts: list[tuple[FloatArray, ...]] = []
    years = sorted({int(year) for each in series for year in each.years if year > after_year})
    for year in years:
        try:
            model = learn([each.until(year - 1) for each in series], lead_weeks)
        except NotEnoughData:
            continue
        for number, each in enumerate(series):
            if each.name in model.thresholds:
                seen = model.foresee(each.until(year)).since(year * WEEKS, year * WEEKS + WEEKS - 1)
                block = np.full(len(seen.came), number * 10_000 + year)
                parts.append((seen.probability, seen.climatology, seen.persistence, seen.came, block))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else []
    if not joined or not 0 < joined[3].mean() < 1:
        raise NotEnoughData(
            f"counts: nothing to judge after {after_year}; give counts of more years, or an earlier --after"
        )
    probability, climatology, persistence, came, block = joined
    return Judged(lead_weeks, probability, climatology, persistence, came, block.astype(np.int64))


def score(said: FloatArray, judged: Judged, *, calibrates: bool = True, seed: int = 0) -> Score:
    """Scores of the probabilities `said` for the weeks of `judged`."""
    came = judged.came
    auc, auc_range = _resampled(_auc, said, judged, seed)
    brier, brier_range = _resampled(_brier, said, judged, seed)
    slope = None
    if calibrates:
        inside = np.clip(said, 1e-4, 1 - 1e-4)
        line = LogisticRegression(C=1e6).fit(np.log(inside / (1 - inside)).reshape(-1, 1), came)
        slope = float(line.coef_[0, 0])
    return Score(auc, auc_range, brier, brier_range, slope)


def reliability(said: FloatArray, came: FloatArray, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean probability, share of events and number of weeks in each tenth of probability that occurs."""
    at = np.minimum((said * bins).astype(int), bins - 1)
    return [
        (float(said[at == each].mean()), float(came[at == each].mean()), int((at == each).sum()))
        for each in range(bins)
        if (at == each).any()
    ]


def _resampled(
    measure: Callable[[FloatArray, FloatArray], float], said: FloatArray, judged: Judged, seed: int
) -> tuple[float, tuple[float, float]]:
    chance = np.random.default_rng(seed)
    blocks = [np.flatnonzero(judged.block == each) for each in np.unique(judged.block)]
    found = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([blocks[each] for each in chance.integers(0, len(blocks), len(blocks))])
        if 0 < judged.came[rows].mean() < 1:
            found.append(measure(judged.came[rows], said[rows]))
    low, high = np.quantile(found, (0.025, 0.975))
    return measure(judged.came, said), (float(low), float(high))


def _auc(came: FloatArray, said: FloatArray) -> float:
    return float(roc_auc_score(came, said))


def _brier(came: FloatArray, said: FloatArray) -> float:
    return float(np.mean((said - came) ** 2))
