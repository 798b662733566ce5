"""`kega edge run`: the agent in the foreground, for a service manager."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--config", "file", required=True, type=click.Path(path_type=Path), help="The gateway's YAML.")
@click.option("--log-json", is_flag=True, help="Log one JSON object a line.")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
def run(file: Path, log_json: bool, log_level: str) -> None:
    """Run the agent of the gateway that --config describes; SIGTERM or Ctrl-C ends it without loss.

    SIGHUP reads the file anew: it is checked, tried, and given back if it does not prove itself.
    """
    import asyncio
    import signal

    from edge.process import run_agent
    from telemetry.logs import configure_logging

    configure_logging(log_level, as_json=log_json)

    async def main() -> None:
        stopping = asyncio.Event()
        reloading = asyncio.Event()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, reloading.set)
        await run_agent(file, stopping, reloading)

    asyncio.run(main())
