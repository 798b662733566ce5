"""A02YYUW ultrasonic level sensor: `FF`, distance in millimetres (two bytes), low byte of their sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.drivers.base import Captured, Explained
from edge.drivers.framing import FrameStream, Scan, explain_stream
from edge.drivers.values import native_point
from telemetry.devices.profiles import Profile

HEADER: Final = b"\xff"
SIZE: Final = 4


def is_whole(frame: bytes) -> bool:
    """Whether the last byte is the low byte of the sum of the others."""
    return frame[3] == sum(frame[:3]) & 0xFF


@dataclass(frozen=True, slots=True)
class A02yyuwDriver:
    """Driver of the A02YYUW; its blind zone and range are the profile's `min` and `max`."""

    def greeting(self, profile: Profile) -> bytes:
        """Nothing: the sensor always talks."""
        return b""

    def stream(self, profile: Profile) -> FrameStream:
        """A reader for one sensor."""

        def decode(frame: bytes) -> Scan:
            return (native_point(profile, "distance", int.from_bytes(frame[1:3], "big"), frame[1:3]),)

        return FrameStream(profile, HEADER, SIZE, is_whole, decode)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The distance of the last frame in a captured stretch. Raises BusCrcError, FrameError."""
        return explain_stream(self.stream(profile), captured, "4 bytes that start with FF")


DRIVER = A02yyuwDriver()
