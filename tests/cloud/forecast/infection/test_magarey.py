"""The generic infection model and its cohorts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cloud.forecast.errors import ModelInputFault
from cloud.forecast.infection.cohorts import infections
from cloud.forecast.infection.magarey import (
    Limits,
    infection_parameters,
    pathogen_named,
    temperature_response,
    wet_hours_needed,
)
from tests.cloud.forecast.reference import rows

SHIPPED = {
    "Neoscytalidium_PROPOSED": "dragon_fruit_brown_spot",
    "Colletotrichum_PROPOSED": "dragon_fruit_anthracnose",
    "Bipolaris_cactivora_PROPOSED": "dragon_fruit_bipolaris",
    "rice_blast_tropical_PROPOSED": "rice_blast_tropical",
}
BLAST = pathogen_named("rice_blast_tropical")


def test_every_vector() -> None:
    vectors = rows("magarey_vectors.csv")
    assert len(vectors) == 184
    for row in vectors:
        names = ("Tmin", "Topt", "Tmax", "Wmin", "Wmax")
        lowest, optimum, highest, least, most = (float(row[name]) for name in names)
        limits = Limits(lowest=lowest, optimum=optimum, highest=highest, least_wet_h=least, most_wet_h=most)
        if row["set"] in SHIPPED:
            shipped = pathogen_named(SHIPPED[row["set"]])
            assert shipped.model_dump(include=set(Limits.model_fields), exclude={"dry_gap_h"}) == (
                limits.model_dump(exclude={"dry_gap_h"})
            )
        temperature = float(row["T"])
        assert float(temperature_response(limits, temperature)) == pytest.approx(float(row["fT"]), abs=1e-10)
        needed = float(row["W_required_h_or_blank"] or "inf")
        assert float(wet_hours_needed(limits, temperature)) == pytest.approx(needed, abs=1e-9)


@pytest.mark.parametrize("name", list(infection_parameters().sets))
def test_shape_of_every_shipped_set(name: str) -> None:
    limits = pathogen_named(name)
    assert float(temperature_response(limits, limits.optimum)) == 1
    assert float(wet_hours_needed(limits, limits.optimum)) == limits.least_wet_h
    grid = np.linspace(limits.lowest - 5, limits.highest + 5, 400)
    response = temperature_response(limits, grid)
    assert ((response >= 0) & (response <= 1)).all()
    assert not response[(grid <= limits.lowest) | (grid >= limits.highest)].any()
    assert np.isnan(wet_hours_needed(limits, np.nan))


def test_the_temperate_set_reaches_the_table_it_is_fitted_to() -> None:
    # BLASTAM needs 10 h at 22–25 °C; the fit stays within 2 h of it there.
    needed = wet_hours_needed(pathogen_named("rice_blast_temperate"), [22.0, 23, 24, 25])
    assert (np.abs(needed - 10) < 2).all()


@pytest.mark.parametrize(
    "figures",
    [
        {"lowest": 10, "optimum": 10, "highest": 30, "least_wet_h": 6, "most_wet_h": 20},
        {"lowest": 10, "optimum": 20, "highest": 30, "least_wet_h": 21, "most_wet_h": 20},
    ],
)
def test_limits_that_make_no_sense(figures: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate(figures)


def test_unknown_set_is_named() -> None:
    with pytest.raises(ModelInputFault, match="no set 'rust'"):
        pathogen_named("rust")


def test_a_steady_wet_spell_infects_after_the_hours_it_needs_and_then_each_hour() -> None:
    temperature = np.full(12, 20.0)
    found = infections(BLAST, temperature, np.ones(12))
    needed = math.ceil(float(wet_hours_needed(BLAST, 20.0)))
    assert needed == 9
    np.testing.assert_array_equal(found.events, [0] * 8 + [1] * 4)
    assert (np.diff(found.progress[:9]) > 0).all()
    hours = np.datetime64("2026-07-01T20", "h") + np.arange(12)
    days, index = found.daily(hours)
    assert [str(day) for day in days] == ["2026-07-01", "2026-07-02"]
    np.testing.assert_allclose(index, [0, 4 / 24])


@pytest.mark.parametrize(("gap", "events"), [(BLAST.dry_gap_h, 1), (BLAST.dry_gap_h + 1, 0)])
def test_a_dry_gap_is_borne_up_to_its_limit(gap: int, events: int) -> None:
    wet = np.concatenate((np.ones(3), np.zeros(gap), np.ones(3)))
    found = infections(BLAST, np.full(len(wet), 25.5), wet)
    assert found.events.sum() == events


def test_no_infection_outside_the_temperatures() -> None:
    assert not infections(BLAST, np.full(48, 36.0), np.ones(48)).events.any()
    assert not infections(BLAST, np.full(48, 9.0), np.ones(48)).events.any()


def one_by_one(limits: Limits, temperature: list[float], wet: list[float]) -> list[int]:
    """The definition, followed cohort by cohort."""
    events = [0] * len(wet)
    for start, heat in enumerate(temperature):
        if not (wet[start] > 0 and limits.lowest < heat < limits.highest):
            continue
        total, count, dry = 0.0, 0, 0
        for hour in range(start, len(wet)):
            if wet[hour] > 0 and not math.isnan(temperature[hour]):
                total, count, dry = total + temperature[hour], count + 1, 0
            else:
                dry += 1
            if dry > limits.dry_gap_h:
                break
            if count >= float(wet_hours_needed(limits, total / count)):
                events[hour] += 1
                break
    return events


hours_of_weather = st.lists(
    st.tuples(
        st.one_of(st.floats(5, 40), st.just(math.nan)), st.sampled_from([0.0, 1.0, 1.0, 1.0, math.nan])
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(hours_of_weather)
def test_cohorts_are_those_of_the_definition(record: list[tuple[float, float]]) -> None:
    temperature, wet = [hour[0] for hour in record], [hour[1] for hour in record]
    found = infections(BLAST, np.array(temperature), np.array(wet))
    assert found.events.tolist() == one_by_one(BLAST, temperature, wet)
    assert ((found.progress >= 0) & (found.progress <= 1)).all()
    np.testing.assert_array_equal(found.unknown, np.isnan(temperature) | np.isnan(wet))


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 1.0]), min_size=1, max_size=72), st.sets(st.integers(0, 71)))
def test_unknown_hours_never_add_events(wet: list[float], lost: set[int]) -> None:
    known = np.array(wet)
    holed = known.copy()
    holed[[hour for hour in lost if hour < len(wet)]] = np.nan
    temperature = np.full(len(wet), 24.0)
    assert (
        infections(BLAST, temperature, holed).events.sum()
        <= infections(BLAST, temperature, known).events.sum()
    )


def test_many_plots_at_once_are_each_their_own() -> None:
    source = np.random.default_rng(11)
    temperature = source.uniform(12, 36, (96, 5))
    wet = (source.uniform(size=(96, 5)) < 0.7).astype(float)
    together = infections(BLAST, temperature, wet)
    for plot in range(5):
        alone = infections(BLAST, temperature[:, plot], wet[:, plot])
        np.testing.assert_array_equal(together.events[:, plot], alone.events)
        np.testing.assert_array_equal(together.progress[:, plot], alone.progress)
    assert together.events.sum() > 0


def test_shapes_must_agree() -> None:
    with pytest.raises(ModelInputFault, match="must both be"):
        infections(BLAST, np.ones(5), np.ones(6))
