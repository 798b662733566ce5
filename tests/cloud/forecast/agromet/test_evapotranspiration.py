"""The worked examples of FAO-56: intermediate figures and ET0, exact and as printed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from cloud.forecast.agromet import evapotranspiration, humidity, radiation
from cloud.forecast.agromet.wind import wind_at
from tests.cloud.forecast.reference import text

EXAMPLES: dict[str, Any] = json.loads(text("fao56_worked_examples.json"))


def same(found: dict[str, Any], example: dict[str, Any], printed: dict[str, float]) -> None:
    """`printed`: half of the last printed digit by figure."""
    for name, value in found.items():
        assert float(value) == pytest.approx(example["computed"][name], rel=1e-4, abs=1e-4), name
    for name, tolerance in printed.items():
        assert float(found[name]) == pytest.approx(example["published"][name], abs=tolerance), name


def test_example_17_bangkok_april() -> None:
    example = EXAMPLES["ex17_Bangkok_April"]
    given = example["inputs"]
    above = radiation.extraterrestrial_daily(given["lat"], given["J"])
    daylight = radiation.daylight_hours(given["lat"], given["J"])
    solar = radiation.solar_from_sunshine(above, given["n"], daylight)
    clear = radiation.clear_sky(above, given["z"])
    longwave = radiation.net_longwave_daily(given["Tmax"], given["Tmin"], given["ea"], solar / clear)
    net = radiation.net_shortwave(solar) - longwave
    et0 = evapotranspiration.et0_daily(
        net_radiation=net,
        temperature_max=given["Tmax"],
        temperature_min=given["Tmin"],
        wind_2m=given["u2"],
        vapour_pressure=given["ea"],
        altitude=given["z"],
        soil_heat=given["G"],
    )
    found = {"Ra": above, "N": daylight, "Rs": solar, "Rso": clear, "Rnl": longwave, "Rn": net, "ETo": et0}
    found["gamma"] = evapotranspiration.psychrometric_constant(given["z"])
    found["delta"] = humidity.saturation_slope((given["Tmax"] + given["Tmin"]) / 2)
    same(
        found,
        example,
        {"Ra": 0.006, "N": 0.006, "Rs": 0.006, "Rso": 0.006, "Rnl": 0.006, "Rn": 0.006, "ETo": 0.005},
    )


def test_example_18_uccle_july() -> None:
    example = EXAMPLES["ex18_Uccle_6July"]
    given = example["inputs"]
    above = radiation.extraterrestrial_daily(given["lat"], given["J"])
    daylight = radiation.daylight_hours(given["lat"], given["J"])
    solar = radiation.solar_from_sunshine(above, given["n"], daylight)
    clear = radiation.clear_sky(above, given["z"])
    pressure = humidity.daily_vapour_pressure(given["Tmax"], given["Tmin"], given["RHmax"], given["RHmin"])
    longwave = radiation.net_longwave_daily(given["Tmax"], given["Tmin"], pressure, solar / clear)
    net = radiation.net_shortwave(solar) - longwave
    wind = wind_at(given["u10_kmh"] / 3.6, 10, 2)
    assert float(wind) == pytest.approx(example["published"]["u2"], abs=0.002)
    et0 = evapotranspiration.et0_daily(
        net_radiation=net,
        temperature_max=given["Tmax"],
        temperature_min=given["Tmin"],
        wind_2m=wind,
        vapour_pressure=pressure,
        altitude=given["z"],
    )
    found = {
        "Ra": above,
        "N": daylight,
        "Rs": solar,
        "Rso": clear,
        "ea": pressure,
        "Rnl": longwave,
        "Rn": net,
    }
    same(
        found | {"ETo": et0},
        example,
        {"Ra": 0.006, "N": 0.006, "Rs": 0.006, "ea": 0.001, "Rn": 0.006, "ETo": 0.005},
    )


def test_example_19_ndiaye_in_the_afternoon() -> None:
    example = EXAMPLES["ex19_Ndiaye_1Oct_14-15h"]
    given = example["inputs"]
    above = radiation.extraterrestrial_hourly(
        given["lat"], -given["Lm"], given["J"], given["t_mid"], utc_offset_h=-given["Lz"] / 15
    )
    clear = radiation.clear_sky(above, given["z"])
    pressure = humidity.vapour_pressure(given["T"], given["RH"])
    longwave = radiation.net_longwave_hourly(given["T"], pressure, given["Rs"] / clear)
    net = radiation.net_shortwave(given["Rs"]) - longwave
    soil = evapotranspiration.soil_heat_hourly(net, daylight=True)
    et0 = evapotranspiration.et0_hourly(
        net_radiation=net,
        temperature=given["T"],
        wind_2m=given["u2"],
        vapour_pressure=pressure,
        altitude=given["z"],
        soil_heat=soil,
    )
    found = {"Ra": above, "Rso": clear, "Rnl": longwave, "Rn": net, "G": soil, "ETo": et0}
    same(found, example, {"Ra": 0.0006, "Rso": 0.0006, "Rn": 0.0006, "G": 0.0006, "ETo": 0.005})


def test_example_19_ndiaye_at_night() -> None:
    example = EXAMPLES["ex19_Ndiaye_1Oct_02-03h"]
    given = example["inputs"]
    pressure = humidity.vapour_pressure(given["T"], given["RH"])
    longwave = radiation.net_longwave_hourly(given["T"], pressure, given["Rs_over_Rso_prev"])
    net = radiation.net_shortwave(given["Rs"]) - longwave
    soil = evapotranspiration.soil_heat_hourly(net, daylight=False)
    et0 = evapotranspiration.et0_hourly(
        net_radiation=net,
        temperature=given["T"],
        wind_2m=given["u2"],
        vapour_pressure=pressure,
        altitude=8,
        soil_heat=soil,
    )
    found = {"Rnl": longwave, "Rn": net, "G": soil, "ETo": et0}
    same(found, example, {"Rn": 0.005, "G": 0.005, "ETo": 0.005})
    assert float(radiation.extraterrestrial_hourly(16.217, -16.25, 274, 2.5, utc_offset_h=-1)) == 0


@pytest.mark.parametrize("latitude", [-35.0, 0.0, 11.0, 21.0])
@pytest.mark.parametrize("day", [1, 100, 172, 300])
def test_hours_of_a_day_sum_up_to_the_day(latitude: float, day: int) -> None:
    hours = radiation.extraterrestrial_hourly(latitude, 108.0, day, np.arange(24) + 0.5, utc_offset_h=7)
    assert hours.sum() == pytest.approx(float(radiation.extraterrestrial_daily(latitude, day)), rel=1e-6)


def test_night_keeps_the_sky_of_the_evening() -> None:
    clear = np.array([0, 0, 1.0, 3.0, 2.0, 0.05, 0, 0, 2.0])
    solar = np.array([0, 0, 0.5, 3.3, 1.0, 0.05, 0, 0, 1.6])
    share = radiation.clear_share(solar, clear)
    np.testing.assert_allclose(share, [np.nan, np.nan, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5, 0.8])
