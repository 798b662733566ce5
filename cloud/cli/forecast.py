"""`kega cloud forecast`: the disease models on a file of weather or on one set of figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cloud.cli.counts import score_counts
from cloud.cli.forecast_assess import assess
from cloud.cli.forecast_verify import verify
from cloud.cli.forecast_words import flag_rows, warn
from cloud.cli.options import json_option, print_json, print_table
from cloud.cli.outlook import outlook

if TYPE_CHECKING:
    from cloud.forecast.agromet.leaf_wetness import LeafWetness
    from cloud.forecast.infection.magarey import Limits
    from cloud.forecast.rice.season import Season
    from cloud.forecast.weather.flags import Flag
    from cloud.forecast.weather.series import HourlyWeather

Command = TypeVar("Command", bound=Callable[..., Any])

_DISEASES: Final = ("leaf_blast", "sheath_blight", "bacterial_blight", "brown_spot", "tungro")
_COLUMNS: Final = {
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
"""Names of the daily columns in the R packages → ours."""


def _weather_option(*, required: bool, says: str) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        command = click.option("--site", help="Of this site, where the file has a column idsite.")(command)
        file = click.Path(path_type=Path, exists=True, dir_okay=False)
        return click.option("--weather", type=file, required=required, help=says)(command)

    return add


@click.group()
def forecast() -> None:
    """Pest and disease models, one run at a time."""


forecast.add_command(outlook)
forecast.add_command(score_counts)
forecast.add_command(assess)
forecast.add_command(verify)


@forecast.command()
@_weather_option(required=True, says="CSV by day: YYYYMMDD, TEMP, RHUM, RAIN, and W (wet hours) for hours.")
@click.option("--emergence", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day of the crop.")
@click.option("--disease", type=click.Choice(_DISEASES), required=True)
@click.option("--mode", type=click.Choice(["strict", "epicrop"]), default="strict", show_default=True)
@click.option("--wetness", type=click.Choice(["binary", "hours"]), default="binary", show_default=True)
@click.option("--gaps", type=click.Choice(["refuse", "dry"]), default="refuse", show_default=True)
@click.option("--days", type=click.IntRange(1, 121), help="Length of the run; the whole season if not given.")
@click.option("--daily", is_flag=True, help="With --json: the daily columns too.")
@json_option
def epirice(
    *,
    weather: Path,
    site: str | None,
    emergence: datetime,
    disease: str,
    mode: str,
    wetness: str,
    gaps: str,
    days: int | None,
    daily: bool,
    as_json: bool,
) -> None:
    """EPIRICE: a season of one rice disease.

    strict is the published model (the public code of 2009), epicrop the R package epicrop 0.0.2 with its
    longer periods. Unknown days are refused, or with --gaps dry infect nothing.
    """
    from cloud.forecast.rice.epirice import Mode
    from cloud.forecast.rice.parameters import epirice_parameters
    from cloud.forecast.rice.season import Gaps, Wetness, run_season
    from cloud.forecast.weather.files import read_daily

    season = run_season(
        read_daily(weather, site),
        disease,
        emergence.date(),
        mode=Mode(mode),
        wetness=Wetness(wetness),
        gaps=Gaps(gaps),
        days=days,
    )
    epidemic = season.epidemic
    peak = int(epidemic.intensity.argmax())
    body: dict[str, Any] = {
        "model": epirice_parameters().model,
        "version": epirice_parameters().version,
        "citation": epirice_parameters().citation,
        "disease": disease,
        "mode": mode,
        "wetness": wetness,
        "emergence": f"{emergence:%Y-%m-%d}",
        "days": len(season.days),
        "audpc": float(epidemic.audpc),
        "max_intensity": float(epidemic.intensity[peak]),
        "day_of_max": peak + epidemic.first_day,
        "final_intensity": float(epidemic.intensity[-1]),
        "unknown_days": int(epidemic.unknown.sum()),
        "flags": flag_rows(season.flags),
    }
    if as_json:
        print_json(body | ({"daily": _daily_rows(season)} if daily else {}))
        return
    warn(season.flags)
    shown = ("disease", "mode", "wetness", "emergence", "days", "audpc", "max_intensity", "day_of_max")
    print_table(["FIGURE", "VALUE"], [[name, str(body[name])] for name in shown])


@forecast.command()
@click.option("--set", "set_name", help="Shipped limits, such as rice_blast_tropical.")
@click.option("--tmin", type=float, help="Own limits: lowest temperature, °C.")
@click.option("--topt", type=float, help="Optimum, °C.")
@click.option("--tmax", type=float, help="Highest, °C.")
@click.option("--wmin", type=float, help="Wet hours needed at the optimum.")
@click.option("--wmax", type=float, help="Most wet hours that may be needed.")
@click.option("--d50", type=click.IntRange(0), help="Dry hours that end no wet period.")
@click.option("--temperature", type=float, help="One mean temperature, °C: what it needs.")
@click.option("--wet-hours", type=click.FloatRange(0), help="With --temperature: hours to judge.")
@_weather_option(required=False, says="CSV by hour: TIME, TEMP, RHUM, and WIND, RAIN, WET: infection events.")
@click.option("--wind-height", type=float, help="Height at which WIND was measured, m.")
@json_option
def magarey(
    *,
    set_name: str | None,
    tmin: float | None,
    topt: float | None,
    tmax: float | None,
    wmin: float | None,
    wmax: float | None,
    d50: int | None,
    temperature: float | None,
    wet_hours: float | None,
    weather: Path | None,
    site: str | None,
    wind_height: float | None,
    as_json: bool,
) -> None:
    """Generic infection: wet hours that infection needs, or its events in a record."""
    limits, about = _limits(set_name, (tmin, topt, tmax, wmin, wmax), d50)
    if (temperature is None) == (weather is None):
        raise click.UsageError("give either --temperature or --weather")
    if temperature is not None:
        body = about | _one_infection(limits, temperature, wet_hours)
    else:
        assert weather is not None
        body = about | _infections(limits, weather, site, wind_height)
    if as_json:
        print_json(body)
        return
    for flag in body.get("flags", []):
        click.echo(f"Warning: {flag['text']['en']}", err=True)
    rows = [[name, str(value)] for name, value in body.items() if not isinstance(value, list | dict)]
    rows += [[row["date"], f"{row['events']:g} events"] for row in body.get("daily", [])]
    print_table(["FIGURE", "VALUE"], rows)


@forecast.command()
@click.option("--temperature", type=float, help="One hour: air temperature, °C.")
@click.option("--humidity", type=click.FloatRange(0, 105), help="One hour: relative humidity, %.")
@click.option(
    "--wind", type=click.FloatRange(0), help="One hour: wind, m/s; without it the humidity rule judges."
)
@click.option(
    "--wind-height", type=float, help="Height of the wind, m; for one hour the canopy if not given."
)
@_weather_option(required=False, says="CSV by hour: TIME, TEMP, RHUM, and WIND, RAIN, WET.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write days for epirice as CSV.")
@json_option
def wetness(
    *,
    temperature: float | None,
    humidity: float | None,
    wind: float | None,
    wind_height: float | None,
    weather: Path | None,
    site: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Leaf wetness of one hour, or of the days (noon to noon) of a record."""
    if weather is None:
        if temperature is None or humidity is None or out is not None:
            raise click.UsageError("give --temperature and --humidity without --out, or --weather")
        body = _one_hour(temperature, humidity, wind, wind_height)
    else:
        if (temperature, humidity, wind) != (None, None, None):
            raise click.UsageError("give either --weather or the figures of one hour")
        hourly, wet, flags = _hourly(weather, site, wind_height)
        body = {"source_hours": wet.shares(), "flags": flag_rows(flags), "days": _wet_days(hourly, wet)}
        if out is not None:
            _write_days(out, hourly, wet)
    if as_json:
        print_json(body)
        return
    if "days" in body:
        warn(flags)
        cells = [[str(row[name]) for name in ("date", "W", "unknown_hours")] for row in body["days"]]
        print_table(["DAY", "WET HOURS", "UNKNOWN HOURS"], cells)
    else:
        print_table(["FIGURE", "VALUE"], [[name, str(value)] for name, value in body.items()])


