"""Wind speed brought from the height of the sensor to another height."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from cloud.forecast.arrays import ArrayLike, FloatArray
from cloud.forecast.errors import ModelInputFault

GRASS_M: Final = 0.12
"""Height of the reference grass, over which weather stations stand."""


def wind_at(
    speed: ArrayLike, measured_m: float, wanted_m: float, *, surface_m: float = GRASS_M
) -> FloatArray:
    """`speed` at height `wanted_m`, by the logarithmic profile over a crop of height `surface_m`.

    Displacement is two thirds of the crop's height and roughness 0.123 of it, as in FAO-56 (equation 47 is
    the case of grass and 2 m).

    Raises:
        ModelInputFault: a height lies within the roughness of the crop, where the profile says nothing.
    """
    displacement, roughness = 2 / 3 * surface_m, 0.123 * surface_m
    lowest = displacement + roughness
    for height in (measured_m, wanted_m):
        if height <= lowest:
            raise ModelInputFault(
                f"wind: height {height:g} m is not above the roughness of the surface ({lowest:.2f} m); "
                "give heights in metres above it"
            )
    ratio = math.log((wanted_m - displacement) / roughness) / math.log(
        (measured_m - displacement) / roughness
    )
    return np.asarray(speed, dtype=float) * ratio
