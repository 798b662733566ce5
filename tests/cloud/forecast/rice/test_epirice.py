"""EPIRICE against the results of the two public codes, and what must hold whatever the weather."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.forecast.errors import ModelInputFault
from cloud.forecast.rice.epirice import (
    Epidemic,
    Mode,
    season_days,
    simulate,
    wet_day_factor,
    wet_hours_factor,
)
from cloud.forecast.rice.parameters import Disease, epirice_parameters
from cloud.forecast.rice.season import Wetness, disease_named, run_season
from cloud.forecast.weather.files import read_daily
from cloud.forecast.weather.series import DailyWeather
from tests.cloud.forecast.reference import DATA, column, rows, text

COLUMNS = {
    "sites": "sites",
    "latent": "latent",
    "infectious": "infectious",
    "removed": "removed",
    "senesced": "senesced",
    "rateinf": "infections",
    "rtransfer": "transfers",
    "rgrowth": "growth",
    "rsenesced": "senescence",
    "diseased": "diseased",
    "intensity": "intensity",
}
DISEASES = list(epirice_parameters().diseases)
OPTIMUM = {
    "leaf_blast": 20.0,
    "sheath_blight": 28.0,
    "bacterial_blight": 31.0,
    "brown_spot": 25.0,
    "tungro": 31.7777,
}
START = date(2000, 7, 1)


def files(pattern: str) -> list[str]:
    return sorted(file.name.removesuffix(".gz") for file in DATA.glob(pattern))


def same_columns(epidemic: Epidemic, name: str) -> None:
    expected = rows(name)
    assert len(epidemic.sites) == len(expected)
    for theirs, ours in COLUMNS.items():
        np.testing.assert_allclose(
            getattr(epidemic, ours), column(expected, theirs), rtol=1e-9, atol=1e-9, err_msg=theirs
        )


@pytest.fixture(scope="module")
def irri() -> DailyWeather:
    return read_daily(DATA / "cropsim2009_weather_wethours_IRRI_2000wet.csv")


@pytest.fixture(scope="module")
def lowland(tmp_path_factory: pytest.TempPathFactory) -> DailyWeather:
    file = tmp_path_factory.mktemp("weather") / "daily.csv"
    file.write_text(text("weather_daily_11.5N_107.5E_1997_2008.csv"), encoding="utf-8")
    return read_daily(file)


@pytest.mark.parametrize("name", files("epirice_out_*_IRRI_2000wet.csv.gz"))
def test_daily_columns_of_epicrop(irri: DailyWeather, name: str) -> None:
    disease = name.removeprefix("epirice_out_").removesuffix("_IRRI_2000wet.csv")
    season = run_season(irri, disease, START, mode=Mode.EPICROP)
    same_columns(season.epidemic, name)
    assert float(season.epidemic.audpc) == pytest.approx(column(rows(name), "AUDPC")[0], rel=1e-9)
    assert season.flags == []


@pytest.mark.parametrize("name", files("epirice_out_*_constant_optimum.csv.gz"))
def test_daily_columns_of_epicrop_at_its_optimum(name: str) -> None:
    disease = name.removeprefix("epirice_out_").removesuffix("_constant_optimum.csv")
    epidemic = simulate(disease_named(disease), Mode.EPICROP, np.full(120, OPTIMUM[disease]), np.ones(120))
    same_columns(epidemic, name)


@pytest.mark.parametrize("name", files("cropsim2009_out_*.csv.gz"))
def test_daily_columns_of_the_code_of_2009(irri: DailyWeather, name: str) -> None:
    disease, _, wetness = (
        name.removeprefix("cropsim2009_out_").removesuffix("_IRRI_2000wet.csv").rpartition("_")
    )
    way = Wetness.BINARY if wetness == "binary" else Wetness.HOURS
    epidemic = run_season(irri, disease, START, wetness=way).epidemic
    same_columns(epidemic, name)
    np.testing.assert_allclose(100 * epidemic.intensity, column(rows(name), "severity"), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("row", rows("cropsim2009_audpc_IRRI_2000wet.csv"), ids=lambda row: row["disease"])
def test_sums_of_the_code_of_2009(irri: DailyWeather, row: dict[str, str]) -> None:
    epidemic = run_season(irri, row["disease"], START, wetness=Wetness(row["wetness"])).epidemic
    assert float(epidemic.audpc) == pytest.approx(float(row["AUDPC"]), rel=1e-9)
    assert epidemic.intensity.max() == pytest.approx(float(row["max_intensity"]), rel=1e-9)
    assert epidemic.intensity[-1] == pytest.approx(float(row["final"]), rel=1e-9)


@pytest.mark.parametrize(
    ("disease", "wetness", "audpc"),
    [("bacterial_blight", "hours", 24.04084), ("brown_spot", "hours", 0.341816)],
)
def test_printed_sums_of_the_code_of_2009(
    irri: DailyWeather, disease: str, wetness: str, audpc: float
) -> None:
    assert float(run_season(irri, disease, START, wetness=Wetness(wetness)).epidemic.audpc) == pytest.approx(
        audpc, rel=3e-6
    )


def test_printed_sums_of_epicrop(irri: DailyWeather) -> None:
    season = run_season(irri, "brown_spot", START, mode=Mode.EPICROP)
    assert float(season.epidemic.audpc) == pytest.approx(0.2381155822, rel=1e-9)
    assert season.epidemic.intensity.max() == pytest.approx(0.03185553, abs=5e-9)
    best = simulate(disease_named("tungro"), Mode.EPICROP, np.full(120, 31.7777), np.ones(120))
    assert float(best.audpc) == pytest.approx(14.1977920, rel=1e-8)


def test_every_season_of_a_lowland_cell(lowland: DailyWeather) -> None:
    seasons = rows("epirice_audpc_binhthuan.csv")
    assert {row["disease"] for row in seasons} == set(DISEASES)
    assert len(seasons) == 105
    for row in seasons:
        emergence = date.fromisoformat(row["emergence"])
        epidemic = run_season(lowland, row["disease"], emergence, mode=Mode.EPICROP).epidemic
        assert float(epidemic.audpc) == pytest.approx(float(row["AUDPC"]), rel=1e-9), row
        assert int(epidemic.intensity.argmax()) + 1 == int(row["day_of_max"]), row
        assert epidemic.intensity[59] == pytest.approx(float(row["intensity_d60"]), rel=1e-9), row
        for name in ("sites", "diseased", "senesced"):
            assert getattr(epidemic, name)[119] == pytest.approx(float(row[f"{name}_d120"]), rel=1e-9), row


def test_the_epicrop_engine_with_periods_a_day_shorter_is_that_with_the_published_ones(
    irri: DailyWeather,
) -> None:
    limits = epirice_parameters().wet_day
    wet = wet_day_factor(limits, irri.humidity[:120], irri.rain[:120])
    published = {
        "leaf_blast": 0.0634697056,
        "sheath_blight": 29.2454118724,
        "bacterial_blight": 15.1171947477,
        "brown_spot": 0.3854352552,
        "tungro": 5.8261580104,
    }
    for name, audpc in published.items():
        disease = disease_named(name)
        shorter = disease.model_copy(
            update={"latent_d": disease.latent_d - 1, "infectious_d": disease.infectious_d - 1}
        )
        found = simulate(shorter, Mode.EPICROP, irri.temperature[:120], wet).audpc
        assert float(found) == pytest.approx(audpc, rel=1e-9)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("name", DISEASES)
def test_many_plots_at_once_are_each_their_own(name: str, mode: Mode) -> None:
    source = np.random.default_rng(7)
    temperature = source.uniform(8, 42, (season_days(mode), 6))
    wetness = source.uniform(0, 1, temperature.shape)
    together = simulate(disease_named(name), mode, temperature, wetness)
    assert together.audpc.shape == (6,)
    for plot in range(6):
        alone = simulate(disease_named(name), mode, temperature[:, plot], wetness[:, plot])
        np.testing.assert_allclose(together.intensity[:, plot], alone.intensity, rtol=1e-12)


def test_a_shorter_run_is_the_beginning_of_the_longer(irri: DailyWeather) -> None:
    whole = run_season(irri, "sheath_blight", START).epidemic
    part = run_season(irri, "sheath_blight", START, days=60).epidemic
    np.testing.assert_array_equal(part.intensity, whole.intensity[:60])


def weather_of_plots(days: int) -> st.SearchStrategy[tuple[list[float], list[float]]]:
    temperatures = st.lists(st.floats(-5, 48), min_size=days, max_size=days)
    return st.tuples(temperatures, st.lists(st.floats(0, 24), min_size=days, max_size=days))


@settings(max_examples=25, deadline=None)
@given(weather_of_plots(80), st.sampled_from(DISEASES), st.sampled_from(list(Mode)))
def test_what_holds_in_any_weather(weather: tuple[list[float], list[float]], name: str, mode: Mode) -> None:
    disease = disease_named(name)
    temperature, hours = np.array(weather[0]), np.array(weather[1])
    epidemic = simulate(disease, mode, temperature, wet_hours_factor(disease, hours))
    assert ((epidemic.intensity >= 0) & (epidemic.intensity <= 1)).all()
    for values in (epidemic.latent, epidemic.infectious, epidemic.removed, epidemic.senesced):
        assert (values >= 0).all()
    # Every infected site is latent, infectious or removed.
    infected = np.concatenate(([0.0], np.cumsum(epidemic.infections)[:-1]))
    np.testing.assert_allclose(epidemic.diseased, infected, rtol=1e-9, atol=1e-9)
    # More wetness on every day never makes less disease.
    wetter = simulate(disease, mode, temperature, wet_hours_factor(disease, np.minimum(hours + 2, 24)))
    assert float(wetter.audpc) >= float(epidemic.audpc) * (1 - 1e-12)


@settings(max_examples=25, deadline=None)
@given(weather_of_plots(60), st.sets(st.integers(0, 59), max_size=20), st.sampled_from(DISEASES))
def test_unknown_days_never_add_disease(
    weather: tuple[list[float], list[float]], unknown: set[int], name: str
) -> None:
    disease = disease_named(name)
    temperature = np.array(weather[0])
    wetness = wet_hours_factor(disease, np.array(weather[1]))
    known = simulate(disease, Mode.STRICT, temperature, wetness)
    holes = temperature.copy()
    holes[list(unknown)] = np.nan
    holed = simulate(disease, Mode.STRICT, holes, wetness)
    assert set(np.flatnonzero(holed.unknown)) == unknown
    assert float(holed.audpc) <= float(known.audpc) * (1 + 1e-12)
    onset = {disease.onset_d}  # the season's first infection is the model's premise, not the day's weather
    assert not holed.infections[sorted(unknown - onset)].any()


def test_a_day_is_wet_by_either_limit_and_unknown_only_if_neither_tells() -> None:
    limits = epirice_parameters().wet_day
    humidity = [90.0, 89.9, 89.9, np.nan, np.nan, 95.0]
    rain = [0.0, 5.0, 4.9, 5.0, 0.0, np.nan]
    np.testing.assert_array_equal(wet_day_factor(limits, humidity, rain), [1, 1, 0, 1, np.nan, 1])


@pytest.mark.parametrize(
    "call",
    [
        lambda disease: simulate(disease, Mode.STRICT, np.ones(5), np.ones(6)),
        lambda disease: simulate(disease, Mode.STRICT, np.ones((5, 2, 2)), np.ones((5, 2, 2))),
        lambda disease: simulate(disease, Mode.EPICROP, np.ones(121), np.ones(121)),
        lambda disease: simulate(disease, Mode.STRICT, np.ones(0), np.ones(0)),
    ],
)
def test_impossible_arguments_are_refused(call: Callable[[Disease], Epidemic]) -> None:
    with pytest.raises(ModelInputFault, match="EPIRICE"):
        call(disease_named("leaf_blast"))


def test_unknown_disease_is_named(irri: DailyWeather) -> None:
    with pytest.raises(ModelInputFault, match="'rust'; it knows leaf_blast"):
        run_season(irri, "rust", START)


def test_a_season_has_its_length(irri: DailyWeather) -> None:
    with pytest.raises(ModelInputFault, match="1 to 120 days in epicrop mode, not 121"):
        run_season(irri, "tungro", START, mode=Mode.EPICROP, days=121)


def test_parameter_file_says_where_each_wetness_table_comes_from() -> None:
    file = Path(__file__).parents[4] / "docs/models/epirice.md"
    sheet = file.read_text(encoding="utf-8")
    for name, disease in epirice_parameters().diseases.items():
        assert disease.evidence["wet_hours"]
        assert f"`{name}`" in sheet
