"""`kega edge spool`: look into a gateway's spool, bring history in, write its content out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edge.config import GatewayConfig

_CONFIG = click.option(
    "--config", "config_file", required=True, type=click.Path(path_type=Path), help="The gateway's YAML."
)


@click.group()
def spool() -> None:
    """Look into the store of unsent readings. The agent may be running meanwhile."""


def _spool_of(config_file: Path) -> tuple[GatewayConfig, Path]:
    from edge.config import load_gateway_config
    from edge.spool.schema import SPOOL_FILE

    config = load_gateway_config(config_file)
    return config, config.state_dir / SPOOL_FILE


@spool.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def status(config_file: Path, as_json: bool) -> None:
    """Say what waits, what was acknowledged, and what was dropped."""
    from edge.spool.transfer import spool_status

    config, file = _spool_of(config_file)
    found = {"gateway": config.gateway, "file": str(file), **spool_status(file)}
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    from datetime import UTC, datetime

    oldest = found["oldest_ms"]
    since = "" if oldest is None else datetime.fromtimestamp(oldest / 1000, UTC).isoformat(timespec="seconds")
    return [
        f"{found['file']}, epoch {found['epoch']}, {found['bytes_used'] / 1e6:.1f} MB",
        f"waiting       {found['depth']} batches, {found['waiting_readings']} readings"
        + (f", the oldest of {since}" if since else ""),
        f"committed     {found['committed']} readings",
        f"acknowledged  {found['acked']} readings ({found['kept_batches']} batches still readable)",
        f"dropped       {found['dropped']} readings, of which {found['thinned']} thinned out",
        f"without time  {found['without_time']} batches wait until the clock is known",
    ]


@spool.command("import")
@_CONFIG
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def import_(config_file: Path, file: Path, as_json: bool) -> None:
    """Bring the history in FILE into the spool; it goes out behind everything live.

    FILE is CSV (*.csv) or JSON lines with the columns time, device, metric, value and, if need be, quality.
    Ends with 1 where lines were refused.
    """
    from edge.decoding.binding import load_gateway
    from edge.definition import define_gateway
    from edge.spool.figures import SpoolLimits
    from edge.spool.history import ImportCount
    from edge.spool.schema import SPOOL_FILE
    from edge.spool.transfer import import_history
    from telemetry.clock import SystemClock
    from telemetry.devices.library import Library

    bound = load_gateway(config_file, Library.shipped())
    config = bound.config
    config.state_dir.mkdir(parents=True, exist_ok=True)
    shows = not as_json and sys.stderr.isatty()

    def progress(count: ImportCount) -> None:
        if shows:
            click.echo(f"\r{count.lines} lines, {count.readings} readings", nl=False)

    count = import_history(
        file,
        config.state_dir / SPOOL_FILE,
        SpoolLimits(config.spool.max_bytes, config.spool.max_age_days, config.spool.keep_stored_days),
        types={name: device.metrics for name, device in define_gateway(bound).devices.items()},
        now_ms=SystemClock().now_ms(),
        on_progress=progress,
    )
    found = {
        "lines": count.lines,
        "readings": count.readings,
        "batches": count.batches,
        "refused": count.refused,
        "problems": count.problems,
    }
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        if shows:
            click.echo()
        click.echo(f"{count.readings} readings in {count.batches} batches")
        for problem in count.problems:
            click.echo(problem, err=True)
        if count.refused:
            click.echo(f"{count.refused} of {count.lines} lines refused", err=True)
    if count.refused:
        click.get_current_context().exit(1)


@spool.command()
@_CONFIG
def export(config_file: Path) -> None:
    """Write every reading in the spool, waiting and kept, as JSON lines to standard output."""
    from edge.spool.transfer import export_readings

    _, file = _spool_of(config_file)
    for reading in export_readings(file):
        click.echo(json.dumps(reading, ensure_ascii=False))
