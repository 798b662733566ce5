"""`kega cloud store`: what the time-series store holds."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from cloud.cli.options import config_option, json_option, print_json, print_table

if TYPE_CHECKING:
    from cloud.store.port import Sample, Store

Command = TypeVar("Command", bound=Callable[..., Any])

_PAGE: Final = 50_000
_COLUMNS: Final = ("time", "device", "field", "value", "quality")


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
    with _store_of(config) as opened:
        found = opened.latest(devices or None)
    if as_json:
        told = {
            device: {name: _told(each) for name, each in fields.items()} for device, fields in found.items()
        }
        print_json(told)
        return
    rows = [
        [device, name, str(sample.value), _date(sample.time_ms), sample.quality.name.lower()]
        for device, fields in sorted(found.items())
        for name, sample in sorted(fields.items())
    ]
    print_table(["DEVICE", "FIELD", "VALUE", "TIME", "QUALITY"], rows)


@store.command()
@config_option
@_range_options
@_device_option
@click.option(
    "--out",
    type=click.File("w", encoding="utf-8", lazy=False),
    default="-",
    help="File, or - for the screen.",
)
@json_option
def export(
    config: Path, from_: str, to_: str, devices: tuple[str, ...], out: TextIO, *, as_json: bool
) -> None:
    """Write the values of a time range as CSV, or with --json as one JSON object a line."""
    start_ms, end_ms = _range(from_, to_)
    with _store_of(config) as opened:
        rows = _rows(opened, devices, start_ms, end_ms)
        written = _write_json(out, rows) if as_json else _write_csv(out, rows)
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


def _rows(
    opened: Store, devices: Sequence[str], start_ms: int, end_ms: int
) -> Iterator[tuple[str, str, Sample]]:
    """All samples of the range, a page at a time: memory stays bounded whatever the range."""
    for device, fields in sorted(opened.latest(devices or None).items()):
        for name in sorted(fields):
            begin = start_ms
            while True:
                page = opened.series(device, name, begin, end_ms, limit=_PAGE)
                for sample in page:
                    yield device, name, sample
                if len(page) < _PAGE:
                    break
                begin = page[-1].time_ms + 1


def _write_csv(target: TextIO, rows: Iterator[tuple[str, str, Sample]]) -> int:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(_COLUMNS)
    written = 0
    for device, name, sample in rows:
        value = "" if sample.value is None else sample.value
        writer.writerow([_date(sample.time_ms), device, name, value, sample.quality.name.lower()])
        written += 1
    return written


def _write_json(target: TextIO, rows: Iterator[tuple[str, str, Sample]]) -> int:
    written = 0
    for device, name, sample in rows:
        print(json.dumps({"device": device, "field": name, **_told(sample)}, ensure_ascii=False), file=target)
        written += 1
    return written


def _told(sample: Sample) -> dict[str, Any]:
    return {"time_ms": sample.time_ms, "value": sample.value, "quality": sample.quality.name.lower()}


def _date(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"
