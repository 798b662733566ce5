"""One plot assessed by all models of its crop.

Plots share stations: `station_risks` once a station, then `assess_plot` for each of its plots.
"""

from __future__ import annotations

from typing import Final

from cloud.forecast.arrays import FloatArray
from cloud.forecast.crop.plot import FruitPlot, Plot
from cloud.forecast.outlook.outlook import Outlook
from cloud.forecast.output.contract import Forecast
from cloud.forecast.output.course import PlotCourse, plot_course
from cloud.forecast.output.diseases import disease_forecasts
from cloud.forecast.output.fruit import Garden, fly_forecasts, rule_forecasts
from cloud.forecast.output.insects import insect_forecasts
from cloud.forecast.output.parameters import crop_risks
from cloud.forecast.output.station import SHOWN_PAST_D, station
from cloud.forecast.output.station_risks import StationRisks
from cloud.forecast.output.windows import AHEAD_D
from cloud.forecast.weather.series import HourlyWeather

ALL_PAST: Final = SHOWN_PAST_D


def station_risks(
    past: HourlyWeather, outlook: Outlook | None, *, wind_height_m: float | None
) -> StationRisks:
    """What all plots of a station share.

    Args:
        past: The station's record, checked by `check_hourly`; 60 days or more tell what is usual there.
        outlook: Members that begin where `past` ends; None: the days that have passed are judged alone.
        wind_height_m: Height of the anemometer, m; None where the wind is of no use for wetness.

    Raises:
        NotEnoughData: less than three whole days of record.
    """
    return StationRisks(station(past, outlook, wind_height_m=wind_height_m))


def assess_plot(
    plot: Plot,
    shared: StationRisks,
    *,
    past_days: int = ALL_PAST,
    insect_days: int = AHEAD_D,
    soil_saturation: FloatArray | None = None,
    calendar: PlotCourse | None = None,
) -> list[Forecast]:
    """Every pest of the plot's crop on every day; the pests in the order of the parameter file.

    Args:
        plot: With its calendar and its counts.
        shared: Of the plot's station.
        past_days: Days before today that are told, 0–14.
        insect_days: Days ahead that insects are told for.
        soil_saturation: Hourly share of pores filled with water, for root rot.
        calendar: The plot's course, where the caller has it already.

    Raises:
        ModelInputFault: the plot's duration leaves a stage no time.
    """
    where = calendar if calendar is not None else plot_course(plot, shared)
    risks = crop_risks(plot.crop)
    told: list[Forecast] = []
    for pest in risks.diseases:
        told += disease_forecasts(pest, where, shared, past_days=past_days)
    for pest in risks.insects:
        told += insect_forecasts(pest, where, shared, ahead_days=insect_days)
    if isinstance(plot, FruitPlot):
        garden = Garden(where, shared)
        told += fly_forecasts(garden)
        told += rule_forecasts(garden, soil_saturation)
    return told


def assess(
    plot: Plot,
    past: HourlyWeather,
    outlook: Outlook | None,
    *,
    wind_height_m: float | None,
    soil_saturation: FloatArray | None = None,
) -> list[Forecast]:
    """One plot alone; see `station_risks` and `assess_plot`."""
    return assess_plot(
        plot, station_risks(past, outlook, wind_height_m=wind_height_m), soil_saturation=soil_saturation
    )
