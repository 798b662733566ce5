"""Finding the lines that a server refuses among many that it takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import orjson

Item = TypeVar("Item")

_DROPPED: Final = re.compile(r"dropped=(\d+)\s*$")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a server did not take everything. Empty where it did."""

    reason: str = ""
    dropped: int | None = None
    """How many lines it left out, where it tells."""
    lines: Mapping[int, str] = field(default_factory=dict)
    """Which ones, counted from 0, and why, where it tells (InfluxDB 3)."""


def refusal_of(body: bytes) -> Refusal:
    """What a server's answer with status 400, 413 or 422 says."""
    text = body.decode(errors="replace")
    lines: dict[int, str] = {}
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    if isinstance(told, dict):
        text = str(told.get("error") or told.get("message") or text)
        data = told.get("data")
        for each in data if isinstance(data, list) else ():
            if isinstance(each, dict) and isinstance(each.get("line_number"), int):
                lines[each["line_number"] - 1] = str(each.get("error_message", text))[:500]
    dropped = _DROPPED.search(text)
    return Refusal(text.strip()[:500] or "refused", int(dropped[1]) if dropped else None, lines)


def write_all(
    items: Sequence[Item],
    write: Callable[[Sequence[Item]], Refusal],
    time_of: Callable[[Item], int],
) -> Iterator[tuple[Item, str]]:
    """Write `items`; yields those that are refused, with the reason.

    Because writing twice does no harm, a refused part is halved until the bad items stand alone: about
    2·k·log2(n) requests for k of n. A server that tells which lines it left out, or that it was all of them,
    is believed. What is too old lies together, because parts are halved in order of time.
    """
    parts = [items]
    while parts:
        part = parts.pop()
        refusal = write(part) if part else Refusal()
        if not refusal.reason:
            continue
        if refusal.lines and all(0 <= place < len(part) for place in refusal.lines):
            for place, reason in sorted(refusal.lines.items()):
                yield part[place], reason
        elif len(part) == 1 or refusal.dropped == len(part):
            for item in part:
                yield item, refusal.reason
        else:
            ordered = sorted(part, key=time_of)
            middle = len(ordered) // 2
            parts += [ordered[middle:], ordered[:middle]]
