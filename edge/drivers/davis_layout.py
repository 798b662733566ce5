"""Where the values stand in the 99 bytes of Davis LOOP and LOOP2 packets (little-endian)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

NO_U8: Final = (0xFF,)
NO_S16: Final = (0x7FFF,)
NO_U16: Final = (0xFFFF,)
NO_SOLAR: Final = (0x7FFF, 0xFFFF)
NO_DIRECTION: Final = (0, 0x7FFF, 0xFFFF)
"""0 means that no wind was seen yet: north is 360."""
NO_FEEL: Final = (255, 0x7FFF, -1)


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a packet."""

    key: str
    at: int
    form: str
    """Format character of `struct`."""
    nothing: tuple[int, ...] = ()
    """Raw numbers that mean "no sensor"."""
    is_clicks: bool = False
    """Counted in tips of the rain bucket."""


def _row(name: str, at: int, count: int) -> Iterator[Field]:
    return (Field(f"{name}_{number + 1}", at + number, "B", NO_U8) for number in range(count))


_COMMON: Final = (
    Field("barometer", 7, "H", (0,)),
    Field("temp_in", 9, "h", NO_S16),
    Field("hum_in", 11, "B", NO_U8),
    Field("temp_out", 12, "h", NO_S16),
    Field("wind_speed", 14, "B", NO_U8),
    Field("wind_dir", 16, "H", NO_DIRECTION),
    Field("rain_rate", 41, "H", NO_U16, is_clicks=True),
    Field("uv", 43, "B", NO_U8),
    Field("solar", 44, "H", NO_SOLAR),
    Field("rain_storm", 46, "H", NO_U16, is_clicks=True),
    Field("rain_day", 50, "H", NO_U16, is_clicks=True),
    Field("et_day", 56, "H", NO_U16),
)
LOOP: Final = (
    *_COMMON,
    Field("wind_avg10", 15, "B", NO_U8),
    *_row("extra_temp", 18, 7),
    *_row("soil_temp", 25, 4),
    *_row("leaf_temp", 29, 4),
    Field("hum_out", 33, "B", NO_U8),
    Field("rain_month", 52, "H", NO_U16, is_clicks=True),
    Field("rain_year", 54, "H", NO_U16, is_clicks=True),
    *_row("soil_moisture", 62, 4),
    *_row("leaf_wetness", 66, 4),
    Field("tx_battery", 86, "B"),
    Field("console_battery", 87, "H", NO_U16),
)
LOOP2: Final = (
    *_COMMON,
    Field("wind_avg10_fine", 18, "H", NO_SOLAR),
    Field("wind_avg2_fine", 20, "H", NO_SOLAR),
    Field("gust10", 22, "H", NO_SOLAR),
    Field("gust10_dir", 24, "H", NO_DIRECTION),
    Field("dew_point", 30, "h", NO_FEEL),
    Field("hum_out", 33, "B", NO_U8),
    Field("heat_index", 35, "h", NO_FEEL),
    Field("wind_chill", 37, "h", NO_FEEL),
    Field("rain_15min", 52, "H", NO_U16, is_clicks=True),
    Field("rain_hour", 54, "H", NO_U16, is_clicks=True),
    Field("rain_24h", 58, "H", NO_U16, is_clicks=True),
)