def _daily_rows(season: Season) -> list[dict[str, Any]]:
    epidemic = season.epidemic
    columns = {name: getattr(epidemic, ours).tolist() for name, ours in _COLUMNS.items()}
    return [
        {"simday": row + epidemic.first_day, "date": str(day)}
        | {name: values[row] for name, values in columns.items()}
        | {"severity": 100 * columns["intensity"][row], "unknown": bool(epidemic.unknown[row])}
        for row, day in enumerate(season.days)
    ]


def _limits(
    set_name: str | None, figures: tuple[float | None, ...], dry_gap_h: int | None
) -> tuple[Limits, dict[str, Any]]:
    from pydantic import ValidationError

    from cloud.forecast.infection.magarey import Limits, infection_parameters, pathogen_named

    model = {"model": infection_parameters().model, "version": infection_parameters().version}
    if set_name is not None:
        if any(figure is not None for figure in (*figures, dry_gap_h)):
            raise click.UsageError("give either --set or your own limits, not both")
        pathogen = pathogen_named(set_name)
        return pathogen, model | {"set": set_name, "confidence": pathogen.confidence}
    if None in figures:
        raise click.UsageError("give --set, or all of --tmin --topt --tmax --wmin --wmax")
    names = ("lowest", "optimum", "highest", "least_wet_h", "most_wet_h")
    try:
        own = Limits.model_validate(dict(zip(names, figures, strict=True)) | {"dry_gap_h": dry_gap_h or 0})
    except ValidationError as error:
        raise click.UsageError("; ".join(each["msg"] for each in error.errors())) from error
    return own, model | {"set": "own"}


