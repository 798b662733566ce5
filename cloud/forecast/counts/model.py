"""Will the count be above its usual high in some weeks? Two calibrated classifiers, averaged.

Logistic regression and gradient-boosted trees that may only rise with recent counts, over all series of all
pests at once. Their mean is calibrated on predictions for years that the fit had not seen: by isotonic
regression, drawn half-way to Platt's line. It needs two seasons of a series before it says anything of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from cloud.forecast.arrays import BoolArray, FloatArray, IntArray
from cloud.forecast.counts.features import ABOVE_NOW, CLIMATOLOGY, MONOTONE, table
from cloud.forecast.counts.series import WEEKS, CountSeries
from cloud.forecast.errors import NotEnoughData

MODEL: Final = "counts"
VERSION: Final = "1.0"
CITATION: Final = "logistic regression and monotone gradient boosting, calibrated; docs/models/counts.md"
SEASONS: Final = 2
QUANTILE: Final = 0.75
"""A week is an event when its count is above this quantile of the series."""
FOLDS: Final = 5
_EDGE: Final = 0.002
"""No probability is nearer to 0 or 1."""
Classifier = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Threshold:
    """What counts as many, for one series."""

    count: float
    base_rate: float


@dataclass(frozen=True, slots=True)
class CountModel:
    """What was learnt for one lead."""

    lead_weeks: int
    learnt_rows: int
    thresholds: dict[str, Threshold]
    """By name of the series."""
    probability: Classifier
    """Of rows of features."""

    def foresee(self, series: CountSeries) -> Foreseen:
        """Probabilities for every week that can be foreseen from one of `series`.

        Raises:
            NotEnoughData: the series had not been counted for two seasons when this was learnt.
        """
        threshold = self.thresholds.get(series.name)
        if threshold is None:
            raise NotEnoughData(
                f"{series.name}: fewer than {SEASONS} seasons of weekly counts; go on counting, "
                "climatology of the region stands in until then"
            )
        rows = table(series, self.lead_weeks, threshold.count, threshold.base_rate)
        return Foreseen(
            rows.weeks,
            self.probability(rows.features),
            rows.features[:, CLIMATOLOGY],
            rows.features[:, ABOVE_NOW],
            rows.above,
        )


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One series foreseen, with what always stands beside it."""

    weeks: IntArray
    """Absolute week that is foreseen."""
    probability: FloatArray
    climatology: FloatArray
    """Probability by the season alone."""
    persistence: FloatArray
    """1 where the count is above now, else 0."""
    came: FloatArray
    """1 above, 0 not; NaN where it is not known."""

    def since(self, first_week: int, last_week: int) -> Foreseen:
        """Weeks from `first_week` to `last_week`, of which it is known what came."""
        rows: BoolArray = (self.weeks >= first_week) & (self.weeks <= last_week) & ~np.isnan(self.came)
        return Foreseen(
            self.weeks[rows],
            self.probability[rows],
            self.climatology[rows],
            self.persistence[rows],
            self.came[rows],
        )


def learn(series: Sequence[CountSeries], lead_weeks: int, *, quantile: float = QUANTILE) -> CountModel:
    """Learn from all that `series` hold.

    Raises:
        NotEnoughData: no series has been counted for two seasons, or nothing ever rose above its threshold.
    """
    long_enough = [each for each in series if each.known_weeks >= SEASONS * WEEKS]
    thresholds = {each.name: _threshold(each, quantile) for each in long_enough}
    tables = [
        table(each, lead_weeks, thresholds[each.name].count, thresholds[each.name].base_rate)
        for each in long_enough
    ]
    known = [each.taken(~np.isnan(each.above)) for each in tables]
    if not known or not 0 < (above := np.concatenate([each.above for each in known])).mean() < 1:
        raise NotEnoughData(
            f"counts: none of {len(series)} series has {SEASONS} seasons with high and low weeks; "
            "a model needs them, climatology does not"
        )
    features = np.concatenate([each.features for each in known])
    years = np.concatenate([each.weeks for each in known]) // WEEKS
    raw = _mean_of_two(features, above)
    calibrated = _calibration(*_unseen(features, above, years))
    return CountModel(lead_weeks, len(above), thresholds, lambda rows: calibrated(raw(rows)))


def _threshold(series: CountSeries, quantile: float) -> Threshold:
    values = series.values[~np.isnan(series.values)]
    count = float(np.quantile(values, quantile))
    return Threshold(count, float((values > count).mean()))


def _mean_of_two(features: FloatArray, above: FloatArray) -> Classifier:
    filled = np.nan_to_num(features)
    mean, deviation = filled.mean(axis=0), filled.std(axis=0) + 1e-9
    line = LogisticRegression(C=0.1, max_iter=500).fit((filled - mean) / deviation, above)
    trees = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=min(40, max(5, len(above) // 50)),
        l2_regularization=5,
        monotonic_cst=list(MONOTONE),
        random_state=0,
    )
    with threadpool_limits(1):  # threads of so small a task only wait for one another
        trees.fit(features, above)

    def probability(rows: FloatArray) -> FloatArray:
        by_line = line.predict_proba((np.nan_to_num(rows) - mean) / deviation)[:, 1]
        both: FloatArray = (by_line + trees.predict_proba(rows)[:, 1]) / 2
        return both

    return probability


def _unseen(features: FloatArray, above: FloatArray, years: IntArray) -> tuple[FloatArray, FloatArray]:
    """Probabilities for each fold of years by a fit without it, and what came."""
    folds = (years // 2) % FOLDS
    said, came = [], []
    for fold in range(FOLDS):
        rest, part = folds != fold, folds == fold
        if part.any() and rest.any() and 0 < above[rest].mean() < 1:
            said.append(_mean_of_two(features[rest], above[rest])(features[part]))
            came.append(above[part])
    if not said:
        return np.empty(0), np.empty(0)
    return np.concatenate(said), np.concatenate(came)


def _calibration(said: FloatArray, came: FloatArray) -> Classifier:
    if len(said) < WEEKS or not 0 < came.mean() < 1:
        return lambda raw: np.clip(raw, _EDGE, 1 - _EDGE)
    steps: Any = IsotonicRegression(out_of_bounds="clip", y_min=_EDGE, y_max=1 - _EDGE).fit(said, came)
    line = LogisticRegression(C=1e6).fit(_logit(said), came)

    def calibrated(raw: FloatArray) -> FloatArray:
        mixed: FloatArray = (steps.predict(raw) + line.predict_proba(_logit(raw))[:, 1]) / 2
        return np.clip(mixed, _EDGE, 1 - _EDGE)

    return calibrated


def _logit(probability: FloatArray) -> FloatArray:
    inside = np.clip(probability, 1e-4, 1 - 1e-4)
    column: FloatArray = np.log(inside / (1 - inside)).reshape(-1, 1)
    return column
