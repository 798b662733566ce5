"""`kega demo`: a small province on this machine."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simulators.demo.province import Province


@click.command()
@click.option("--port", envvar="KEGA_PORT", default=8080, show_default=True, help="Port of the console.")
@click.option("--seconds", envvar="KEGA_DEMO_SECONDS", type=float, help="End by itself after so long.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@click.option("--seed", default=1, show_default=True, help="Another seed is another province.")
@click.option("--store", help="Store of the readings, such as influx1://127.0.0.1:8086/kega; else SQLite.")
@click.option("--json", "as_json", is_flag=True, help="Print status and summary as JSON lines.")
def demo(  # noqa: PLR0917, click passes by name
    port: int, seconds: float | None, folder: Path, seed: int, store: str | None, as_json: bool
) -> int:
    """Run broker, devices, gateways, cloud and console on this machine; Ctrl-C ends it.

    Everything lives below --folder, which is emptied first. Ends with 0 if no reading was lost.
    """
    from simulators.demo.processes import end_on_signals
    from simulators.demo.province import Province

    end_on_signals()
    province = Province(folder.resolve(), port, seed, store=store)
    try:
        try:
            province.start(lambda text: click.echo(f"starting {text}", err=True))
            click.echo(f"Console, already logged in (for this demo only): {province.link}", err=as_json)
            _watch(province, seconds, as_json=as_json)
        except KeyboardInterrupt:
            pass
        click.echo("ending: gateways hand over what they hold …", err=True)
        summary = province.end()
    finally:
        province.children.end_all()
    click.echo(json.dumps(summary.as_dict()) if as_json else summary.text())
    return 0 if summary.lost == 0 else 1


def _watch(province: Province, seconds: float | None, *, as_json: bool) -> None:
    if sys.stdout.isatty() and not as_json:
        from rich.live import Live

        with Live(refresh_per_second=2) as live:
            while seconds is None or province.seconds < seconds:
                live.update(province.step().table(province.link))
                time.sleep(1)
        return
    while seconds is None or province.seconds < seconds:
        status = province.step()
        if as_json:
            click.echo(json.dumps({name: getattr(status, name) for name in status.__slots__}))
        else:
            click.echo(status.line())
        time.sleep(2)
