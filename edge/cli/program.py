"""`kega edge program show`: when which lamps switch, in local time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edge.programs.plan import Plan


@click.group()
def program() -> None:
    """Look at the lighting programs of a gateway."""


@program.command()
@click.option("--config", "file", required=True, type=click.Path(path_type=Path), help="The gateway's YAML.")
@click.option("--days", default=7, type=click.IntRange(1, 400), help="How many nights, from --from on.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First night; today's otherwise.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def show(file: Path, days: int, first: Any, as_json: bool) -> None:
    """Show the switching times of --config's programs. A night goes from noon to noon."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from edge.decoding.binding import load_gateway
    from edge.programs.plan import plans_of
    from telemetry.devices.library import Library

    gateway = load_gateway(file, Library.shipped())
    zone = ZoneInfo(gateway.config.time_zone)
    begin = datetime.now(zone).date() if first is None else first.date()
    found = [
        {
            "id": plan.program.id,
            "title": plan.program.title.model_dump() if plan.program.title else None,
            "lamps": [lamp.device for lamp in plan.lamps],
            "delay_s": plan.offset_ms / 1000,
            "safe_level": plan.program.safe_level,
            "switches": [
                {
                    "night": each.night.isoformat(),
                    "at": datetime.fromtimestamp((each.at_ms + plan.offset_ms) / 1000, zone).isoformat(),
                    "at_ms": each.at_ms + plan.offset_ms,
                    "level": each.level,
                    "step": each.step,
                }
                for each in plan.schedule.switches(begin, days)
            ],
        }
        for plan in plans_of(gateway.config, gateway.by_id)
    ]
    if as_json:
        click.echo(
            json.dumps(
                {"gateway": gateway.config.gateway, "time_zone": gateway.config.time_zone, "programs": found},
                ensure_ascii=False,
            )
        )
        return
    if not found:
        click.echo(f"{file}: no programs / chưa có chương trình")
    for plan, each in zip(plans_of(gateway.config, gateway.by_id), found, strict=True):
        _print(plan, each, gateway.config.time_zone)


def _print(plan: Plan, found: dict[str, Any], zone: str) -> None:
    title = plan.program.title
    words = f": {title.vi} / {title.en}" if title else ""
    click.echo(f"{plan.program.id}{words} ({len(plan.lamps)} đèn / lamps, {zone})")
    night = ""
    for each in found["switches"]:
        if each["night"] != night:
            night = each["night"]
            click.echo(f"  {night}")
        click.echo(f"    {each['at'][:10]} {each['at'][11:19]}  {each['level']:>3} %  {each['step']}")
    sensor = plan.program.light_sensor
    fall_back = f"{sensor.device} {sensor.point}, " if sensor else ""
    level = plan.program.safe_level
    safe = "giữ nguyên / as they are" if level == "hold" else f"{level} %"
    click.echo(f"  không rõ giờ / time unknown: {fall_back}{safe}")
