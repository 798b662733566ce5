"""Soil under crops: an hourly water balance, with the irrigation that a farmer's timer gives."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Final

from simulators.world.weather import Weather

FIELD_CAPACITY_PCT: Final = 34.0
WILTING_PCT: Final = 8.0
ROOT_DEPTH_MM: Final = 300.0
IRRIGATION_MM_H: Final = 9.0
_TIMER_HOUR: Final = 5
"""Hour of the local morning at which timers water."""
_CROP_FACTOR: Final = 0.85
_MM_TO_PCT: Final = 100.0 / ROOT_DEPTH_MM


@dataclass(frozen=True, slots=True)
class SoilBalance:
    """Water content and irrigation of a field for each hour of the weather's loop."""

    moisture_pct: array[float]
    """Volumetric water content at the start of the hour, %."""
    watered: bytes
    """1 where the timer holds the valve open."""

    def moisture_at(self, place: int, part: float) -> float:
        """Water content `part` of the way through hour `place`."""
        following = self.moisture_pct[(place + 1) % len(self.moisture_pct)]
        return self.moisture_pct[place] * (1 - part) + following * part


def balance(weather: Weather, first_hour: int, water_below_pct: float, retention: float) -> SoilBalance:
    """The balance of one field, settled to the weather's loop.

    `water_below_pct` is the content under which the timer waters; `retention` (0.8 … 1.2) scales what the
    soil holds against gravity.
    """
    rain = weather.rain_mm
    loss = weather.evapotranspiration_mm()
    capacity = FIELD_CAPACITY_PCT * retention
    content = (capacity + water_below_pct) / 2
    for _ in range(2):  # the second round starts with what the end of the loop left
        moisture, watered = array("d"), bytearray()
        for hour, (fallen, lost) in enumerate(zip(rain, loss, strict=True)):
            moisture.append(content)
            waters = (hour + first_hour) % 24 == _TIMER_HOUR and content < water_below_pct
            watered.append(waters)
            stress = min(1.0, max(0.0, (content - WILTING_PCT) / 12.0))
            drained = 0.12 * max(0.0, content - capacity)
            gain = (fallen + IRRIGATION_MM_H * waters - _CROP_FACTOR * stress * lost) * _MM_TO_PCT
            content = min(48.0, max(WILTING_PCT, content + gain - drained))
    return SoilBalance(moisture, bytes(watered))
