"""Growth stages by degree-days, and what was seen above what was calculated."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.forecast.crop.calendar import Course, course, daily_progress
from cloud.forecast.crop.parameters import crop_parameters
from cloud.forecast.crop.plot import FruitPlot, Observed, RicePlot, load_plot
from cloud.forecast.errors import ModelInputFault
from telemetry.errors import ConfigError

RICE = crop_parameters().crops["rice"]
FIRST = np.datetime64("2026-06-01", "D")
DAYS = FIRST + np.arange(130)
RICE_FILE = "id: r-12\ntitle: R12\ncrop: rice\nstation: ws-1\nsown: 2026-06-01\n"


def rice(
    celsius: float = 27.0,
    start: str = "2026-06-01",
    observed: list[Observed] | None = None,
    duration_d: float | None = None,
) -> Course:
    worth = daily_progress(RICE, np.full(len(DAYS), celsius), np.full(len(DAYS), celsius))
    return course(
        RICE,
        DAYS,
        worth,
        start=np.datetime64(start, "D"),
        start_stage="germination",
        duration_d=duration_d,
        observed=observed,
    )


def first_day(of: Course, stage: str) -> int:
    names = [each.stage for each in of.crop.stages]
    return int(np.argmax(of.numbers == names.index(stage)))


def test_a_season_at_the_reference_temperature_lasts_as_the_variety_does() -> None:
    usual = rice()
    assert [first_day(usual, name) for name in ("seedling", "tillering", "heading")] == [4, 16, 65]
    assert usual.stage(94) is not None
    assert usual.stage(95) is None
    assert first_day(rice(duration_d=105), "heading") == 75
    assert usual.days_to_harvest[0] == pytest.approx(94.5)
    assert usual.days_from("heading")[65] == pytest.approx(0.5)


def test_cool_days_count_less_and_hot_ones_no_more_than_the_threshold() -> None:
    assert first_day(rice(23), "heading") > first_day(rice(), "heading") > first_day(rice(31), "heading")
    assert first_day(rice(38), "heading") == first_day(rice(32), "heading")


def test_before_sowing_there_is_no_crop_and_days_before_the_record_count_as_usual() -> None:
    late = rice(start="2026-06-11")
    assert (late.numbers[:10] == -1).all()
    assert late.stage(9) is None
    assert late.numbers[10] == 0
    early = rice(start="2026-05-12")
    assert early.position[0] == pytest.approx(20.5)
    assert early.assumed_days == 20


def test_days_without_temperature_count_as_the_mean() -> None:
    worth = daily_progress(RICE, np.full(130, 27.0), np.full(130, 27.0))
    worth[10:20] = np.nan
    found = course(RICE, DAYS, worth, start=FIRST, start_stage="germination")
    assert found.position[60] == pytest.approx(60.5)
    assert found.assumed_days == 10


def test_what_was_seen_overrides_what_was_calculated() -> None:
    ahead = rice(observed=[Observed(stage="heading", day=date(2026, 7, 25))])
    assert first_day(ahead, "heading") == 54
    assert ahead.days_to_harvest[54] == pytest.approx(30)
    behind = rice(observed=[Observed(stage="tillering", day=date(2026, 7, 25))])
    assert [int(each) for each in behind.numbers[[53, 54, 55]]] == [4, 2, 3]
    agrees = rice(observed=[Observed(stage="tillering", day=date(2026, 6, 20))])
    np.testing.assert_array_equal(agrees.position, rice().position)


@given(
    seen=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 120)), max_size=4),
    celsius=st.floats(15, 40),
)
def test_the_day_of_an_observation_shows_what_was_seen(seen: list[tuple[int, int]], celsius: float) -> None:
    names = [each.stage for each in RICE.stages]
    observed = [
        Observed(stage=names[min(stage, len(names) - 1)], day=date(2026, 6, 1) + timedelta(day))
        for stage, day in seen
    ]
    found = rice(celsius, observed=observed)
    for each in {each.day: each for each in sorted(observed, key=lambda each: each.day)}.values():
        stage = found.stage((each.day - date(2026, 6, 1)).days)
        assert stage is not None
        assert stage.stage == each.stage


def test_a_variety_too_short_for_its_stages_is_refused() -> None:
    with pytest.raises(ModelInputFault, match="too short"):
        rice(duration_d=70)


def test_plot_files_say_what_is_wrong_with_them(tmp_path: Path) -> None:
    file = tmp_path / "plot.yaml"
    file.write_text("id: r-12\ntitle: R12\ncrop: rice\nstation: ws-1\nsown: 2026-06-01\nvariety: st25\n")
    plot = load_plot(file)
    assert isinstance(plot, RicePlot)
    assert plot.whole_duration_d == 105
    file.write_text("id: t-1\ntitle: Vườn T1\ncrop: dragon_fruit\nstation: ws-1\n")
    assert isinstance(load_plot(file), FruitPlot)
    for text, cause in (
        ("id: r-12\ntitle: R12\ncrop: rice\nstation: ws-1\n", "sowing"),
        ("id: r-12\ntitle: R12\ncrop: rice\nstation: ws-1\nsown: 2026-06-01\nvariety: abc\n", "not listed"),
        ("id: r-12\ntitle: R12\ncrop: maize\nstation: ws-1\n", "crop"),
        (
            RICE_FILE + "observed: [{stage: fruit, day: 2026-06-02}]\n",
            "no stage fruit",
        ),
        (
            "id: r-12\ntitle: R12\ncrop: rice\nstation: ws-1\nsown: 2026-06-01\nemerged: 2026-05-01\n",
            "before",
        ),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=cause):
            load_plot(file)
