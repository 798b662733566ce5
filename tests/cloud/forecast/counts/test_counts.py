"""Counts that foresee counts: files, causality, skill on a made-up pest, and too little to speak."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.cli.forecast import forecast
from cloud.forecast.counts.features import CLIMATOLOGY, NAMES, table
from cloud.forecast.counts.model import learn
from cloud.forecast.counts.scores import judge, reliability, score
from cloud.forecast.counts.series import COLUMNS, WEEKS, CountSeries, read_counts
from cloud.forecast.errors import CountFault, NotEnoughData


def pest(seed: int, years: int = 8, first_year: int = 2000) -> CountSeries:
    """Two broods a year whose strength and time differ by year: a season, and memory of the last weeks."""
    chance = np.random.default_rng(seed)
    week = np.arange(years * WEEKS)
    strength = np.repeat(chance.lognormal(0, 0.8, years), WEEKS)
    shift = np.repeat(chance.normal(0, 3, years), WEEKS)
    broods = sum(np.exp(-(((week % WEEKS) - peak - shift) ** 2) / 18) for peak in (14, 38))
    memory = np.zeros(len(week))
    for each in week[1:]:
        memory[each] = 0.8 * memory[each - 1] + chance.normal(0, 0.3)
    values = chance.poisson(np.maximum(0.2, 60 * strength * broods * np.exp(memory)))
    return CountSeries(f"pest {seed}", "Hàm Thuận", "light trap", first_year * WEEKS, values.astype(float))


def write(file: Path, series: list[CountSeries]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow([*COLUMNS, "MaxT"])
        for each in series:
            for week, value in zip(each.weeks, each.values, strict=True):
                writer.writerow(
                    [week // WEEKS, week % WEEKS + 1, value, each.method, each.pest, each.place, 31]
                )
    return file


def test_files_are_read_joined_and_holes_stay_unknown(tmp_path: Path) -> None:
    one = pest(1)
    early = write(tmp_path / "early.csv", [one.until(2003)])
    late = write(tmp_path / "late.csv", [one])
    lines = late.read_text().splitlines()
    late.write_text("\n".join(lines[:300] + lines[310:]) + "\n")
    (found,) = read_counts([early, late])
    assert found.first_week == one.first_week
    assert np.isnan(found.values[299:309]).all()
    assert np.array_equal(found.values[:299], one.values[:299])


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Year,Week\n2001,1\n", "no column Observation Year"),
        (",".join(COLUMNS) + "\n2001,60,3,trap,BPH,X\n", r"counts.csv:2: week 60"),
        (",".join(COLUMNS) + "\n2001,6,-3,trap,BPH,X\n", r"counts.csv:2: week 6 with value -3"),
        (",".join(COLUMNS) + "\n2001,6,many,trap,BPH,X\n", r"counts.csv:2: .*many"),
    ],
    ids=["columns", "week", "negative", "text"],
)
def test_bad_files_are_named_by_line(tmp_path: Path, text: str, cause: str) -> None:
    file = tmp_path / "counts.csv"
    file.write_text(text)
    with pytest.raises(CountFault, match=cause):
        read_counts([file])


@given(seed=st.integers(0, 10_000), lead=st.integers(1, 4), cut=st.integers(60, 300))
@settings(max_examples=30, deadline=None)
def test_features_hold_nothing_of_the_future(seed: int, lead: int, cut: int) -> None:
    whole = pest(seed, 7)
    known = CountSeries(whole.pest, whole.place, whole.method, whole.first_week, whole.values[: cut + 1])
    of_whole = table(whole, lead, 20.0, 0.25).features[: cut + 1]
    of_known = table(known, lead, 20.0, 0.25).features
    assert np.array_equal(of_whole, of_known, equal_nan=True)
    assert of_known.shape[1] == len(NAMES)
    assert ((of_known[:, CLIMATOLOGY] > 0) & (of_known[:, CLIMATOLOGY] < 1)).all()


def test_recent_counts_beat_the_season_and_are_calibrated() -> None:
    series = [pest(seed, 7) for seed in range(4)]
    judged = judge(series, 2, 2005)
    model, climatology = score(judged.probability, judged), score(judged.climatology, judged)
    assert model.auc > climatology.auc
    assert model.brier < climatology.brier
    assert model.auc_range[0] < model.auc < model.auc_range[1]
    assert model.slope is not None
    assert 0.7 < model.slope < 1.4
    assert sum(weeks for _, _, weeks in reliability(judged.probability, judged.came)) == len(judged.came)


def test_more_in_the_trap_never_lowers_the_probability_of_the_trees() -> None:
    series = [pest(seed, 4) for seed in range(2)]
    model = learn(series, 1)
    one = series[0]
    more = CountSeries(one.pest, one.place, one.method, one.first_week, one.values.copy())
    more.values[-1] = one.values.max() * 3
    assert model.foresee(more).probability[-1] >= model.foresee(one).probability[-1]


def test_two_seasons_are_needed_and_said() -> None:
    long, short = pest(1, 4), pest(2, 1, 2003)
    model = learn([long, short], 1)
    with pytest.raises(NotEnoughData, match="fewer than 2 seasons"):
        model.foresee(short)
    with pytest.raises(NotEnoughData, match="none of 1 series"):
        learn([short], 1)
    with pytest.raises(NotEnoughData, match="nothing to judge after 2030"):
        judge([long], 1, 2030)


def test_the_command_scores_a_file_and_another_it_learns_from(tmp_path: Path) -> None:
    series = [pest(seed, 6) for seed in range(3)]
    early = write(tmp_path / "early.csv", [each.until(2004) for each in series])
    late = write(
        tmp_path / "late.csv",
        [
            CountSeries(each.pest, each.place, each.method, 2005 * WEEKS, each.values[each.years >= 2005])
            for each in series
        ],
    )
    arguments = ["score-counts", str(late), "--train", str(early), "--lead", "1", "--json"]
    done = CliRunner().invoke(forecast, arguments)
    assert done.exit_code == 0, done.output
    body = json.loads(done.output)
    assert body["judged_after"] == 2004
    rows = {row["forecaster"]: row for row in body["scores"]}
    assert rows["model"]["auc"] > rows["climatology"]["auc"]
    assert rows["model"]["weeks"] == rows["persistence"]["weeks"] > 100
