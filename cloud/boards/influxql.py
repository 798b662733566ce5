"""The InfluxQL of the boards. Measurement = class; tags area, gateway, device; fields = points.

All names come from class files, whose patterns allow letters, digits and `_` only: nothing needs escaping.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

TAGS: Final = ("area", "gateway", "device")
BY_DEVICE: Final = "$tag_device"


def scope(tags: Sequence[str] = TAGS) -> str:
    """The condition that time range and chosen variables make."""
    return " AND ".join(["$timeFilter", *(f'"{tag}" =~ /^${tag}$/' for tag in tags)])


def scaled(expression: str, factor: float) -> str:
    """`expression` in another unit."""
    return expression if factor == 1 else f"{expression} * {factor:g}"


def over_time(measurement: str, expressions: Iterable[str], where: str, *, by_device: bool = True) -> str:
    """Expressions over intervals; empty intervals stay empty, they are not filled with guesses."""
    groups = 'time($__interval), "device"' if by_device else "time($__interval)"
    return f'SELECT {", ".join(expressions)} FROM "{measurement}" WHERE {where} GROUP BY {groups} fill(none)'  # noqa: S608


def latest(measurement: str, fields: Iterable[tuple[str, float]], where: str) -> str:
    """A row a device with the newest good value of each field (with its factor)."""
    columns = ", ".join(
        f'{scaled(f"last({quoted(field)})", factor)} AS "{field}"' for field, factor in fields
    )
    return f'SELECT {columns} FROM "{measurement}" WHERE {where} GROUP BY "device"'  # noqa: S608


def reporting(measurement: str, field: str, where: str) -> str:
    """How many devices gave a good value of the field in the time range."""
    inner = f'SELECT last("{field}") AS "value" FROM "{measurement}" WHERE {where} GROUP BY "device"'  # noqa: S608
    return f'SELECT count("value") FROM ({inner}) WHERE $timeFilter'  # noqa: S608


def bad_values(measurement: str, where: str) -> str:
    """How many values of each field were not good, over intervals."""
    return over_time(measurement, ["count(/__q$/)"], where, by_device=False)


def tag_values(measurements: Sequence[str], tag: str, below: str | None) -> str:
    """The values of a tag, of what is chosen for the tag above it."""
    source = f'"{measurements[0]}"' if len(measurements) == 1 else f"/^({'|'.join(measurements)})$/"
    condition = f' WHERE "{below}" =~ /^${below}$/' if below else ""
    return f'SHOW TAG VALUES FROM {source} WITH KEY = "{tag}"{condition}'


def quoted(name: str) -> str:
    """A field's name as an identifier."""
    return f'"{name}"'
