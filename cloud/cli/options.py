"""What the commands of `kega cloud` share: the settings option, and the registry that it names."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from cloud.registry.database import SqlRegistry

Command = TypeVar("Command", bound=Callable[..., Any])

ISSUER: Final = "cli"
"""Who did it, for the audit trail: somebody with a shell on the server."""


def config_option(command: Command) -> Command:
    """Option `--config FILE`, also from KEGA_CLOUD_CONFIG."""
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path),
        default=Path("/etc/kega/cloud.yaml"),
        envvar="KEGA_CLOUD_CONFIG",
        show_default=True,
        show_envvar=True,
        help="Settings of the cloud tier.",
    )(command)


def json_option(command: Command) -> Command:
    """Option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


@contextlib.contextmanager
def registry_of(config: Path) -> Iterator[SqlRegistry]:
    """The registry that the settings in `config` name. Raises SettingsError or RegistryUnavailable."""
    from cloud.registry.database import open_registry
    from cloud.settings import load_settings, prepare_folders

    settings = load_settings(config)
    prepare_folders(settings)
    registry = open_registry(settings.registry)
    try:
        yield registry
    finally:
        registry.close()


def print_json(body: Any) -> None:
    """Print `body` as one JSON document."""
    click.echo(json.dumps(body, ensure_ascii=False, indent=2))


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Print rows under their columns, each as wide as it needs."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for line in [columns, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