def _one_infection(limits: Limits, temperature: float, wet_hours: float | None) -> dict[str, Any]:
    from cloud.forecast.infection.magarey import temperature_response, wet_hours_needed

    needed = float(wet_hours_needed(limits, temperature))
    body: dict[str, Any] = {
        "temperature": temperature,
        "response": float(temperature_response(limits, temperature)),
        "wet_hours_needed": None if math.isinf(needed) else needed,
    }
    if wet_hours is not None:
        body |= {"wet_hours": wet_hours, "infects": wet_hours >= needed}
    return body


def _infections(limits: Limits, weather: Path, site: str | None, wind_height: float | None) -> dict[str, Any]:
    from cloud.forecast.agromet.gaps import bridge_temperature
    from cloud.forecast.infection.cohorts import infections

    hourly, wet, flags = _hourly(weather, site, wind_height)
    temperature, bridged = bridge_temperature(hourly.temperature)
    found = infections(limits, temperature, wet.wet)
    days, index = found.daily(hourly.hours)
    return {
        "hours": len(hourly.hours),
        "unknown_hours": int(found.unknown.sum()),
        "bridged_temperatures": int(bridged.sum()),
        "events": int(found.events.sum()),
        "source_hours": wet.shares(),
        "flags": flag_rows(flags),
        "daily": [
            {"date": str(day), "events": round(value * 24), "index": value}
            for day, value in zip(days, index.tolist(), strict=True)
        ],
    }


def _hourly(
    weather: Path, site: str | None, wind_height: float | None
) -> tuple[HourlyWeather, LeafWetness, list[Flag]]:
    from cloud.forecast.agromet.leaf_wetness import estimate
    from cloud.forecast.weather.checks import check_hourly
    from cloud.forecast.weather.files import read_hourly

    hourly = read_hourly(weather, site)
    if hourly.wind is not None and wind_height is None:
        raise click.UsageError(f"{weather} has wind: say by --wind-height at how many metres it was measured")
    flags = check_hourly(hourly)
    return hourly, estimate(hourly, wind_height_m=wind_height), flags


def _one_hour(
    temperature: float, humidity: float, wind: float | None, wind_height: float | None
) -> dict[str, Any]:
    from cloud.forecast.agromet.humidity import dew_point
    from cloud.forecast.agromet.leaf_wetness import CANOPY_M, cart_sld_wind, humidity_rule
    from cloud.forecast.agromet.wind import wind_at

    by_humidity = bool(humidity_rule(humidity))
    body: dict[str, Any] = {"dew_point": _number(float(dew_point(temperature, humidity)))}
    if wind is None:
        return {"wet": by_humidity, "source": "humidity"} | body
    canopy_wind = float(wind if wind_height is None else wind_at(wind, wind_height, CANOPY_M))
    judgement = cart_sld_wind(temperature, humidity, canopy_wind)
    wet = float(judgement.wet)
    told = {"wet": by_humidity, "source": "humidity"}
    if not math.isnan(wet):
        told = {"wet": bool(wet), "source": "cart"}
    return (
        told
        | body
        | {
            "canopy_wind": canopy_wind,
            "depression": _number(float(judgement.depression)),
            "calm_score": _number(float(judgement.calm_score)),
            "windy_score": _number(float(judgement.windy_score)),
            "humidity_rule": by_humidity,
        }
    )


def _wet_days(hourly: HourlyWeather, wet: LeafWetness) -> list[dict[str, Any]]:
    from cloud.forecast.agromet.wet_day import wet_days

    nights = wet_days(hourly.hours, wet.wet)
    return [
        {"date": str(day), "W": _number(float(hours)), "unknown_hours": int(unknown)}
        for day, hours, unknown in zip(nights.days, nights.wet_hours, nights.unknown_hours, strict=True)
    ]


def _write_days(out: Path, hourly: HourlyWeather, wet: LeafWetness) -> None:
    import csv

    from cloud.forecast.agromet.wet_day import daily_weather

    daily = daily_weather(hourly, wet.wet)
    assert daily.wet_hours is not None
    columns = (daily.temperature, daily.humidity, daily.rain, daily.wet_hours)
    with out.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(("YYYYMMDD", "TEMP", "RHUM", "RAIN", "W"))
        for day, *values in zip(daily.days, *columns, strict=True):
            writer.writerow([day, *("" if math.isnan(value) else f"{value:.10g}" for value in values)])


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value
