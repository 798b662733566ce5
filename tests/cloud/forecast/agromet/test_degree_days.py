"""Degree-days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.forecast.agromet.degree_days import degree_days, mean_degree_days
from cloud.forecast.errors import ModelInputFault
from tests.cloud.forecast.reference import column, rows


def test_every_vector() -> None:
    for row in rows("degreeday_single_sine_vectors.csv"):
        lowest, highest, lower, upper, sine, mean = (float(value) for value in row.values())
        assert float(degree_days(lowest, highest, lower, upper)) == pytest.approx(sine, abs=1e-6)
        assert float(mean_degree_days(lowest, highest, lower, upper)) == pytest.approx(mean, abs=1e-9)
    assert len(column(rows("degreeday_single_sine_vectors.csv"), "LDT")) == 14


@settings(deadline=None)
@given(st.floats(-10, 40), st.floats(0, 20), st.floats(0, 20), st.floats(1, 25))
def test_bounds(lowest: float, swing: float, lower: float, span: float) -> None:
    found = float(degree_days(lowest, lowest + swing, lower, lower + span))
    assert -1e-9 <= found <= span + 1e-9
    assert found <= float(degree_days(lowest, lowest + swing, lower)) + 1e-9
    # against a sine wave in fine steps
    wave = lowest + swing / 2 + swing / 2 * np.sin(2 * np.pi * (np.arange(4000) + 0.5) / 4000)
    assert found == pytest.approx(float((np.clip(wave, lower, lower + span) - lower).mean()), abs=1e-3)


def test_unknown_stays_unknown() -> None:
    assert np.isnan(degree_days([np.nan, 20], [30, np.nan], 10, 30)).all()


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ModelInputFault, match="maximum is below its minimum"):
        degree_days([20, 30], [30, 20], 10)
    with pytest.raises(ModelInputFault, match="not above the lower"):
        degree_days(20, 30, 10, 10)
