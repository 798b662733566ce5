"""Fruit flies: the count of the week to come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.forecast.fruit.flies import count_above, fly_outlook
from cloud.forecast.output.fruit import saturated_hours
from cloud.forecast.output.parameters import FlyRisk, crop_risks


def flies() -> FlyRisk:
    risk = crop_risks("dragon_fruit").flies
    assert risk is not None
    return risk


def test_a_negative_binomial_of_size_one_is_geometric() -> None:
    share = 1 / (1 + 5.0)
    assert count_above(3, 5.0, 1.0) == pytest.approx((1 - share) ** 4)
    assert count_above(0, 2.0, 1e6) == pytest.approx(1 - 2.718281828**-2, rel=1e-4)


@given(last=st.floats(0, 5000), before=st.floats(0, 5000), warmth=st.floats(-5, 50))
def test_more_flies_and_more_warmth_never_mean_less(last: float, before: float, warmth: float) -> None:
    usual = [10.0] * 9
    now = fly_outlook(flies(), [*usual, before, last], warmth)
    more = fly_outlook(flies(), [*usual, before, last + 50], warmth)
    warmer = fly_outlook(flies(), [*usual, before, last], warmth + 2)
    assert 0 <= now.low <= now.probability <= now.high <= 1
    assert now.expected <= more.expected
    assert now.expected <= warmer.expected


def test_the_limit_is_the_gardens_own_until_fifty() -> None:
    assert fly_outlook(flies(), [5, 5, 8], 27).limit == 10
    assert fly_outlook(flies(), [80, 90, 100], 27).limit == 50
    assert fly_outlook(flies(), [0, 0, 0], 27).limit == 2


def test_saturated_hours_end_with_the_last_dry_or_unknown_one() -> None:
    assert saturated_hours(np.array([1.0, 0.5, 1.0, 0.99]), 0.98) == 2
    assert saturated_hours(np.array([1.0, 1.0]), 0.98) == 2
    assert saturated_hours(np.array([1.0, np.nan]), 0.98) == 0
    assert saturated_hours(np.array([]), 0.98) == 0
