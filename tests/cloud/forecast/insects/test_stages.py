"""Insects: days at constant temperature, and dates by degree-days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.forecast.errors import ModelInputFault
from cloud.forecast.insects.stages import Stage, days_at, passages, species_named, window_dates
from tests.cloud.forecast.reference import rows

STAGES = {
    "BPH_egg(derived 9 d@25C, LDT 11)": ("brown_planthopper", "egg"),
    "BPH_nymph(derived 14 d@25C, LDT 11)": ("brown_planthopper", "nymph"),
    "BPH_preovip(4 d@25C)": ("brown_planthopper", "preoviposition"),
    "WBPH_egg(Park 2013)": ("white_backed_planthopper", "egg"),
    "WBPH_nymph(Park 2013)": ("white_backed_planthopper", "nymph"),
    "SBPH_egg": ("small_brown_planthopper", "egg"),
    "SBPH_nymph": ("small_brown_planthopper", "nymph"),
    "C_medinalis_egg(Wada&Kobayashi1980)": ("leaf_folder", "egg"),
    "C_medinalis_larva": ("leaf_folder", "larva"),
    "C_medinalis_pupa": ("leaf_folder", "pupa"),
    "Chilo_egg(DDRP)": ("striped_stem_borer", "egg"),
    "Chilo_larva(DDRP)": ("striped_stem_borer", "larva"),
    "Chilo_pupa(DDRP)": ("striped_stem_borer", "pupa"),
    "B_dorsalis_egg+larva(Gutierrez2021)": ("oriental_fruit_fly", "egg_larva"),
    "B_dorsalis_pupa": ("oriental_fruit_fly", "pupa"),
    "B_dorsalis_adult": ("oriental_fruit_fly", "adult"),
}


def stage(species: str, name: str) -> Stage:
    return next(each for each in species_named(species).stages if each.stage == name)


def days(count: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.datetime64("2026-06-01") + np.arange(count)


def test_every_figure_at_constant_temperature() -> None:
    table = rows("insect_stage_days_constant_T.csv")
    assert {row["stage"] for row in table} == set(STAGES)
    for row in table:
        found = stage(*STAGES[row["stage"]])
        assert (found.lower, found.needed) == (float(row["LDT"]), float(row["K_DD"]))
        for name, value in row.items():
            if name.startswith("days_at_"):
                temperature = float(name.removeprefix("days_at_").removesuffix("C"))
                assert float(days_at(found, temperature)) == pytest.approx(float(value), abs=0.0051)


def test_no_development_in_the_cold_and_no_haste_in_the_heat() -> None:
    egg = stage("brown_planthopper", "egg")
    assert np.isinf(days_at(egg, [5.0, 11.0])).all()
    assert float(days_at(egg, 35.0)) == float(days_at(egg, 32.0))


def test_a_generation_of_brown_planthoppers_at_28_degrees_takes_22_days() -> None:
    told = passages(
        species_named("brown_planthopper"), days(40), np.full(40, 28.0), np.full(40, 28.0), first="egg"
    )
    assert [each.stage.stage for each in told] == ["egg", "nymph", "preoviposition"]
    # 7.41 + 11.53 + 3.29 = 22.24 days
    assert [str(each.ended) for each in told] == ["2026-06-08", "2026-06-19", "2026-06-23"]
    assert [str(each.started) for each in told] == ["2026-06-01", "2026-06-08", "2026-06-19"]
    assert [each.progress for each in told] == [1, 1, 1]


def test_window_for_the_grower() -> None:
    flat = np.full(40, 28.0)
    young, adults = window_dates(species_named("brown_planthopper"), days(40), flat, flat)
    assert young.window.title.vi.startswith("rầy cám")
    assert (str(young.begins), str(young.ends)) == ("2026-06-08", "2026-06-14")
    assert str(adults.begins) == "2026-06-19"
    assert window_dates(species_named("brown_planthopper"), days(5), flat[:5], flat[:5])[0].begins is None


def test_what_the_weather_does_not_reach_is_not_told() -> None:
    flat = np.full(10, 28.0)
    told = passages(species_named("leaf_folder"), days(10), flat, flat, first="egg")
    assert [each.ended is None for each in told] == [False, True, True]
    assert told[1].started is not None
    assert 0 < told[1].progress < 1
    assert (told[2].started, told[2].progress) == (None, 0)


def test_a_stage_that_ends_with_the_last_day_is_complete() -> None:
    flat = np.full(9, 25.0)
    (egg, nymph, _) = passages(species_named("brown_planthopper"), days(9), flat, flat, first="egg")
    assert (str(egg.ended), egg.progress, nymph.started) == ("2026-06-09", 1, None)


@settings(deadline=None)
@given(st.lists(st.floats(13, 30), min_size=120, max_size=120))
def test_stages_follow_each_other_and_warmth_never_delays(lowest: list[float]) -> None:
    cool = np.array(lowest)
    species = species_named("striped_stem_borer")
    told = passages(species, days(120), cool, cool + 4, first="egg")
    ends = [each.ended for each in told if each.ended is not None]
    assert ends == sorted(ends)
    warmer = passages(species, days(120), cool + 1, cool + 5, first="egg")
    for before, after in zip(told, warmer, strict=True):
        assert before.ended is None or (after.ended is not None and after.ended <= before.ended)


def test_faults_are_named() -> None:
    flat = np.full(5, 28.0)
    with pytest.raises(ModelInputFault, match="no species 'moth'"):
        species_named("moth")
    with pytest.raises(ModelInputFault, match="no stage 'pupa'; there are egg, nymph"):
        passages(species_named("white_backed_planthopper"), days(5), flat, flat, first="pupa")
    holed = flat.copy()
    holed[2] = np.nan
    with pytest.raises(ModelInputFault, match="1 days is not known, first 2026-06-03"):
        passages(species_named("leaf_folder"), days(5), holed, flat, first="egg")
