"""Piecewise linear response curves, as parameter files write them: `[[x, y], …]`, x rising."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from cloud.forecast.arrays import ArrayLike, FloatArray


def _rising(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) < 2 or any(a[0] >= b[0] for a, b in pairwise(points)):
        raise ValueError("needs at least two points whose x rises")
    return points


Curve = Annotated[list[tuple[float, float]], AfterValidator(_rising)]


def interpolate(curve: Curve, x: ArrayLike, *, outside: float | None = None) -> FloatArray:
    """The curve's value at `x`; NaN stays NaN.

    Args:
        curve: Points with rising x.
        x: Where to read the curve, in the curve's own unit.
        outside: The value beyond both ends; None holds the value of the nearer end.
    """
    xs, ys = np.asarray(curve, dtype=float).T
    return np.asarray(np.interp(np.asarray(x, dtype=float), xs, ys, left=outside, right=outside))
