"""`kega cloud run`."""

from __future__ import annotations

from pathlib import Path

import click

from cloud.cli.options import config_option

_PARTS = ("supervisor", "ingest", "api", "rollup")


@click.command()
@config_option
@click.option(
    "--only",
    default=",".join(_PARTS),
    show_default=True,
    help="Roles of this process, separated by commas; for isolation run several processes.",
)
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Instead of metrics.port.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--log-json", is_flag=True, help="Log one JSON object a line.")
def run(config: Path, only: str, metrics_port: int | None, log_level: str, *, log_json: bool) -> None:
    """Run the cloud tier until SIGTERM or Ctrl-C.

    At the first start of the api role the password of the user `admin` is printed, once, to standard output.
    """
    parts = [part.strip() for part in only.split(",") if part.strip()]
    unknown = [part for part in parts if part not in _PARTS]
    if unknown or not parts:
        raise click.BadParameter(
            f"{', '.join(unknown) or 'nothing'} is no role: use some of {', '.join(_PARTS)}",
            param_hint="--only",
        )
    import asyncio
    import logging

    from cloud.run import Part, run_cloud
    from cloud.settings import load_settings
    from telemetry.logs import configure_logging

    settings = load_settings(config).with_metrics_port(metrics_port)
    configure_logging(log_level, as_json=log_json)
    # It tells of each of its plug-ins; a migration itself is told by the registry's version.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    wanted = dict.fromkeys(Part(part) for part in parts)
    asyncio.run(run_cloud(settings, wanted, tell=click.echo))
