"""MaxBotix ultrasonic level sensors: `R1234` (millimetres) or `R123` (centimetres) and a carriage return.

Sensors answer power-up with lines of letters, and long RS-232 wires add stray FF bytes: neither is a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from edge.drivers.base import Captured, Explained
from edge.drivers.framing import LineStream, Scan, explain_stream
from edge.drivers.values import native_point
from telemetry.devices.profiles import Profile

_DISTANCE: Final = re.compile(r"R(\d{3,4})(?: P[01])?")
_LONGEST: Final = 64
_MM_OF_DIGITS: Final = {3: 10, 4: 1}


@dataclass(frozen=True, slots=True)
class MaxbotixDriver:
    """Driver of HRXL-MaxSonar-WR (millimetres) and XL-MaxSonar-WR (centimetres)."""

    def greeting(self, profile: Profile) -> bytes:
        """Nothing: the sensor always talks."""
        return b""

    def stream(self, profile: Profile) -> LineStream:
        """A reader for one sensor."""

        def decode(line: str) -> Scan | None:
            text = line.replace("\N{REPLACEMENT CHARACTER}", "").strip()
            match = _DISTANCE.fullmatch(text)
            if match is None:
                return None if "R" in text and any(each.isdigit() for each in text) else ()
            millimetres = int(match[1]) * _MM_OF_DIGITS[len(match[1])]
            return (native_point(profile, "distance", millimetres, match[0].encode()),)

        return LineStream(profile, b"\r", decode, _LONGEST)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The distance of the last line in a captured stretch. Raises BusCrcError, FrameError."""
        return explain_stream(self.stream(profile), captured, r"R and 3 or 4 digits, ended by \r")


DRIVER = MaxbotixDriver()
