"""One plot assessed: what is said, what is not, and that unknown weather never warns."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from cloud.forecast.crop.plot import Count, Method, Period, RicePlot
from cloud.forecast.errors import NotEnoughData
from cloud.forecast.output.assess import assess, assess_plot, station_risks
from cloud.forecast.output.contract import Forecast, Risk, risk_class
from tests.cloud.forecast.output.made_up import TODAY, garden, outlook, peak, rice, weather

PAST = weather()
WET = station_risks(PAST, outlook(PAST, wet=True), wind_height_m=2)
DRY = station_risks(PAST, outlook(PAST, wet=False), wind_height_m=2)


def of(told: list[Forecast], pest: str, day: date | None = None) -> Forecast:
    return next(each for each in told if each.pest == pest and each.day == (day or TODAY + timedelta(1)))


def value(told: list[Forecast], pest: str, day: date | None = None) -> float:
    found = of(told, pest, day).probability
    assert found is not None
    return found


def test_every_pest_of_the_crop_has_days_and_the_contract_holds() -> None:
    for plot in (rice(), garden(), rice(counts=peak())):
        for each in assess_plot(plot, WET):
            assert (each.probability is None) == (each.missing is not None)
            assert each.model.citation
            assert each.model.confidence in "ABC"
            assert each.horizon_d == (each.day - TODAY).days
            if each.probability is not None:
                assert each.spread is not None
                assert 0 <= each.spread[0] <= each.spread[1] <= 1
                assert 0 <= each.probability <= 1
                assert each.risk is not None
            json.dumps(each.to_json(), allow_nan=False)
    pests = {each.pest for each in assess_plot(rice(), WET)}
    assert len(pests) == 10
    assert len({each.pest for each in assess_plot(garden(), WET)}) == 6


@pytest.mark.parametrize("pest", ["leaf_blast", "sheath_blight", "bacterial_blight", "brown_spot"])
def test_a_wet_spell_to_come_raises_rice_diseases(pest: str) -> None:
    wet, dry = value(assess_plot(rice(), WET), pest), value(assess_plot(rice(), DRY), pest)
    assert wet > dry
    assert dry == 0


def test_a_wet_spell_warns_of_blast_with_its_reasons_and_dates() -> None:
    warned = of(assess_plot(rice(nitrogen="high"), WET), "leaf_blast")
    assert warned.risk in (Risk.HIGH, Risk.VERY_HIGH)
    assert {"wet-hours", "temperature", "rain", "stage", "nitrogen"} <= {each.name for each in warned.drivers}
    assert warned.symptoms is not None
    assert warned.symptoms.first == warned.day + timedelta(4)
    assert warned.infection == 1
    assert of(assess_plot(rice(), DRY), "leaf_blast").symptoms is None


def test_days_that_passed_are_told_from_what_was_measured() -> None:
    told = assess_plot(rice(), DRY)
    wet_day = date(2026, 8, 23)
    assert value(told, "leaf_blast", wet_day) > 0
    assert value(told, "leaf_blast", wet_day + timedelta(2)) == 0
    assert min(each.horizon_d for each in told) == -14
    assert max(each.horizon_d for each in told if each.pest == "leaf_blast") == 2


def test_neck_blast_only_around_heading() -> None:
    assert value(assess_plot(rice(), WET), "neck_blast") == 0
    seen = [{"stage": "heading", "day": TODAY}]
    assert value(assess_plot(rice(observed=seen), WET), "neck_blast") > 0.2
    assert value(assess_plot(rice(observed=[{"stage": "dough", "day": TODAY}]), WET), "neck_blast") == 0


def test_no_crop_no_figure() -> None:
    for plot in (rice(sown=date(2026, 12, 1)), rice(sown=date(2026, 3, 1))):
        told = assess_plot(plot, WET)
        assert not of(told, "leaf_blast").enough
        assert of(told, "leaf_blast").risk is None


def test_unknown_hours_are_said_and_never_infect() -> None:
    holes = replace(PAST, humidity=PAST.humidity.copy(), rain=None, wind=None)
    holes.humidity[-48:-24] = np.nan
    told = assess(rice(), holes, None, wind_height_m=None)
    lost = of(told, "leaf_blast", TODAY - timedelta(2))
    assert not lost.enough
    assert lost.missing is not None
    assert lost.quality.unknown_hours == 24
    assert lost.quality.outlook == "none"
    assert [note.en for note in lost.quality.notes] == ["the station measures no rain"]
    fewer = assess(rice(), replace(PAST, rain=None, wind=None), None, wind_height_m=None)
    for each in fewer:
        if each.probability is not None and (now := of(told, each.pest, each.day)).probability is not None:
            assert now.probability <= each.probability + 1e-12 or each.pest == "sheath_blight"


def test_too_short_a_record_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="three days"):
        station_risks(weather(days=2), None, wind_height_m=2)


def test_storms_open_bacterial_blight() -> None:
    calm, windy = weather(wind=1.0), weather(wind=7.0)
    day = date(2026, 8, 23)
    quiet = assess_plot(rice(), station_risks(calm, None, wind_height_m=None))
    stormy = assess_plot(rice(), station_risks(windy, None, wind_height_m=None))
    assert "storm" in {each.name for each in of(stormy, "bacterial_blight", day).drivers}
    assert "storm" not in {each.name for each in of(quiet, "bacterial_blight", day).drivers}
    assert value(stormy, "bacterial_blight", day) > 0


def test_planthoppers_need_a_peak_and_then_have_a_window() -> None:
    assert not of(assess_plot(rice(), DRY), "brown_planthopper", TODAY).enough
    told = [each for each in assess_plot(rice(counts=peak()), DRY) if each.pest == "brown_planthopper"]
    inside = [each.day for each in told if (each.probability or 0) >= 0.5]
    assert {each.name for each in told[0].drivers} == {"biofix", "window"}
    later = assess_plot(rice(counts=peak(day=25)), DRY)
    days = [each for each in later if each.pest == "brown_planthopper" and (each.probability or 0) >= 0.3]
    assert days[0].day == date(2026, 9, 1)
    assert 5 <= len(days) <= 8
    assert all(day < days[0].day for day in inside)


@pytest.mark.parametrize(
    ("pest", "confidence"),
    [
        ("white_backed_planthopper", "B"),
        ("leaf_folder", "B"),
        ("striped_stem_borer", "C"),
        ("yellow_stem_borer", "C"),
    ],
)
def test_other_insects_have_windows_with_their_confidence(pest: str, confidence: str) -> None:
    told = [each for each in assess_plot(rice(counts=peak(pest, 25)), DRY) if each.pest == pest]
    assert max(each.probability or 0 for each in told) > 0.3
    assert {each.model.confidence for each in told} == {confidence}


def test_scouting_weighs_the_window() -> None:
    def highest(found: float) -> float:
        seen = Count(pest="brown_planthopper", day=TODAY, method=Method.SCOUTING, value=found)
        told = assess_plot(rice(counts=[*peak(day=25), seen]), DRY)
        return max(each.probability or 0 for each in told if each.pest == "brown_planthopper")

    assert highest(100) < highest(900) < highest(2000)


def test_organs_decide_in_the_garden() -> None:
    young = garden(None, young_cladodes=[Period(since=TODAY, until=TODAY + timedelta(9))])
    old = value(assess_plot(garden(None), WET), "dragon_fruit_brown_spot")
    assert 0 < old < value(assess_plot(young, WET), "dragon_fruit_brown_spot")
    assert value(assess_plot(garden(None), WET), "dragon_fruit_bipolaris") == 0
    assert value(assess_plot(garden("flower"), WET), "dragon_fruit_bipolaris") > 0
    assert value(assess_plot(garden("young_fruit"), WET), "dragon_fruit_bipolaris", TODAY) == 0


def test_scouted_spots_raise_brown_spot_and_the_ensemble_shows_its_spread() -> None:
    def risk(percent: float) -> Forecast:
        seen = Count(pest="dragon_fruit_brown_spot", day=TODAY, method=Method.SCOUTING, value=percent)
        return of(assess_plot(garden(counts=[seen]), WET), "dragon_fruit_brown_spot", TODAY)

    steps = [risk(percent).probability or 0 for percent in (0, 3, 12, 30)]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]
    many = risk(30)
    assert many.spread is not None
    assert many.spread[1] - many.spread[0] > 0.05
    assert many.symptoms is not None
    assert (many.symptoms.likely - many.day).days == 14
    assert many.model.confidence == "C"


def test_fruit_flies_need_counts_and_fruit_near_harvest() -> None:
    def flies(stage: str, *counts: float) -> Forecast:
        seen = [
            Count(
                pest="fruit_fly",
                day=TODAY - timedelta(7 * (len(counts) - at)),
                method=Method.TRAP,
                value=each,
            )
            for at, each in enumerate(counts)
        ]
        return of(assess_plot(garden(stage, counts=seen), DRY), "fruit_fly", TODAY)

    assert not flies("near_ripe_fruit").enough
    assert not flies("near_ripe_fruit", 30).enough
    assert flies("bud", 60, 150).risk is Risk.LOW
    assert flies("near_ripe_fruit", 60, 150).risk in (Risk.HIGH, Risk.VERY_HIGH)
    assert flies("near_ripe_fruit", 20, 20, 2).risk is Risk.LOW


def test_rules_of_soil_and_sun() -> None:
    assert not of(assess_plot(garden(), DRY), "stem_rot", TODAY).enough
    soaked = np.full(100, 0.6)
    soaked[-50:] = 1.0
    assert of(assess_plot(garden(), DRY, soil_saturation=soaked), "stem_rot", TODAY).risk is Risk.HIGH
    soaked[-10] = np.nan
    assert of(assess_plot(garden(), DRY, soil_saturation=soaked), "stem_rot", TODAY).risk is Risk.LOW
    hot = outlook(PAST, wet=False)
    hot = replace(
        hot, temperature_members=hot.temperature_members + 9, humidity_members=hot.humidity_members - 30
    )
    burning = assess_plot(garden(), station_risks(PAST, hot, wind_height_m=2))
    assert of(burning, "sunburn").risk is Risk.VERY_HIGH
    assert of(assess_plot(garden(), DRY), "sunburn").risk is Risk.LOW


def test_the_class_is_held_down_by_what_the_site_is_used_to() -> None:
    assert risk_class(0.9, None) is Risk.VERY_HIGH
    assert risk_class(0.9, 0.95) is Risk.VERY_HIGH
    assert risk_class(0.9, 0.8) is Risk.HIGH
    assert risk_class(0.9, 0.6) is Risk.MEDIUM
    assert risk_class(0.9, 0.2) is Risk.LOW
    assert risk_class(0.2, 1.0) is Risk.LOW


def test_the_same_input_gives_the_same_answer() -> None:
    again = station_risks(PAST, outlook(PAST, wet=True), wind_height_m=2)
    plot: RicePlot = rice(counts=peak())
    assert assess_plot(plot, WET) == assess_plot(plot, again)
