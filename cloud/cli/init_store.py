"""`kega cloud init-store`."""

from __future__ import annotations

from pathlib import Path

import click

from cloud.cli.options import config_option, json_option, print_json, print_table


@click.command("init-store")
@config_option
@json_option
def init_store(config: Path, *, as_json: bool) -> None:
    """Make databases or buckets, mappings and retention of the time-series store.

    What answers is found out first: SQLite, InfluxDB 1.x, 2.x or 3, VictoriaMetrics. How long things are kept
    is in the settings, under `retention`. Safe to run again: what is as wanted stays as it is. Exit code 1 if
    something is not as wanted and only a person can change it.
    """
    from cloud.settings import load_settings, prepare_folders
    from cloud.store.setup import Did, set_up
    from telemetry.cli import EXIT_PROBLEM

    settings = load_settings(config)
    prepare_folders(settings)
    ready = set_up(settings.store, settings.retention.to_retention())
    if as_json:
        steps = [{"what": each.what, "did": each.did, "detail": each.detail} for each in ready.steps]
        print_json({"server": ready.server, "steps": steps})
    else:
        click.echo(f"store: {ready.server}")
        print_table(["WHAT", "DID", ""], [[each.what, each.did.value, each.detail] for each in ready.steps])
    if any(each.did is Did.LEFT for each in ready.steps):
        raise click.exceptions.Exit(EXIT_PROBLEM)
