"""Events of many columns equal the cohorts that are followed hour by hour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.forecast.errors import ModelInputFault
from cloud.forecast.infection.cohorts import infections
from cloud.forecast.infection.events import draw_limits, event_counts, same_limits
from cloud.forecast.infection.magarey import Limits, infection_parameters


@given(seed=st.integers(0, 10_000), wet_share=st.floats(0.1, 0.95), unknown=st.floats(0, 0.1))
@settings(max_examples=40, deadline=None)
def test_equals_the_cohorts_followed_by_the_hour(seed: int, wet_share: float, unknown: float) -> None:
    chance = np.random.default_rng(seed)
    shape = (120, 3)
    temperature = chance.normal(26, 6, shape)
    stays = chance.random(shape) < 0.8
    wet = (chance.random(shape) < wet_share).astype(float)
    for hour in range(1, len(wet)):
        wet[hour] = np.where(stays[hour], wet[hour - 1], wet[hour])
    temperature[chance.random(shape) < unknown] = np.nan
    wet[chance.random(shape) < unknown] = np.nan
    for pathogen in infection_parameters().sets.values():
        slow = infections(pathogen, temperature, wet).events
        np.testing.assert_array_equal(event_counts(same_limits(pathogen, 3), temperature, wet), slow)


def test_each_column_has_limits_of_its_own() -> None:
    pathogen = infection_parameters().sets["dragon_fruit_brown_spot"]
    drawn = draw_limits(pathogen, {"least_wet_h": (4, 16), "optimum": (28, 34)}, 20, seed=3)
    again = draw_limits(pathogen, {"least_wet_h": (4, 16), "optimum": (28, 34)}, 20, seed=3)
    np.testing.assert_array_equal(drawn.least_wet_h, again.least_wet_h)
    temperature = np.full((48, 20), 27.0)
    wet = np.zeros((48, 20))
    wet[5:30] = 1
    found = event_counts(drawn, temperature, wet)
    for column in range(20):
        own = Limits(
            lowest=13,
            optimum=float(drawn.optimum[column]),
            highest=42,
            least_wet_h=float(drawn.least_wet_h[column]),
            most_wet_h=36,
            dry_gap_h=4,
        )
        slow = infections(own, temperature[:, column], wet[:, column]).events
        np.testing.assert_array_equal(found[:, column], slow)
    assert len(set(found.sum(axis=0))) > 3


def test_wrong_shapes_and_ranges_are_refused() -> None:
    pathogen = infection_parameters().sets["rice_blast_tropical"]
    with pytest.raises(ModelInputFault, match="do not fit"):
        event_counts(same_limits(pathogen, 2), np.zeros((5, 3)), np.zeros((5, 3)))
    with pytest.raises(ModelInputFault, match="fits no limit"):
        draw_limits(pathogen, {"warmest": (1, 2)}, 5, seed=0)
    with pytest.raises(ModelInputFault, match="cross"):
        draw_limits(pathogen, {"optimum": (33, 36)}, 50, seed=0)
    assert not event_counts(same_limits(pathogen, 2), np.zeros((5, 2)), np.zeros((5, 2))).any()
