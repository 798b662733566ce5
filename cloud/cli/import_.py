"""`kega cloud import`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cloud.cli.options import config_option, json_option, print_json, registry_of

if TYPE_CHECKING:
    from cloud.transfer.importing import Progress

_TELL_S: Final = 2.0


@click.command("import")
@config_option
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--format", "kind", type=click.Choice(["csv", "parquet", "lines"]), help="By the name if left out."
)
@click.option("--device", help="Of all rows, where the file does not name it.")
@click.option("--time-column", default="time", show_default=True)
@click.option("--zone", default="Asia/Ho_Chi_Minh", show_default=True, help="Of times that name none.")
@click.option(
    "--precision",
    type=click.Choice(["ns", "us", "ms", "s"]),
    default="ns",
    show_default=True,
    help="Of times in line protocol.",
)
@click.option("--map", "names", multiple=True, metavar="COLUMN=POINT", help="Rename; COLUMN= leaves it out.")
@click.option(
    "--again", is_flag=True, help="From the beginning, although it was loaded in part or as a whole."
)
@json_option
def import_(
    *,
    config: Path,
    files: tuple[Path, ...],
    kind: str | None,
    device: str | None,
    time_column: str,
    zone: str,
    precision: str,
    names: tuple[str, ...],
    again: bool,
    as_json: bool,
) -> None:
    """Load history from FILES: CSV, Parquet, or line protocol; `.gz` too, but for Parquet.

    A table has columns `time`, `device`, and either `field` and `value` (and `quality`), as `kega cloud store
    export` writes it, or a column for each point, named by field or metric. Values are checked as ingest
    checks them. A file that was stopped goes on where it was. Bad rows are kept beside the file, in
    FILE.rejected.csv, with their line and the reason; the exit code is then 1.
    """
    from zoneinfo import ZoneInfo

    from cloud.rollup.late import MarkingStore
    from cloud.settings import load_settings
    from cloud.store import open_store
    from cloud.transfer.importing import Importer, rejected_file
    from cloud.transfer.mapping import Mapper
    from cloud.transfer.sources import Format, Options
    from cloud.transfer.times import Precision
    from telemetry.cli import EXIT_PROBLEM
    from telemetry.clock import SystemClock
    from telemetry.devices.library import Library

    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise click.BadParameter(f"{zone!r} is no time zone", param_hint="--zone") from None
    options = Options(device, time_column, Precision(precision), zone, _renamed(names))
    clock = SystemClock()
    results: list[dict[str, object]] = []
    with registry_of(config) as registry:
        store = open_store(load_settings(config).store)
        try:
            mapper = Mapper(registry, Library.shipped().classes, clock.now_ms())
            for file in files:
                tell = _quiet if as_json else _Teller(file)
                importer = Importer(MarkingStore(store, registry, clock), mapper, tell)
                done = importer.run(file, Format(kind) if kind else Format.of(file), options, again=again)
                results.append(
                    {"file": str(file), "rows": done.rows, "values": done.values, "rejected": done.rejected}
                )
        finally:
            store.close()
    if as_json:
        print_json({"files": results})
    for each, file in zip(results, files, strict=True):
        if not as_json:
            click.echo(
                f"{file}: {each['rows']} rows, {each['values']} values stored, {each['rejected']} rejected"
            )
        if each["rejected"] and not as_json:
            click.echo(f"  why: {rejected_file(file)}", err=True)
    if any(each["rejected"] for each in results):
        raise click.exceptions.Exit(EXIT_PROBLEM)


def _renamed(names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in names:
        column, separator, point = each.partition("=")
        if not column or not separator:
            raise click.BadParameter(f"{each!r} is not COLUMN=POINT", param_hint="--map")
        found[column] = point
    return found


class _Teller:
    """Tells of the progress on a terminal's error output, not more often than it can be read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._next_s = 0.0

    def __call__(self, done: Progress) -> None:
        if time.monotonic() >= self._next_s and sys.stderr.isatty():
            self._next_s = time.monotonic() + _TELL_S
            click.echo(f"{self._file}: {done.rows} rows, {done.rejected} rejected", err=True)


def _quiet(_done: Progress) -> None:
    """For programs there is only the result."""
