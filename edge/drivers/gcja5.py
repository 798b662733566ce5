"""Panasonic SN-GCJA5 particle sensor: 32 bytes a second.

`02`, mass densities (three 32-bit words, little-endian), particle counts (six 16-bit words), reserve, a
status byte, exclusive or of bytes 1 to 29, `03`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

from edge.drivers.base import Captured, Explained, NativePoint
from edge.drivers.framing import FrameStream, Scan, explain_stream
from edge.drivers.values import native_point
from telemetry.devices.profiles import Profile

STX: Final = b"\x02"
ETX: Final = 0x03
SIZE: Final = 32
MASSES: Final = (("pm1", 1), ("pm25", 5), ("pm10", 9))
COUNTS: Final = (
    ("n0_3um", 13), ("n0_5um", 15), ("n1um", 17), ("n2_5um", 21), ("n5um", 23), ("n7_5um", 25),
)  # fmt: skip
_STATUS_AT: Final = 29
_STATES: Final = (("status", 6), ("photodiode", 4), ("laser", 2), ("fan", 0))
"""Two bits each; all but 0 tell of a fault."""


def is_whole(frame: bytes) -> bool:
    """Whether checksum and end are right."""
    return frame[30] == reduce(xor, frame[1:30]) and frame[31] == ETX


@dataclass(frozen=True, slots=True)
class Gcja5Driver:
    """Driver of the SN-GCJA5."""

    def greeting(self, profile: Profile) -> bytes:
        """Nothing: the sensor always talks."""
        return b""

    def stream(self, profile: Profile) -> FrameStream:
        """A reader for one sensor."""

        def decode(frame: bytes) -> Scan:
            masses = tuple(
                native_point(profile, key, int.from_bytes(frame[at : at + 4], "little"), frame[at : at + 4])
                for key, at in MASSES
            )
            counts = tuple(
                native_point(profile, key, int.from_bytes(frame[at : at + 2], "little"), frame[at : at + 2])
                for key, at in COUNTS
            )
            status = frame[_STATUS_AT]
            states = tuple(NativePoint(key, status >> shift & 3) for key, shift in _STATES)
            return (*masses, *counts, *states)

        return FrameStream(profile, STX, SIZE, is_whole, decode)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of the last frame in a captured stretch of the line. Raises BusCrcError, FrameError."""
        return explain_stream(self.stream(profile), captured, "32 bytes, 02 … 03")


DRIVER = Gcja5Driver()
