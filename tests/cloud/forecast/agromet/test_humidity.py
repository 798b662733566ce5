"""Humidity and wind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.forecast.agromet.humidity import (
    dew_point,
    dew_point_depression,
    saturation_slope,
    saturation_vapour_pressure,
    vapour_pressure_deficit,
)
from cloud.forecast.agromet.wind import wind_at
from cloud.forecast.errors import ModelInputFault


def test_figures_of_fao_56() -> None:
    # FAO-56 example 3 and tables 2.3 and 2.4
    assert float(saturation_vapour_pressure(24.5)) == pytest.approx(3.075, abs=1e-3)
    assert float(saturation_vapour_pressure(15.0)) == pytest.approx(1.705, abs=1e-3)
    assert float(saturation_slope(30.0)) == pytest.approx(0.243, abs=1e-3)


@settings(deadline=None)
@given(st.floats(-10, 45), st.floats(1, 105))
def test_dew_point_is_never_above_the_air(temperature: float, humidity: float) -> None:
    assert float(dew_point(temperature, humidity)) <= temperature + 1e-9
    assert float(dew_point_depression(temperature, humidity)) >= 0
    assert float(vapour_pressure_deficit(temperature, humidity)) >= 0


def test_saturated_air_and_air_about_which_nothing_is_known() -> None:
    assert float(dew_point(25, 100)) == pytest.approx(25)
    assert float(dew_point(25, 103)) == pytest.approx(25)
    assert np.isnan(dew_point([25, np.nan, 25], [0, 80, np.nan])).all()


def test_wind_profile() -> None:
    # FAO-56 equation 47 at 10 m: 4.87 / ln(67.8·10 − 5.42) = 0.748
    assert float(wind_at(1.0, 10, 2)) == pytest.approx(0.748, abs=1e-3)
    assert float(wind_at(3.0, 10, 0.3)) == pytest.approx(1.245, abs=1e-3)
    assert float(wind_at(wind_at(3.0, 10, 0.3), 0.3, 10)) == pytest.approx(3.0)


@pytest.mark.parametrize("height", [0.0, 0.09])
def test_wind_within_the_grass(height: float) -> None:
    with pytest.raises(ModelInputFault, match=r"above the roughness of the surface \(0.09 m\)"):
        wind_at(3.0, 10, height)
