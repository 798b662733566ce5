"""`kega cloud forecast verify`: how good issued forecasts were."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloud.cli.options import json_option, print_json, print_table

if TYPE_CHECKING:
    from cloud.forecast.verify.records import Record
    from cloud.forecast.verify.scores import Verification

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--alert-at", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="A warning from here on."
)
@click.option("--by-lead", is_flag=True, help="Judge each lead by itself too.")
@click.option("--scorecard", type=click.DateTime(["%Y-%m"]), help="Print the Markdown page of this month.")
@json_option
def verify(*, file: Path, alert_at: float, by_lead: bool, scorecard: datetime | None, as_json: bool) -> int:
    """Judge issued forecasts beside climatology and persistence.

    Columns: issued, day, plot, pest, probability, came (1, 0 or empty), and model, climatology where known.
    """
    from cloud.forecast.verify import scorecard as pages
    from cloud.forecast.verify.records import read_records

    records = read_records(file)
    by_model = {
        name: [each for each in records if each.model == name]
        for name in sorted({each.model for each in records})
    }
    if scorecard is not None:
        for model_records in by_model.values():
            click.echo(pages.scorecard(model_records, scorecard.date(), alert_at))
        return 0
    results = [
        row for name, own in by_model.items() for row in _results(name, own, alert_at, by_lead=by_lead)
    ]
    if as_json:
        print_json({"alert_at": alert_at, "models": results})
        return 0 if results else 1
    if not results:
        click.echo("The file holds no forecasts.", err=True)
        return 1
    print_table(
        [
            "MODEL",
            "LEAD",
            "FORECASTS",
            "EVENTS",
            "BRIER",
            "SKILL CLIM",
            "SKILL PERS",
            "POD",
            "FAR",
            "CSI",
            "LOAD",
        ],
        [_cells(row) for row in results],
    )
    return 0


def _results(name: str, records: list[Record], alert_at: float, *, by_lead: bool) -> list[dict[str, Any]]:
    from cloud.forecast.verify.scores import verify as judge

    rows = [{"model": name, "lead_d": None} | _figures(judge(records, alert_at))]
    if by_lead:
        for lead in sorted({each.lead_d for each in records if each.came is not None}):
            own = [each for each in records if each.lead_d == lead]
            rows.append({"model": name, "lead_d": lead} | _figures(judge(own, alert_at)))
    return rows


def _figures(found: Verification) -> dict[str, Any]:
    from dataclasses import asdict

    counted = found.warnings
    return {
        "forecasts": found.forecasts,
        "events": found.events,
        "unknown": found.unknown,
        "brier": asdict(found.brier),
        "brier_climatology": found.climatology,
        "brier_persistence": found.persistence,
        "skill_over_climatology": found.skill_over_climatology,
        "skill_over_persistence": found.skill_over_persistence,
        "reliability": [asdict(each) for each in found.bins],
        "warnings": asdict(counted) | {"pod": counted.pod, "far": counted.far, "csi": counted.csi},
        "median_lead_d": found.lead_d,
        "warned_days_per_plot_and_30_days": found.load,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    figures = (
        *(row["brier"]["score"], row["skill_over_climatology"], row["skill_over_persistence"]),
        *(row["warnings"]["pod"], row["warnings"]["far"], row["warnings"]["csi"]),
        row["warned_days_per_plot_and_30_days"],
    )
    lead = "all" if row["lead_d"] is None else str(row["lead_d"])
    told = ["-" if each is None else f"{each:.3f}" for each in figures]
    return [row["model"] or "-", lead, str(row["forecasts"]), str(row["events"]), *told]
