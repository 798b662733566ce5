"""Vaisala AQT530 air-quality transmitter: a line of values that names its own columns.

`time,22.2,24.9,…,T:H:P:NO2:CO:O3:NO:PM1:PM2.5:PM10,serial number`: which gases a transmitter has was chosen
when it was ordered, so values are taken by the names in the line, never by their place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from edge.drivers.base import Captured, Explained, NativePoint
from edge.drivers.framing import LineStream, Scan, explain_stream
from edge.drivers.values import native_point
from telemetry.devices.profiles import Profile
from telemetry.readings import Quality

KEYS: Final = {
    "T": "temperature", "H": "humidity", "P": "pressure", "NO2": "no2", "CO": "co", "O3": "o3", "NO": "no",
    "SO2": "so2", "H2S": "h2s", "PM1": "pm1", "PM2.5": "pm25", "PM10": "pm10",
}  # fmt: skip
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_NAMES: Final = re.compile(r"[A-Z][A-Z0-9.]*(:[A-Z][A-Z0-9.]*)*")
_AROUND: Final = 3
"""Columns that are no values: time, names, serial number."""


@dataclass(frozen=True, slots=True)
class Aqt530Driver:
    """Driver of the AQT530 in its mode that sends by itself."""

    def greeting(self, profile: Profile) -> bytes:
        """Nothing: the transmitter is set up by the maker's tool to send by itself."""
        return b""

    def stream(self, profile: Profile) -> LineStream:
        """A reader for one transmitter."""
        return LineStream(profile, b"\n", lambda line: _scan(profile, line))

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of the last line in a captured stretch. Raises BusCrcError, FrameError."""
        return explain_stream(self.stream(profile), captured, "time, values, T:H:P:…, serial number")


def _scan(profile: Profile, line: str) -> Scan | None:
    columns = [each.strip() for each in line.split(",")]
    if len(columns) <= _AROUND or not _NAMES.fullmatch(columns[-2]):
        return None
    names = columns[-2].split(":")
    values = columns[1:-2]
    if len(names) != len(values) or len(set(names)) != len(names):
        return None
    points = [
        _point(profile, KEYS[name], value)
        for name, value in zip(names, values, strict=True)
        if KEYS.get(name) in profile.by_key
    ]
    return (*points, NativePoint("serial_number", columns[-1]))


def _point(profile: Profile, key: str, value: str) -> NativePoint:
    if not _NUMBER.fullmatch(value):
        said = value[:20] or "nothing"
        return NativePoint(key, None, Quality.BAD, f"the instrument says {said!r}", value.encode())
    return native_point(profile, key, float(value), value.encode())


DRIVER = Aqt530Driver()
