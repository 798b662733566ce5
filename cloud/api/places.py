"""Parts of the map as callers write them."""

from __future__ import annotations

import math

from cloud.api.errors import Invalid
from cloud.registry.cells import Box


def parse_box(text: str) -> Box:
    """`west,south,east,north` in degrees. Raises Invalid."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise Invalid(
            f"bbox {text[:60]!r} is not four numbers", "write west,south,east,north in degrees"
        ) from None
    numbers = (west, south, east, north)
    if not all(map(math.isfinite, numbers)) or not (
        -90 <= south <= north <= 90 and -180 <= west <= east <= 180
    ):
        raise Invalid(
            "bbox is no part of the map",
            "give west,south,east,north in degrees, west not beyond east and south not beyond north",
        )
    return Box(west, south, east, north)
