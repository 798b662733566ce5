"""`kega edge config check`: everything that is wrong with a configuration, with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.group()
def config() -> None:
    """Check a gateway's configuration, and say whose it takes."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def check(file: Path, as_json: bool) -> None:
    """Check FILE against the classes and profiles that are installed. Ends with 1 where it is wrong."""
    from edge.decoding.binding import BoundGateway, load_gateway
    from telemetry.devices.library import Library
    from telemetry.errors import ConfigError

    gateway: BoundGateway | None = None
    problems: list[dict[str, Any]] = []
    try:
        gateway = load_gateway(file, Library.shipped())
    except ConfigError as error:
        problems = [
            {"file": str(error.file), "line": each.line, "field": each.field, "cause": each.cause}
            for each in error.problems
        ]
        if not as_json:
            click.echo(str(error))
    summary = _summary(gateway) if gateway is not None else None
    if as_json:
        result = {"ok": not problems, "problems": problems, "summary": summary}
        click.echo(json.dumps(result, ensure_ascii=False))
    elif summary is not None:
        click.echo(
            f"{file}: ok. Gateway {summary['gateway']}: {summary['devices']} devices, "
            f"{summary['points']} points ({summary['writable']} writable), {summary['instruments']} "
            f"instruments on {len(summary['buses'])} buses"
        )
        for bus in summary["buses"]:
            click.echo(f"  {bus['id']}: {bus['kind']} {bus['place']}, {bus['instruments']} instruments")
    else:
        click.echo(f"{len(problems)} problem(s): correct them and check again", err=True)
    if problems:
        click.get_current_context().exit(1)


@config.command()
@click.argument("key")
@click.option("--config", "file", required=True, type=click.Path(path_type=Path), help="The gateway's YAML.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def trust(key: str, file: Path, as_json: bool) -> None:
    """Take configurations that KEY signed: one line, as `kega cloud config keygen` prints it."""
    from edge.configuration.ledger import Ledger, read_text, write_whole
    from edge.process import find_state_dir
    from telemetry.devices.library import Library
    from telemetry.signing import key_id, parse_public_line, read_trusted

    try:
        name = key_id(parse_public_line(key))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="KEY") from None
    trusted = Ledger(find_state_dir(file, Library.shipped())).trusted
    if name not in read_trusted(trusted):
        write_whole(trusted, f"{read_text(trusted) or ''}{key.strip()}\n")
    if as_json:
        click.echo(json.dumps({"trusted": sorted(read_trusted(trusted)), "file": str(trusted)}))
    else:
        click.echo(f"{trusted}: trusts {', '.join(sorted(read_trusted(trusted)))}")


def _summary(gateway: Any) -> dict[str, Any]:
    return {
        "gateway": gateway.config.gateway,
        "area": gateway.config.area,
        "devices": len(gateway.devices),
        "instruments": sum(len(device.instruments) for device in gateway.devices),
        "points": sum(len(device.points) for device in gateway.devices),
        "writable": sum(len(device.writable) for device in gateway.devices),
        "buses": [
            {
                "id": bus.id,
                "kind": bus.kind,
                "place": bus.place,
                "instruments": len(gateway.on_bus(bus.id)),
            }
            for bus in gateway.config.buses
        ],
    }
