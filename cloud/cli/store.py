"""`kega cloud store`: what the time-series store holds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cloud.cli.options import config_option, json_option, print_json, print_table

if TYPE_CHECKING:
    from cloud.store.port import Store

Command = TypeVar("Command", bound=Callable[..., Any])


def _range_options(command: Command) -> Command:
    for name, default in (("--to", "now"), ("--from", "-24h")):
        command = click.option(
            name,
            f"{name[2:]}_",
            default=default,
            show_default=True,
            help="UTC ms, ISO 8601 with zone, or back from now (-7d).",
        )(command)
    return command


def _device_option(command: Command) -> Command:
    return click.option(
        "--device", "devices", multiple=True, help="Of this device only; may be given several times."
    )(command)


@click.group()
def store() -> None:
    """The time-series store: count, newest values, export."""


@store.command()
@config_option
@_range_options
@_device_option
@json_option
def count(config: Path, from_: str, to_: str, devices: tuple[str, ...], *, as_json: bool) -> None:
    """Count the stored values of a time range."""
    start_ms, end_ms = _range(from_, to_)
    with _store_of(config) as opened:
        values = opened.count(start_ms, end_ms, devices or None)
    if as_json:
        print_json({"from_ms": start_ms, "to_ms": end_ms, "values": values})
    else:
        click.echo(values)


@store.command()
@config_option
@_device_option
@json_option
def latest(config: Path, devices: tuple[str, ...], *, as_json: bool) -> None:
    """Show the newest value of every field."""
    from cloud.transfer.exporting import iso, told

    with _store_of(config) as opened:
        found = opened.latest(devices or None)
    if as_json:
        body = {
            device: {name: told(each) for name, each in fields.items()} for device, fields in found.items()
        }
        print_json(body)
        return
    rows = [
        [device, name, str(sample.value), iso(sample.time_ms), sample.quality.name.lower()]
        for device, fields in sorted(found.items())
        for name, sample in sorted(fields.items())
    ]
    print_table(["DEVICE", "FIELD", "VALUE", "TIME", "QUALITY"], rows)


@store.command()
@config_option
@_range_options
@_device_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File; the screen if left out.")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "json", "parquet"]), help="By the name if left out."
)
@json_option
def export(
    *,
    config: Path,
    from_: str,
    to_: str,
    devices: tuple[str, ...],
    out: Path | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """Write the values of a time range: CSV, one JSON object a line (--json), or Parquet.

    `kega cloud import` reads CSV and Parquet back.
    """
    from cloud.transfer.errors import FileUnreadable
    from cloud.transfer.exporting import samples_of, write_csv, write_json_lines, write_parquet

    start_ms, end_ms = _range(from_, to_)
    kind = kind or ("json" if as_json else "parquet" if out and out.suffix == ".parquet" else "csv")
    if kind == "parquet" and out is None:
        raise click.UsageError("Parquet needs a file: --out FILE.parquet")
    with _store_of(config) as opened:
        rows = samples_of(opened, devices, start_ms, end_ms)
        if kind == "parquet" and out is not None:
            written = write_parquet(out, rows)
        else:
            write = write_json_lines if kind == "json" else write_csv
            try:
                with click.open_file(str(out or "-"), "w", encoding="utf-8") as target:
                    written = write(target, rows)
            except OSError as error:
                raise FileUnreadable(f"{out} cannot be written: {error.strerror}") from error
    click.echo(f"{written} values", err=True)


@contextlib.contextmanager
def _store_of(config: Path) -> Iterator[Store]:
    from cloud.settings import load_settings
    from cloud.store import open_store

    opened = open_store(load_settings(config).store)
    try:
        yield opened
    finally:
        opened.close()


def _range(from_: str, to_: str) -> tuple[int, int]:
    from cloud.api.errors import Invalid
    from cloud.api.times import parse_time
    from telemetry.clock import SystemClock

    now_ms = SystemClock().now_ms()
    try:
        return parse_time(from_, "--from", now_ms), parse_time(to_, "--to", now_ms)
    except Invalid as error:
        raise click.UsageError(f"{error}: {error.next_step}") from error
