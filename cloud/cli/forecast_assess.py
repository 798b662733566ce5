"""`kega cloud forecast assess`: the page of one plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloud.cli.options import json_option, print_json, print_table

if TYPE_CHECKING:
    from cloud.forecast.output.contract import Forecast

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option("--plot", type=_FILE, required=True, help="YAML of the plot; see docs/models/plots.md.")
@click.option(
    "--weather", type=_FILE, required=True, help="CSV by hour: TIME, TEMP, RHUM, and WIND, RAIN, WET."
)
@click.option("--site", help="Of this site, where the file has a column idsite.")
@click.option("--wind-height", type=float, help="Height at which WIND was measured, m.")
@click.option("--members", type=click.IntRange(1, 500), default=30, show_default=True)
@click.option("--phone", default="0252000000", show_default=True, help="Put into the message.")
@json_option
def assess(
    *,
    plot: Path,
    weather: Path,
    site: str | None,
    wind_height: float | None,
    members: int,
    phone: str,
    as_json: bool,
) -> None:
    """All pests of a plot: the days that passed, the days ahead, and the message to its grower."""
    from cloud.cli.forecast_words import flag_rows, warn
    from cloud.forecast.crop.plot import load_plot
    from cloud.forecast.messages.compose import compose
    from cloud.forecast.outlook.outlook import look_ahead
    from cloud.forecast.output.assess import assess as judge
    from cloud.forecast.weather.checks import check_hourly
    from cloud.forecast.weather.files import read_hourly

    ground = load_plot(plot)
    past = read_hourly(weather, site)
    if past.wind is not None and wind_height is None:
        raise click.UsageError(f"{weather} has wind: say by --wind-height at how many metres it was measured")
    flags = check_hourly(past)
    outlook = look_ahead(past, members=members)
    told = judge(ground, past, outlook, wind_height_m=wind_height)
    message = compose(ground, told, phone=phone)
    if as_json:
        print_json(
            {
                "plot": ground.id,
                "crop": ground.crop,
                "issued": str(past.hours[-1]),
                "flags": flag_rows(flags),
                "message": None
                if message is None
                else {"about": message.about, "sms": message.sms, "accented": message.accented},
                "forecasts": [each.to_json() for each in told],
            }
        )
        return
    warn(flags)
    print_table(
        ["SÂU BỆNH", "NGÀY", "XÁC SUẤT", "10–90 %", "MỨC", "TIN CẬY", "LÝ DO"],
        [_row(ground.crop, each) for each in told if each.horizon_d >= 0 and _worth_a_line(each)],
    )
    if message is not None:
        click.echo(f"\nSMS:  {message.sms}\nZalo: {message.accented}")


def _worth_a_line(told: Forecast) -> bool:
    """Diseases on each day; insects on the days that matter, and on the first."""
    return told.infection is not None or told.horizon_d == 0 or (told.probability or 0) >= 0.25


def _row(crop: str, told: Forecast) -> list[str]:
    from cloud.forecast.output.contract import RISK_WORDS

    title = _title(crop, told.pest)
    if told.probability is None or told.spread is None or told.risk is None:
        assert told.missing is not None
        return [title, f"{told.day:%d/%m}", "-", "-", "-", told.model.confidence, told.missing.vi]
    return [
        title,
        f"{told.day:%d/%m}",
        f"{told.probability:.2f}",
        f"{told.spread[0]:.2f}–{told.spread[1]:.2f}",
        RISK_WORDS[told.risk].vi,
        told.model.confidence,
        "; ".join(each.text.vi for each in told.drivers),
    ]


def _title(crop: str, pest: str) -> str:
    from cloud.forecast.output.parameters import crop_risks

    risks = crop_risks(crop)
    named: dict[str, Any] = {**risks.diseases, **risks.insects, "fruit_fly": risks.flies}
    if risks.rules is not None:
        named |= {"stem_rot": risks.rules.stem_rot, "sunburn": risks.rules.sunburn}
    title: str = named[pest].title.vi
    return title
