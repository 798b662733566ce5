"""`kega cloud forecast score-counts`: how well counts foresee counts, judged on a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloud.cli.options import json_option, print_json, print_table

if TYPE_CHECKING:
    from cloud.forecast.counts.scores import Judged, Score

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("score-counts")
@click.argument("file", type=_FILE)
@click.option("--train", type=_FILE, multiple=True, help="Counts of earlier years, to learn from too.")
@click.option("--after", type=int, help="Judge the years after this one; the last third if not given.")
@click.option(
    "--lead", "leads", type=click.IntRange(1, 12), multiple=True, help="Weeks ahead; 1 to 4 if not given."
)
@click.option("--least-weeks", type=click.IntRange(1), default=104, show_default=True)
@json_option
def score_counts(
    *,
    file: Path,
    train: tuple[Path, ...],
    after: int | None,
    leads: tuple[int, ...],
    least_weeks: int,
    as_json: bool,
) -> None:
    """Judge the count model on weekly counts beside climatology and persistence.

    Each year is foreseen by a model that learnt from the years before it alone. Columns: Observation Year,
    Standard Week, Pest Value, Collection Type, PEST NAME, Location. Series of fewer than --least-weeks weeks
    are left out.
    """
    from rich.progress import Progress

    from cloud.forecast.counts.model import CITATION, MODEL, VERSION
    from cloud.forecast.counts.scores import LEADS, judge
    from cloud.forecast.counts.series import read_counts

    series = [each for each in read_counts([*train, file]) if each.known_weeks >= least_weeks]
    since = after if after is not None else _default_split(train, file, series)
    results: list[dict[str, Any]] = []
    chosen = leads or LEADS
    with Progress(disable=as_json, transient=True) as progress:
        for lead in progress.track(chosen, description="judging"):
            results += _rows(judge(series, lead, since))
    body = {
        "model": MODEL,
        "version": VERSION,
        "citation": CITATION,
        "series": len(series),
        "judged_after": since,
        "scores": results,
    }
    if as_json:
        print_json(body)
        return
    click.echo(f"{len(series)} series, years after {since}; ranges: 95 % of block-bootstrap resamples")
    print_table(
        ["WEEKS AHEAD", "FORECASTER", "AUC", "BRIER", "SLOPE", "WEEKS"],
        [
            [
                str(row["lead_weeks"]),
                row["forecaster"],
                f"{row['auc']:.3f} ({row['auc_range'][0]:.3f} … {row['auc_range'][1]:.3f})",
                f"{row['brier']:.3f} ({row['brier_range'][0]:.3f} … {row['brier_range'][1]:.3f})",
                "" if row["slope"] is None else f"{row['slope']:.2f}",
                str(row["weeks"]),
            ]
            for row in results
        ],
    )


def _default_split(train: tuple[Path, ...], file: Path, series: list[Any]) -> int:
    from cloud.forecast.counts.series import read_counts

    if train:
        return min(int(each.years[0]) for each in read_counts([file])) - 1
    years = sorted({int(year) for each in series for year in each.years})
    if not years:
        raise click.UsageError("no series is long enough: lower --least-weeks or give more counts")
    return years[-1] - max(1, len(years) // 3)


def _rows(judged: Judged) -> list[dict[str, Any]]:
    from cloud.forecast.counts.scores import reliability, score

    said = {
        "model": score(judged.probability, judged),
        "climatology": score(judged.climatology, judged),
        "persistence": score(judged.persistence, judged, calibrates=False),
    }
    rows = [_row(name, judged, each) for name, each in said.items()]
    rows[0]["reliability"] = [
        {"said": low, "came": share, "weeks": weeks}
        for low, share, weeks in reliability(judged.probability, judged.came)
    ]
    reference = said["climatology"].brier
    for row in rows:
        row["skill_over_climatology"] = 1 - row["brier"] / reference
    return rows


def _row(name: str, judged: Judged, found: Score) -> dict[str, Any]:
    return {
        "lead_weeks": judged.lead_weeks,
        "forecaster": name,
        "weeks": len(judged.came),
        "events": int(judged.came.sum()),
        "auc": found.auc,
        "auc_range": list(found.auc_range),
        "brier": found.brier,
        "brier_range": list(found.brier_range),
        "slope": found.slope,
    }
