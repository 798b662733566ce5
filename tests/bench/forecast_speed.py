"""Speed of the forecasts: all plots of a province, and seasons of EPIRICE."""

from __future__ import annotations

import csv
import gzip
import io
import resource
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from time import perf_counter

import numpy as np

from cloud.forecast.crop.plot import Count, Level, Method, RicePlot
from cloud.forecast.outlook.outlook import Outlook
from cloud.forecast.output.assess import assess_plot, station_risks
from cloud.forecast.output.parameters import crop_risks
from cloud.forecast.rice.epirice import Mode, season_days, simulate
from cloud.forecast.rice.parameters import epirice_parameters
from cloud.forecast.weather.series import HourlyWeather
from tests.bench.report import Figure, best_seconds
from tests.cloud.forecast.reference import DATA

PLOTS, STATIONS, MEMBERS, AHEAD_D, PAST_D = 10_000, 100, 30, 7, 60
GOAL_S = 60.0
TODAY = date(2026, 8, 30)


def hanoi() -> tuple[list[float], list[float]]:
    """Hourly temperature and humidity of 16 months."""
    text = gzip.decompress((DATA / "weather_hourly_hanoi_2024_2025.csv.gz").read_bytes()).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    return [float(row["TEMP"]) for row in rows], [float(row["RHUM"]) for row in rows]


def station(number: int, recorded: tuple[list[float], list[float]]) -> tuple[HourlyWeather, Outlook]:
    """Sixty days and thirty members of seven, cut from the record at places of the station's own."""
    chance = np.random.default_rng(number)
    temperature, humidity = (np.array(each) for each in recorded)
    past_h, ahead_h = 24 * PAST_D, 24 * AHEAD_D
    last = len(temperature) - past_h - ahead_h

    def at_midnight() -> int:
        return int(chance.integers(0, last // 24)) * 24

    since = at_midnight()
    own = slice(since, since + past_h)
    first = np.datetime64(TODAY, "h") - past_h
    past = HourlyWeather(
        first + np.arange(past_h),
        temperature[own],
        humidity[own],
        wind=chance.gamma(2, 1, past_h),
        rain=np.where(humidity[own] > 94, chance.gamma(0.5, 4, past_h), 0.0),
    )
    starts = [at_midnight() for _ in range(MEMBERS)]
    members = [slice(start, start + ahead_h) for start in starts]
    courses = np.stack([temperature[each] for each in members])
    humid = np.stack([humidity[each] for each in members])
    return past, Outlook(
        hours=np.datetime64(TODAY, "h") + np.arange(ahead_h),
        temperature=courses.mean(axis=0),
        humidity=humid.mean(axis=0),
        wet_probability=(humid >= 90).mean(axis=0),
        temperature_members=courses,
        humidity_members=humid,
        rain_members=np.where(humid > 94, chance.gamma(0.5, 4, humid.shape), 0.0),
        wind_members=chance.gamma(2, 1, humid.shape),
        learnt_hours=past_h,
        source=("blend",) * ahead_h,
    )


def plots_of(number: int) -> list[RicePlot]:
    """A station's share of the plots, each with its own sowing, husbandry and light-trap peak."""
    chance = np.random.default_rng(10_000 + number)
    told = []
    for each in range(PLOTS // STATIONS):
        peak = TODAY - timedelta(int(chance.integers(2, 12)))
        counts = [
            Count(pest=pest, day=peak + timedelta(offset), method=Method.LIGHT_TRAP, value=value)
            for pest in crop_risks("rice").insects
            for offset, value in ((-1, 40), (0, 600), (1, 60))
        ]
        told.append(
            RicePlot(
                id=f"r-{number}-{each}",
                title=f"R{each}",
                crop="rice",
                station=f"ws-{number}",
                sown=TODAY - timedelta(int(chance.integers(5, 85))),
                nitrogen=list(Level)[int(chance.integers(3))],
                counts=counts,
            )
        )
    return told


def assess_station(number: int, recorded: tuple[list[float], list[float]]) -> int:
    """Forecasts of all plots of one station; how many."""
    past, outlook = station(number, recorded)
    shared = station_risks(past, outlook, wind_height_m=2)
    return sum(
        len(assess_plot(plot, shared, past_days=0, insect_days=AHEAD_D - 1)) for plot in plots_of(number)
    )


def province_speed(command: str) -> list[Figure]:
    """10,000 rice plots, every pest of rice, seven days of hours in thirty members, on two cores."""
    recorded = hanoi()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = perf_counter()
    with ProcessPoolExecutor(2) as both:
        told = sum(both.map(partial(assess_station, recorded=recorded), range(STATIONS), chunksize=5))
    seconds = perf_counter() - begin
    pests = len(crop_risks("rice").diseases) + len(crop_risks("rice").insects)
    if told != PLOTS * pests * AHEAD_D:
        raise SystemExit(f"speed: {told} forecasts instead of {PLOTS * pests * AHEAD_D}")
    what = (
        f"{PLOTS} plots × {pests} pests × {AHEAD_D} days, {STATIONS} stations of {MEMBERS} members, 2 cores"
    )
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    work = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    return [
        Figure(what, seconds, "s", "goal of 60 s for 8 pests", seconds / GOAL_S, command),
        Figure(f"{what}: time of processor", work, "s", "goal of 2 × 60 s", work / GOAL_S / 2, command),
    ]


def season_speed(command: str) -> list[Figure]:
    """Seasons of EPIRICE alone and among many."""
    disease = epirice_parameters().diseases["leaf_blast"]
    chance = np.random.default_rng(0)
    days = season_days(Mode.STRICT)

    def seconds(columns: int) -> float:
        temperature = chance.normal(26, 2, (days, columns))
        wet = (chance.random((days, columns)) < 0.5).astype(float)
        return best_seconds(lambda: simulate(disease, Mode.STRICT, temperature, wet), 3, 1) / columns

    alone, among = seconds(1), seconds(PLOTS)
    return [
        Figure("EPIRICE: seasons a second, one at a time", 1 / alone, "1/s", "itself", 1.0, command),
        Figure(
            f"EPIRICE: seasons a second, {PLOTS} at once",
            1 / among,
            "1/s",
            "one at a time",
            alone / among,
            command,
        ),
    ]
