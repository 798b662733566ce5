"""Nova SDS011 particle sensor: ten bytes a second.

`AA C0`, PM2.5 and PM10 (little-endian, 0.1 µg/m³), two bytes of the sensor's id, low byte of the sum of the
six, `AB`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.drivers.base import Captured, Explained, NativePoint
from edge.drivers.framing import FrameStream, Scan, explain_stream
from edge.drivers.values import native_point
from telemetry.devices.profiles import Profile

HEADER: Final = b"\xaa\xc0"
SIZE: Final = 10
TAIL: Final = 0xAB
_COMMAND_BYTES: Final = 15


def command(code: int, *values: int) -> bytes:
    """A command frame to any sensor: `code` 2 report mode, 6 sleep or work, 8 period in minutes."""
    body = bytes((code, *values)).ljust(_COMMAND_BYTES - 2, b"\x00") + b"\xff\xff"
    return b"\xaa\xb4" + body + bytes((sum(body) & 0xFF, TAIL))


WORK_BY_ITSELF: Final = command(6, 1, 1) + command(2, 1, 0) + command(8, 1, 0)
"""Wake up, send without being asked, without pauses."""


def is_whole(frame: bytes) -> bool:
    """Whether checksum and tail are right."""
    return frame[8] == sum(frame[2:8]) & 0xFF and frame[9] == TAIL


@dataclass(frozen=True, slots=True)
class Sds011Driver:
    """Driver of the SDS011."""

    def greeting(self, profile: Profile) -> bytes:
        """Commands that make a sensor that sleeps or waits talk by itself."""
        return WORK_BY_ITSELF

    def stream(self, profile: Profile) -> FrameStream:
        """A reader for one sensor."""

        def decode(frame: bytes) -> Scan:
            return (
                native_point(profile, "pm25", int.from_bytes(frame[2:4], "little"), frame[2:4]),
                native_point(profile, "pm10", int.from_bytes(frame[4:6], "little"), frame[4:6]),
                NativePoint("sensor_id", frame[6:8].hex().upper(), raw=frame[6:8]),
            )

        return FrameStream(profile, HEADER, SIZE, is_whole, decode)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of the last frame in a captured stretch of the line. Raises BusCrcError, FrameError."""
        return explain_stream(self.stream(profile), captured, "10 bytes, AA C0 … AB")


DRIVER = Sds011Driver()
