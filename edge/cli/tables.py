"""Described points as a table on a technician's screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from edge.cli.describe import shown


def table_of(title: str, described: Sequence[dict[str, Any]], *, verbose: bool = False) -> Table:
    """A table for a technician's screen."""
    table = Table(title=title, title_justify="left")
    for name in ("point", "value", "quality", "metric", "as metric", *(("raw",) if verbose else ())):
        table.add_column(name)
    for each in described:
        meaning = f" ({each['meaning']})" if each.get("meaning") else ""
        cells = [
            each["key"],
            f"{shown(each['value'])} {each['unit']}".strip() + meaning,
            _colour(each["quality"]) + (f" {each['reason']}" if each["reason"] else ""),
        ]
        targets = [*([each["canonical"]] if each["canonical"] else []), *each.get("also", [])]
        cells.append("\n".join(target["metric"] for target in targets))
        cells.append("\n".join(_target(target, each) for target in targets))
        table.add_row(*cells, *((each.get("raw", ""),) if verbose else ()))
    return table


def _target(target: dict[str, Any], source: dict[str, Any]) -> str:
    unit = "" if target["unit"] == "1" else f" {target['unit']}"
    text = f"{shown(target['value'])}{unit}"
    if target["quality"] != source["quality"]:
        text += f" {_colour(target['quality'])} {target['reason']}"
    return text


def _colour(quality: str) -> str:
    return f"[{'green' if quality == 'good' else 'red'}]{quality}[/]"
