"""The sun over the province: elevation, light, and the hours when street lamps burn."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from astral import Observer
from astral.sun import elevation, sunrise, sunset

DAY_S: Final = 86400
HOUR_S: Final = 3600

LUMEN_PER_WATT: Final = 120.0
"""Luminous efficacy of daylight, lm/W."""


class Sun:
    """The sun at one place. Times are UTC seconds since 1970."""

    def __init__(self, latitude: float, longitude: float, hours_from_utc: float) -> None:
        self._observer = Observer(latitude, longitude)
        self._offset_s = hours_from_utc * HOUR_S
        self.elevation = lru_cache(maxsize=512)(self._elevation)
        self.night_ends = lru_cache(maxsize=512)(self._night_ends)

    def local(self, time_s: float) -> float:
        """Seconds of local time since 1970."""
        return time_s + self._offset_s

    def local_hour(self, time_s: float) -> float:
        """Hour of the local day, 0 … 24."""
        return (self.local(time_s) % DAY_S) / HOUR_S

    def local_day(self, time_s: float) -> int:
        """Days of local time since 1970."""
        return math.floor(self.local(time_s) / DAY_S)

    def clear_irradiance(self, time_s: float) -> float:
        """Global irradiance under a clear sky, W/m² (Haurwitz 1945); 0 below the horizon."""
        height = math.sin(math.radians(self.elevation(time_s)))
        return 0.0 if height <= 0 else 1098.0 * height * math.exp(-0.057 / height)

    def clear_uv_index(self, time_s: float) -> float:
        """UV index under a clear sky (Madronich 2007, 300 DU of ozone)."""
        height = math.sin(math.radians(self.elevation(time_s)))
        return 0.0 if height <= 0 else 12.5 * height**2.42

    def _elevation(self, time_s: float) -> float:
        """Degrees above the horizon."""
        return float(elevation(self._observer, datetime.fromtimestamp(time_s, UTC)))

    def _night_ends(self, day: int) -> tuple[float, float]:
        """Sunrise and sunset of local day `day`, in UTC seconds."""
        when = date(1970, 1, 1) + timedelta(days=day)
        noon = (day + 0.5) * DAY_S - self._offset_s
        rise = sunrise(self._observer, when).timestamp()
        set_ = sunset(self._observer, when).timestamp()
        # astral names days by UTC: bring both ends to the two sides of this local noon
        return _nearest(rise, noon - DAY_S / 4), _nearest(set_, noon + DAY_S / 4)


def _nearest(time_s: float, target_s: float) -> float:
    return time_s + round((target_s - time_s) / DAY_S) * DAY_S
