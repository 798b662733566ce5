"""`kega edge read`: one instrument, once, with everything that tells why a reading is wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from edge.cli.targets import Target, TargetOptions, find_targets, target_options

if TYPE_CHECKING:
    from edge.bus.bench import Scan


@click.command()
@target_options
@click.option("-v", "--verbose", is_flag=True, help="Show the bytes as they travelled.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an instrument instead of a table.")
def read(options: TargetOptions, verbose: bool, as_json: bool) -> None:
    r"""Read POINTS (profile keys or metric names; all where none is given) and show them.

    \b
    kega edge read --config gateway.yaml --device sl-000001
    kega edge read --profile eastron_sdm120 --port /dev/ttyUSB0 --unit 1 voltage
    kega edge read --profile waveshare_relay8 --tcp 192.168.1.200:502

    Ends with 1 where a value is not good, with 3 where the instrument does not answer.
    """
    targets = find_targets(options)
    described = [each for target in targets for each in asyncio.run(scan_target(target))]
    if as_json:
        for each in described:
            click.echo(json.dumps(each, ensure_ascii=False))
    else:
        show(described, verbose=verbose)
    good = all(reading["quality"] == "good" for each in described for reading in each["readings"])
    if not good:
        click.get_current_context().exit(1)


async def scan_target(target: Target) -> list[dict[str, Any]]:
    """One scan of each instrument of a target, described. Raises `BusError`."""
    from edge.bus.bench import open_bench

    described: list[dict[str, Any]] = []
    async with open_bench(target.bus, target.instruments) as bench:
        for instrument in target.instruments:
            keys = target.keys(instrument)
            if keys:
                described.append(describe_scan(target, instrument, await bench.scan(instrument, keys)))
    return described


def describe_scan(target: Target, instrument: Any, scan: Scan) -> dict[str, Any]:
    """A scan as one object: points by key, readings with quality, frames."""
    from edge.cli.describe import describe
    from telemetry.clock import SystemClock

    time_ms = SystemClock().now_ms()
    order = {key: place for place, key in enumerate(instrument.profile.by_key)}
    points = sorted(scan.points, key=lambda point: order[point.key])
    return {
        "profile": instrument.profile.id,
        "device": instrument.device,
        "bus": target.bus.place,
        "unit": instrument.unit,
        "time_ms": time_ms,
        "took_ms": round((scan.ended - scan.started) * 1000, 1),
        "points": {point.key: point.value for point in points},
        "readings": describe(instrument, points, time_ms),
        "frames": [
            {"request": each.sent.hex(" ").upper(), "response": each.received.hex(" ").upper()}
            for each in scan.exchanges
        ],
    }


def show(described: list[dict[str, Any]], *, verbose: bool) -> None:
    """Tables on the screen, and the frames under them."""
    from rich.console import Console

    from edge.cli.tables import table_of

    console = Console()
    for each in described:
        title = (
            f"{each['device']}: {each['profile']} on {each['bus']} unit {each['unit']}, {each['took_ms']} ms"
        )
        console.print(table_of(title, each["readings"], verbose=verbose))
        for frame in each["frames"] if verbose else []:
            console.print(f"→ {frame['request']}\n← {frame['response']}", highlight=False)
