"""Doubts about weather as the forecast commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cloud.forecast.weather.flags import Flag


def flag_rows(flags: list[Flag]) -> list[dict[str, Any]]:
    """For `--json`."""
    return [
        {
            "doubt": flag.doubt.value,
            "what": flag.what,
            "count": flag.count,
            "since": flag.since,
            "text": {"vi": flag.text.vi, "en": flag.text.en},
        }
        for flag in flags
    ]


def warn(flags: list[Flag]) -> None:
    """For people."""
    for flag in flags:
        click.echo(f"Warning: {flag.text.en}", err=True)
