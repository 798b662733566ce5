"""The forecasts beside their references: skill of the station's outlook, and of counts.

`--quick` learns anew every ten days instead of every day. `--counts FILE` judges the count model on weekly
counts, which are not part of kega; `--counts-after YEAR` says on which years. `--speed` measures speed alone.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cloud.forecast.arrays import FloatArray
from cloud.forecast.counts.model import SEASONS
from cloud.forecast.counts.scores import LEADS, judge, score
from cloud.forecast.counts.series import WEEKS, read_counts
from cloud.forecast.outlook.anomaly_ridge import fit, predict
from cloud.forecast.outlook.outlook import wet_probability
from tests.bench.forecast_speed import province_speed, season_speed
from tests.bench.report import Figure, write
from tests.cloud.forecast.reference import DATA

COMMAND = "make bench-forecast"
HORIZONS = (1, 3, 6, 12, 24, 48, 72)
TESTED_FROM = 0.65


@dataclass(frozen=True, slots=True)
class Series:
    """Hourly temperature and humidity of one place."""

    name: str
    first_hour: int
    temperature: FloatArray
    humidity: FloatArray


def series() -> Iterator[Series]:
    """The recorded series that the reference was computed on."""
    for file, single in (
        ("weather_hourly_hanoi_2024_2025", "Hanoi"),
        ("weather_hourly_srilanka_6fields", ""),
    ):
        text = gzip.decompress((DATA / f"{file}.csv.gz").read_bytes()).decode()
        places: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in csv.DictReader(io.StringIO(text)):
            places[row.get("idsite", "")].append(row)
        for place, rows in places.items():
            yield Series(
                single or f"SriLanka_{place}",
                int(rows[0]["TIME"][11:13]),
                np.array([float(row["TEMP"]) for row in rows]),
                np.array([float(row["RHUM"]) for row in rows]),
            )


def rolling(of: Series, quantity: str, ahead: int, every_h: int) -> float:
    """RMSE, or for WET the Brier score, of forecasts from every hour of the tested part; none looks ahead."""
    values, companion = of.humidity, of.temperature
    if quantity == "T":
        values, companion = companion, values
    start, count = int(TESTED_FROM * len(values)), len(values)
    squares = []
    for since in range(start, count - ahead, every_h):
        learnt = fit(values[: since + 1], companion[: since + 1], of.first_hour, ahead)
        origins = np.arange(since, min(count - ahead, since + every_h))
        seen = origins[-1] + 1
        expected = predict(learnt, values[:seen], companion[:seen], of.first_hour, origins)
        came = values[origins + ahead]
        if quantity == "WET":
            clipped = np.clip(expected, 0, 100)
            share = np.array(
                [wet_probability(each, learnt, int(at)) for each, at in zip(clipped, origins, strict=True)]
            )
            squares.append((share - (came >= 90)) ** 2)
        else:
            squares.append(((np.clip(expected, 0, 100) if quantity == "RH" else expected) - came) ** 2)
    mean = float(np.concatenate(squares).mean())
    return mean if quantity == "WET" else mean**0.5


def outlook_skill(every_h: int) -> list[Figure]:
    """Mean score by quantity and horizon over all series, beside the reference's anomaly ridge."""
    table = csv.DictReader(io.StringIO((DATA / "weather_forecast_reference.csv").read_text()))
    reference = {(row["series"], row["var"], int(row["H"])): float(row["anomaly_ridge"]) for row in table}
    scores: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for each in series():
        for quantity in ("T", "RH", "WET"):
            for ahead in HORIZONS:
                ours = rolling(each, quantity, ahead, every_h)
                scores[quantity, ahead].append((ours, reference[each.name, quantity, ahead]))
    units = {"T": "°C RMSE", "RH": "% RMSE", "WET": "Brier"}
    return [
        Figure(
            f"{quantity} +{ahead} h, mean of {len(pairs)} series",
            *(float(np.mean([ours for ours, _ in pairs])), units[quantity], "reference anomaly ridge"),
            *(float(np.mean([ours / theirs for ours, theirs in pairs])), COMMAND),
        )
        for (quantity, ahead), pairs in scores.items()
    ]


def count_skill(file: Path, after_year: int) -> list[Figure]:
    """AUC and Brier of the count model beside climatology, 1 to 4 weeks ahead."""
    series = [each for each in read_counts([file]) if each.known_weeks >= SEASONS * WEEKS]
    figures = []
    for lead in LEADS:
        judged = judge(series, lead, after_year)
        model, season = score(judged.probability, judged), score(judged.climatology, judged)
        about = f"counts +{lead} weeks, {len(judged.came)} weeks after {after_year}"
        auc = f"{model.auc_range[0]:.3f} … {model.auc_range[1]:.3f}"
        assert model.slope is not None
        figures += [
            Figure(f"{about}: AUC ({auc})", model.auc, "", "climatology", model.auc / season.auc, COMMAND),
            Figure(f"{about}: Brier", model.brier, "", "climatology", model.brier / season.brier, COMMAND),
            Figure(f"{about}: slope", model.slope, "", "1 is calibrated", model.slope, COMMAND),
        ]
    return figures


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--counts", type=Path)
    parser.add_argument("--counts-after", type=int, default=2002)
    parser.add_argument("--speed", action="store_true")
    chosen = parser.parse_args()
    figures = [*province_speed(COMMAND), *season_speed(COMMAND)]
    if not chosen.speed:
        figures += outlook_skill(240 if chosen.quick else 24)
    if chosen.counts is not None:
        figures += count_skill(chosen.counts, chosen.counts_after)
    write("forecast", figures)


if __name__ == "__main__":
    main()
