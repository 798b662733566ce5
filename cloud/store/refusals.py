"""Finding the lines that a server refuses among many that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def write_all(items: Sequence[Item], write: Callable[[Sequence[Item]], str]) -> Iterator[tuple[Item, str]]:
    """Write `items`; yields those that are refused, with the reason.

    `write` gives the server's reason for refusing some of what it was given, or an empty text. Because
    writing twice does no harm, a refused part is halved until the bad items stand alone: about 2·k·log2(n)
    requests for k of n.
    """
    parts = [items]
    while parts:
        part = parts.pop()
        reason = write(part) if part else ""
        if not reason:
            continue
        if len(part) == 1:
            yield part[0], reason
        else:
            middle = len(part) // 2
            parts += [part[middle:], part[:middle]]
