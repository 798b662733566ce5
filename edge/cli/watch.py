"""`kega edge watch`: an instrument again and again, as a live table or JSON lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import click

from edge.cli.read import describe_scan
from edge.cli.targets import Target, TargetOptions, find_targets, target_options


@click.command()
@target_options
@click.option(
    "--every", "every_s", type=click.FloatRange(0.05, 3600), default=1.0, help="Seconds between scans."
)
@click.option("--count", type=click.IntRange(1), help="End after so many scans.")
@click.option("-v", "--verbose", is_flag=True, help="Show the bytes of each value.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a scan.")
def watch(options: TargetOptions, every_s: float, count: int | None, verbose: bool, as_json: bool) -> None:
    """Read POINTS again and again until Ctrl-C; see `kega edge read` for how to name the instrument.

    An instrument that does not answer is shown as such and asked again.
    """
    targets = find_targets(options)
    if len(targets) != 1:
        raise click.UsageError("the device lies on several lines: watch one instrument with --profile")
    target = targets[0]
    work = _print_lines(target, every_s, count) if as_json else _show_live(target, every_s, count, verbose)
    asyncio.run(work)


async def _scans(target: Target, every_s: float, count: int | None) -> AsyncIterator[dict[str, Any]]:
    from edge.bus.bench import open_bench
    from edge.errors import BusError

    loop = asyncio.get_running_loop()
    made = 0
    async with open_bench(target.bus, target.instruments) as bench:
        while count is None or made < count:
            started = loop.time()
            for instrument in target.instruments:
                keys = target.keys(instrument)
                if not keys:
                    continue
                try:
                    yield describe_scan(target, instrument, await bench.scan(instrument, keys))
                except BusError as error:
                    if error.kind == "closed":
                        raise
                    yield {
                        "profile": instrument.profile.id,
                        "device": instrument.device,
                        "error": str(error),
                        "kind": error.kind,
                    }
            made += 1
            if count is None or made < count:
                await asyncio.sleep(max(0.0, started + every_s - loop.time()))


async def _print_lines(target: Target, every_s: float, count: int | None) -> None:
    async for each in _scans(target, every_s, count):
        click.echo(json.dumps(each, ensure_ascii=False))


async def _show_live(target: Target, every_s: float, count: int | None, verbose: bool) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from edge.cli.tables import table_of

    latest: dict[str, Any] = {}
    with Live(Text("…"), auto_refresh=False) as live:
        async for each in _scans(target, every_s, count):
            name = f"{each['device']}/{each['profile']}"
            if "error" in each:
                latest[name] = Text(f"{name}: {each['error']}", style="red")
            else:
                title = f"{name} on {each['bus']} unit {each['unit']}, {each['took_ms']} ms"
                latest[name] = table_of(title, each["readings"], verbose=verbose)
            live.update(Group(*latest.values()), refresh=True)
