"""`kega edge plan`: what a configuration asks of its lines, before anything runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from rich.console import Console

    from edge.bus.forecast import BusForecast, JobForecast

CROWDED: Final = 0.5
"""From here on it is said what would help."""


@click.command()
@click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="Gateway configuration."
)
@click.option("--explain", is_flag=True, help="Say why addresses are read along or not, and what would help.")
@click.option(
    "--turnaround",
    "turnaround_ms",
    type=click.FloatRange(0, 10_000),
    help="Milliseconds until an instrument answers, where the agent has not measured it yet.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def plan(file: Path, explain: bool, turnaround_ms: float | None, as_json: bool) -> None:
    r"""Show the requests of each Modbus line, the time that they take, and whether the periods can be kept.

    Uses what the agent has measured and learned so far, where its state folder has something. Ends with 1
    where a line is asked for more than it can carry.

    \b
    kega edge plan --config /etc/kega/gateway.yaml
    kega edge plan --config gateway.yaml --explain --turnaround 50
    """
    from edge.bus.forecast import forecast
    from edge.bus.learned_file import LEARNED_FILE, LearnedFile
    from edge.decoding.binding import load_gateway
    from telemetry.devices.library import Library

    gateway = load_gateway(file, Library.shipped())
    learned = LearnedFile(gateway.config.state_dir / LEARNED_FILE)
    turnaround_s = None if turnaround_ms is None else turnaround_ms / 1000
    buses = forecast(gateway, learned, turnaround_s)
    if as_json:
        click.echo(json.dumps({"buses": [_as_object(bus) for bus in buses]}, ensure_ascii=False))
    else:
        from rich.console import Console

        console = Console(highlight=False)
        for bus in buses:
            _show(console, bus, explain=explain)
        if not buses:
            console.print("no Modbus line in this configuration: nothing to plan")
    if not all(bus.fits for bus in buses):
        click.get_current_context().exit(1)


def _as_object(bus: BusForecast) -> dict[str, Any]:
    content = asdict(bus)
    content["utilisation"] = round(bus.utilisation, 4)
    content["shortest_period_s"] = round(bus.shortest_period_s, 4)
    content["fits"] = bus.fits
    for remedy in content["remedies"]:
        remedy["utilisation"] = round(remedy["utilisation"], 4)
    return content


def _show(console: Console, bus: BusForecast, *, explain: bool) -> None:
    from rich.table import Table

    speed = f" {bus.baud} baud" if bus.baud is not None else ""
    colour = "green" if bus.fits else "red"
    console.print(f"[bold]{bus.id}[/]: {bus.kind} {bus.place}{speed}")
    table = Table("unit", "every", "function", "addresses", "points", "bytes out/in", "ms")
    for job in bus.jobs:
        for block in job.blocks:
            table.add_row(
                str(block.unit),
                f"{job.period_s:g} s",
                str(block.function),
                f"{block.address}-{block.address + block.count - 1} ({block.count})",
                _named(block.points),
                f"{block.bytes_out}/{block.bytes_in}",
                f"{block.ms:.1f}",
            )
    console.print(table)
    console.print(
        f"[{colour}]{bus.utilisation:.0%}[/] of the line's time is asked for; "
        f"everything can be read every {bus.shortest_period_s:.3g} s at best"
    )
    if not bus.fits:
        console.print("[red]The periods cannot be kept[/]: scans will be left out, evenly.")
    for job in bus.jobs if explain else ():
        _explain(console, job)
    for remedy in bus.remedies if bus.utilisation > CROWDED else ():
        console.print(f"  with {remedy.what}: {remedy.utilisation:.0%}")
    console.print()


def _explain(console: Console, job: JobForecast) -> None:
    measured = "not measured yet" if job.turnaround_ms is None else f"measured {job.turnaround_ms:g} ms"
    console.print(
        f"  unit {job.unit} ({', '.join(job.devices)}) every {job.period_s:g} s; turnaround {measured}"
    )
    if job.refused:
        console.print(
            f"    refused before, left out until tried again: {', '.join(job.refused)}", soft_wrap=True
        )
    for reason in job.reasons:
        verb = "read along" if reason.read_along else "not read along"
        between = f"{reason.low}-{reason.high}" if reason.high >= reason.low else f"at {reason.low}"
        console.print(f"    function {reason.function}, {between} {verb}: {reason.why}", soft_wrap=True)


def _named(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "")
