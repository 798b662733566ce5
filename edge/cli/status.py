"""`kega edge status`: what the agent on this machine says of itself, with or without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--config", "file", required=True, type=click.Path(path_type=Path), help="The gateway's YAML.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def status(file: Path, as_json: bool) -> None:
    """Show health, buses, spool and configuration of the running agent. Ends with 1 where it is stuck."""
    from edge.process import find_state_dir
    from edge.supervision.status import ask_status
    from telemetry.devices.library import Library

    told = ask_status(find_state_dir(file, Library.shipped()))
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(told)))
    if told["stuck"]:
        click.get_current_context().exit(1)


def _lines(told: dict[str, Any]) -> list[str]:
    time = datetime.fromtimestamp(told["time_ms"] / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    online = "kết nối với máy chủ / online" if told["online"] else "mất kết nối / offline"
    lines = [f"{told['gateway']}: {online}, {time}"]
    if told["stuck"]:
        lines.append(f"kẹt / stuck: {told['stuck']}")
    if told["spool"] is not None:
        spool = told["spool"]
        lines.append(f"hàng đợi / spool: {spool['depth']} batches wait, {spool['dropped']} readings dropped")
    lines += [f"{name}: {task['doing']}" for name, task in told["tasks"].items()]
    width = max((len(each["name"]) for each in told["figures"]), default=0)
    return lines + [
        f"{each['name']:<{width}}  {_value(each['value'])} {each['unit']}".rstrip()
        for each in told["figures"]
        if each["value"] not in (None, "")
    ]


def _value(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
