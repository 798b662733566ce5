"""The base map: files of this folder, their sources in README.md, and the views that the map begins with."""

from __future__ import annotations

from typing import Final

PHAN_THIET: Final = [108.03, 10.875, 108.21, 10.995]
"""West, south, east, north, in degrees: the wards of the former city."""
PROVINCE: Final = [107.35, 10.28, 109.02, 11.6]
"""The former province with Phú Quý."""
