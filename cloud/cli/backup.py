"""`kega cloud backup`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cloud.cli.options import config_option, json_option, print_json


@click.command()
@config_option
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of backups."
)
@json_option
def backup(config: Path, out: Path, *, as_json: bool) -> None:
    """Copy store and registry while they are in use, each as it is at one moment, into a folder of its own.

    SQLite is copied here, PostgreSQL by pg_dump. An InfluxDB or VictoriaMetrics is backed up by its own tool:
    the command says which, and ends with 1.
    """
    from cloud.settings import load_settings, sqlite_file
    from cloud.transfer.backup import back_up_postgresql, back_up_sqlite
    from telemetry.cli import EXIT_PROBLEM

    settings = load_settings(config)
    folder = out / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder.mkdir(parents=True, mode=0o700)
    body: dict[str, Any] = {"folder": str(folder), "files": [], "not_copied": []}
    show = sys.stderr.isatty() and not as_json
    # the registry first: a device that the copy of the store knows is then in it or was born since
    for name, url in (("registry", settings.registry), ("store", settings.store)):
        source = sqlite_file(url)
        target = folder / f"{name}.{'db' if source is not None else 'dump'}"
        if source is not None:
            size = back_up_sqlite(source, target, _progress(name) if show else _quiet)
        elif url.startswith("postgresql"):
            size = back_up_postgresql(url, target)
        else:
            body["not_copied"].append({"what": name, "use": _tool(url)})
            continue
        body["files"].append({"what": name, "file": str(target), "bytes": size})
    if as_json:
        print_json(body)
    else:
        for each in body["files"]:
            click.echo(f"{each['what']}: {each['file']}, {each['bytes']} bytes")
        for each in body["not_copied"]:
            click.echo(f"{each['what']} is not copied here: {each['use']}", err=True)
    if body["not_copied"]:
        raise click.exceptions.Exit(EXIT_PROBLEM)


def _tool(url: str) -> str:
    if url.startswith("influx1"):
        return "influxd backup -portable DIR on the server"
    return (
        "influx backup DIR (2.x), a copy of the object store (3), or vmbackup (VictoriaMetrics) on the server"
    )


def _progress(name: str) -> Any:
    def tell(done: int, pages: int) -> None:
        click.echo(f"\r{name}: {100 * done // max(pages, 1)} %", nl=done >= pages, err=True)

    return tell


def _quiet(_done: int, _pages: int) -> None:
    """No terminal looks on."""
