"""`kega cloud`: the cloud tier's services and their administration."""

from __future__ import annotations

from typing import Final

import click

from telemetry.cli import LazyGroup

_COMMANDS: Final = {
    "run": ("cloud.cli.run:run", "Run the services."),
    "ingest": ("cloud.cli.ingest:ingest", "Run ingest workers."),
    "init": ("cloud.cli.init:init", "Check the settings, make folders and database and the first user."),
    "token": ("cloud.cli.token:token", "Tokens for scripts and links."),
    "user": ("cloud.cli.user:user", "People who may log in."),
    "config": ("cloud.cli.config:config_", "Configurations of gateways."),
    "boards": ("cloud.cli.boards:boards", "Grafana boards."),
    "dead-letters": ("cloud.cli.dead_letters:dead_letters", "Messages that could not be stored."),
    "store": ("cloud.cli.store:store", "The time-series store."),
    "init-store": ("cloud.cli.init_store:init_store", "Make databases, buckets and retention of the store."),
    "backup": ("cloud.cli.backup:backup", "Copy store and registry while they are in use."),
    "import": ("cloud.cli.import_:import_", "Load history from files."),
    "forecast": ("cloud.cli.forecast:forecast", "Pest and disease models."),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def cloud() -> None:
    """The cloud tier: host, ingest, API and console; accounts and stores."""
