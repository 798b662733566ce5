"""Cells of the map against the plain rule: a device is found exactly where it is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.registry.cells import LEVELS, Box, cell_of, centre_of, ranges_of

LATITUDES = st.floats(-85, 85)
LONGITUDES = st.floats(-180, 179.999)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    south, north = sorted((draw(LATITUDES), draw(LATITUDES)))
    west, east = sorted((draw(LONGITUDES), draw(LONGITUDES)))
    return Box(west, south, east, north)


@given(boxes(), LATITUDES, LONGITUDES)
def test_what_lies_in_a_box_lies_in_its_ranges(box: Box, latitude: float, longitude: float) -> None:
    ranges = ranges_of(box)
    cell = cell_of(latitude, longitude)
    assert cell is not None
    if box.holds(latitude, longitude):
        assert any(first <= cell < end for first, end in ranges)
    assert all(end <= first for (_, end), (first, _) in pairwise(ranges))
    assert len(ranges) <= 24


@given(LATITUDES, LONGITUDES, st.integers(0, LEVELS))
def test_a_cell_of_a_level_is_the_begin_of_the_finest(latitude: float, longitude: float, level: int) -> None:
    finest = cell_of(latitude, longitude)
    coarse = cell_of(latitude, longitude, level)
    assert finest is not None
    assert coarse == finest >> 2 * (LEVELS - level)
    assert cell_of(*centre_of(coarse, level), level) == coarse


@pytest.mark.parametrize("place", [(None, 108.1), (10.9, None), (float("nan"), 1.0), (1.0, float("inf"))])
def test_no_place_has_no_cell(place: tuple[float | None, float | None]) -> None:
    assert cell_of(*place) is None


def test_a_small_box_is_searched_in_a_small_part() -> None:
    found = ranges_of(Box(108.10, 10.92, 108.11, 10.93))
    assert sum(end - first for first, end in found) < 1e-7 * (1 << 2 * LEVELS)
