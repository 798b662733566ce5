"""What a board shows, as plain data: queries, units, limits and places, without any of Grafana's own terms.

The queries are InfluxQL with Grafana's `$timeFilter`, `$__interval` and the board's variables in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

GRID_COLUMNS: Final = 24


class Kind(StrEnum):
    """How a panel draws."""

    STAT = "stat"
    SERIES = "series"
    BARS = "bars"
    STATES = "states"
    TABLE = "table"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel."""

    text: str
    alias: str = ""
    """Name of its series; `$tag_device` stands for the device."""

    @property
    def is_table(self) -> bool:
        """Whether it answers with rows for a table instead of series over time."""
        return "time(" not in self.text


@dataclass(frozen=True, slots=True)
class Step:
    """From `value` on (None: from the beginning) the colour is this."""

    value: float | None
    color: str


@dataclass(frozen=True, slots=True)
class Look:
    """How one kind of value is written."""

    title: str
    unit: str = "none"
    """Grafana's unit id."""
    decimals: int | None = None
    names: tuple[tuple[str, str, str], ...] = ()
    """Value, text and colour of each state."""
    steps: tuple[Step, ...] = ()
    """Limits, ascending."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    kind: Kind
    look: Look
    description: str
    queries: tuple[Query, ...]
    width: int
    height: int
    columns: tuple[tuple[str, Look], ...] = ()
    """Looks of a table's columns by name."""
    leads_to: str = ""
    """Uid of the board that says more."""


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the board; all values are chosen at first."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    sections: tuple[Section, ...]
    tags: tuple[str, ...] = ("kega",)

    def panels(self) -> Iterator[Panel]:
        """All panels, from top to bottom."""
        for section in self.sections:
            yield from section.panels
