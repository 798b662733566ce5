"""`kega cloud forecast outlook`: the next hours at a station, from its own record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cloud.cli.options import json_option, print_json, print_table


@click.command()
@click.option(
    "--weather",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="CSV by hour: TIME, TEMP, RHUM, and WIND, RAIN. The outlook begins after its last hour.",
)
@click.option("--site", help="Of this site, where the file has a column idsite.")
@click.option("--hours", type=click.IntRange(1, 72), default=72, show_default=True)
@click.option("--members", type=click.IntRange(1, 500), default=30, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Chooses the members.")
@click.option(
    "--external",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A stored answer of Open-Meteo's forecast API, to be blended in.",
)
@json_option
def outlook(
    *,
    weather: Path,
    site: str | None,
    hours: int,
    members: int,
    seed: int,
    external: Path | None,
    as_json: bool,
) -> int:
    """Temperature and humidity of the next hours, with the spread of possible courses."""
    from cloud.cli.forecast_words import flag_rows, warn
    from cloud.forecast.outlook.blend import blend
    from cloud.forecast.outlook.outlook import CITATION, MODEL, VERSION, look_ahead
    from cloud.forecast.weather.checks import check_hourly
    from cloud.forecast.weather.files import read_hourly

    past = read_hourly(weather, site)
    flags = check_hourly(past)
    found = look_ahead(past, hours, members, seed=seed)
    if found is not None and external is not None:
        found = blend(found, _stored(external), past)
    body: dict[str, Any] = {
        "model": MODEL,
        "version": VERSION,
        "citation": CITATION,
        "issued": str(past.hours[-1]),
        "enough_data": found is not None,
        "learnt_hours": 0 if found is None else found.learnt_hours,
        "flags": flag_rows(flags),
        "hours": [] if found is None else _hours(found),
    }
    if as_json:
        print_json(body)
    elif found is None:
        click.echo("Not enough data: at least three of the last fourteen days are needed.", err=True)
    else:
        warn(flags)
        names = ("time", "temperature", "humidity", "wet_probability", "source")
        print_table(
            ["HOUR", "°C", "RH %", "P(RH≥90)", "FROM"],
            [[_cell(row[name]) for name in names] for row in body["hours"]],
        )
    return 0 if found is not None else 1


def _stored(file: Path) -> Any:
    from datetime import UTC, datetime

    from cloud.forecast.outlook.external import parse_open_meteo

    return parse_open_meteo(file.read_bytes(), datetime.fromtimestamp(file.stat().st_mtime, UTC))


def _hours(found: Any) -> list[dict[str, Any]]:
    import numpy as np

    bands = {
        name: np.quantile(getattr(found, f"{name}_members"), (0.1, 0.9), axis=0)
        for name in ("temperature", "humidity")
    }
    return [
        {
            "time": str(hour),
            "temperature": round(float(found.temperature[at]), 2),
            "humidity": round(float(found.humidity[at]), 1),
            "wet_probability": round(float(found.wet_probability[at]), 3),
            "source": found.source[at],
        }
        | {f"{name}_p10_p90": [round(float(edge[at]), 2) for edge in band] for name, band in bands.items()}
        for at, hour in enumerate(found.hours)
    ]


def _cell(value: object) -> str:
    return str(value)
