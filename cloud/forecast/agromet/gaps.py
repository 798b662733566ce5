"""Holes in a record: short ones in temperature are bridged, nothing else ever is."""

from __future__ import annotations

from typing import Final

import numpy as np

from cloud.forecast.arrays import BoolArray, FloatArray

LONGEST_H: Final = 3
"""Hours of temperature that may be bridged: it moves slowly and infects nothing by itself."""


def bridge_temperature(values: FloatArray, longest: int = LONGEST_H) -> tuple[FloatArray, BoolArray]:
    """`values` with inner holes of up to `longest` rows bridged by a straight line, and which rows those are.

    Never use it for humidity, rain or wetness: a bridged wet hour would be an invented one.
    """
    missing = np.isnan(values)
    filled = values.copy()
    bridged = np.zeros(len(values), dtype=bool)
    edges = np.diff(np.concatenate(([False], missing, [False])).astype(int))
    for start, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if start == 0 or end == len(values) or end - start > longest:
            continue
        filled[start:end] = np.interp(
            np.arange(start, end), [start - 1, end], [values[start - 1], values[end]]
        )
        bridged[start:end] = True
    return filled, bridged
