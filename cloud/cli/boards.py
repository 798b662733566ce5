"""`kega cloud boards`: Grafana boards, written as files or brought to a running Grafana."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cloud.boards.source import DataSource

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def boards() -> None:
    """Grafana boards for every class of device (docs/boards.md).

    Needs the extra kega[grafana], in an environment of its own.
    """


def _common(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object."),
        click.option("--lang", type=click.Choice(["vi", "en"]), default="vi", show_default=True),
        click.option(
            "--store-url", metavar="URL", help="The `store` of the cloud's settings: adds the data source."
        ),
    ):
        command = option(command)
    return command


@boards.command()
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--grafana-folder", metavar="DIR", help="Where Grafana will find the boards.")
@_common
def write(out: Path, grafana_folder: str | None, store_url: str | None, lang: str, *, as_json: bool) -> None:
    """Write boards and provisioning files below DIR."""
    from cloud.boards.files import GRAFANA_FOLDER, write_files
    from telemetry.devices.library import Library

    written = write_files(
        out, Library.shipped().classes, lang, _source(store_url), grafana_folder or GRAFANA_FOLDER
    )
    if as_json:
        click.echo(json.dumps({"files": [str(file) for file in written]}, ensure_ascii=False))
        return
    for file in written:
        click.echo(str(file))


@boards.command()
@click.option("--url", required=True, metavar="URL", help="Grafana, such as https://grafana.example.vn")
@click.option("--token-file", required=True, type=_FILE, help="A service account's token.")
@click.option("--secret-file", type=_FILE, help="The store's password or token, for the data source.")
@_common
def push(
    url: str, token_file: Path, secret_file: Path | None, store_url: str | None, lang: str, *, as_json: bool
) -> None:
    """Bring folder, data source and boards to a running Grafana."""
    from cloud.boards.files import rendered
    from cloud.boards.publish import publish
    from telemetry.devices.library import Library

    source = _source(store_url)
    secret = _secret(secret_file) if secret_file is not None else None
    if source is not None and source.secret_variable and secret is None:
        raise click.UsageError("the store asks for a password or token: give it with --secret-file")
    done = publish(url, _secret(token_file), rendered(Library.shipped().classes, lang), source, secret)
    if as_json:
        click.echo(json.dumps({"done": done}, ensure_ascii=False))
        return
    for line in done:
        click.echo(line)


def _source(store_url: str | None) -> DataSource | None:
    from cloud.boards.source import data_source

    return None if store_url is None else data_source(store_url)


def _secret(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()
