"""Cells of the map: squares of the web's map grid, each cut into four by the next level. Pure.

A cell of level L is a tile of zoom L (Web Mercator) with its column and row interleaved bit by bit, so that a
cell's parts lie side by side: those of cell c are c·4 … c·4+3, and all devices below it are one range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LEVELS: Final = 22
"""The level that is stored with a device: squares of 10 m at the equator."""
_LIMIT: Final = 85.05112877980659
"""Past this latitude the grid ends."""
_MOST_RANGES: Final = 24


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the map in degrees."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, latitude: float, longitude: float) -> bool:
        """Whether the place lies in it."""
        return self.west <= longitude <= self.east and self.south <= latitude <= self.north


def cell_of(latitude: float | None, longitude: float | None, level: int = LEVELS) -> int | None:
    """The cell of a place; None where there is none."""
    if latitude is None or longitude is None or not (math.isfinite(latitude) and math.isfinite(longitude)):
        return None
    return _interleaved(*_tile(latitude, longitude, level))


def centre_of(cell: int, level: int) -> tuple[float, float]:
    """Latitude and longitude of the middle of a cell."""
    column, row = _spread(cell), _spread(cell >> 1)
    size = 1 << level
    latitude = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (row + 0.5) / size))))
    return latitude, (column + 0.5) / size * 360 - 180


def ranges_of(box: Box) -> list[tuple[int, int]]:
    """Ranges [first, last) of cells of level `LEVELS` that hold the whole box, and little beside it."""
    best: list[tuple[int, int]] = [(0, 1 << 2 * LEVELS)]
    for level in range(LEVELS + 1):
        left, top = _tile(box.north, box.west, level)
        right, bottom = _tile(box.south, box.east, level)
        if (right - left + 1) * (bottom - top + 1) > _MOST_RANGES:
            break
        step = 1 << 2 * (LEVELS - level)
        cells = sorted(
            _interleaved(column, row) for column in range(left, right + 1) for row in range(top, bottom + 1)
        )
        best = []
        for cell in cells:
            if best and best[-1][1] == cell * step:
                best[-1] = (best[-1][0], (cell + 1) * step)
            else:
                best.append((cell * step, (cell + 1) * step))
    return best


def _tile(latitude: float, longitude: float, level: int) -> tuple[int, int]:
    size = 1 << level
    bounded = math.radians(max(-_LIMIT, min(_LIMIT, latitude)))
    column = int((longitude + 180) / 360 * size)
    row = int((1 - math.asinh(math.tan(bounded)) / math.pi) / 2 * size)
    return max(0, min(size - 1, column)), max(0, min(size - 1, row))


def _interleaved(column: int, row: int) -> int:
    return sum(
        ((column >> bit & 1) << 2 * bit) | ((row >> bit & 1) << 2 * bit + 1)
        for bit in range(max(column.bit_length(), row.bit_length()))
    )


def _spread(cell: int) -> int:
    """Every second bit of `cell`."""
    return sum((cell >> 2 * bit & 1) << bit for bit in range((cell.bit_length() + 1) // 2 + 1))
