"""`kega cloud ingest`."""

from __future__ import annotations

from pathlib import Path

import click

from cloud.cli.options import config_option

_SHARE = "ingest"
"""Name of the share where several workers are asked for and the settings name none."""


@click.command()
@config_option
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that share the work.",
)
@click.option("--of-crew", is_flag=True, hidden=True, help="Set by the crew for its workers.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Instead of metrics.port.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--log-json", is_flag=True, help="Log one JSON object a line.")
def ingest(
    config: Path, workers: int, metrics_port: int | None, log_level: str, *, of_crew: bool, log_json: bool
) -> None:
    """Receive, check, store and acknowledge, until SIGTERM or Ctrl-C.

    With several workers the data is shared among them: by a shared subscription ($share, MQTT), or as one
    queue group (NATS). A worker that dies is started again. The first answers Prometheus at the metrics port,
    the second at the next, and so on.
    """
    import asyncio

    from cloud.settings import load_settings
    from telemetry.logs import configure_logging

    settings = load_settings(config).with_metrics_port(metrics_port)
    configure_logging(log_level, as_json=log_json)
    if workers > 1:
        from cloud.ingest.crew import run_crew

        command = ["-m", "telemetry", "cloud", "ingest", "--of-crew", "--config", str(config)]
        command += ["--log-level", log_level, *(["--log-json"] if log_json else [])]
        asyncio.run(run_crew(command, workers, settings.metrics.port))
        return

    from cloud.run import Part, run_cloud

    if of_crew and settings.ingest.shared_subscription is None:
        shared = settings.ingest.model_copy(update={"shared_subscription": _SHARE})
        settings = settings.model_copy(update={"ingest": shared})

    async def work() -> None:
        if of_crew:
            from cloud.ingest.crew import end_with_parent

            watching = asyncio.create_task(end_with_parent())
            try:
                await run_cloud(settings, [Part.INGEST], tell=click.echo)
            finally:
                watching.cancel()
        else:
            await run_cloud(settings, [Part.INGEST], tell=click.echo)

    asyncio.run(work())
