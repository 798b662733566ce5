"""Particle sensors of Plantower and their kin: frames of 16-bit words that the sensor sends by itself.

`42 4D`, body length, words, sum of all bytes before. Which word means what, and how long the body is, stands
in the profile's options, so that the variants of the family (and Winsen's ZH03B, which has the same frame)
are profiles and no code: `body_length: 28`, `fields: {pm25: 12}` (key: offset in the frame),
`greeting: 42 4D E1 …`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from edge.drivers import options
from edge.drivers.base import Captured, Explained
from edge.drivers.framing import FrameStream, Scan, explain_stream
from edge.drivers.values import native_point
from edge.errors import DriverError
from telemetry.devices.profiles import Profile

HEADER: Final = b"\x42\x4d"
_HEAD_BYTES: Final = 4


def is_whole(frame: bytes) -> bool:
    """Whether the frame's last two bytes are the sum of all before them."""
    return int.from_bytes(frame[-2:], "big") == sum(frame[:-2]) & 0xFFFF


@dataclass(frozen=True, slots=True)
class PlantowerDriver:
    """Driver of the Plantower family."""

    def greeting(self, profile: Profile) -> bytes:
        """The command of option `greeting`, which puts the sensor into the mode that sends by itself."""
        return options.hexadecimal(profile, "greeting")

    def stream(self, profile: Profile) -> FrameStream:
        """A reader for one sensor. Raises DriverError where the options are wrong."""
        body_length = options.whole(profile, "body_length", 4, 252)
        fields = _fields(profile, _HEAD_BYTES + body_length - 4)

        def decode(frame: bytes) -> Scan:
            return tuple(
                native_point(profile, key, struct.unpack_from(">H", frame, at)[0], frame[at : at + 2])
                for key, at in fields.items()
            )

        head = HEADER + body_length.to_bytes(2, "big")
        return FrameStream(profile, head, _HEAD_BYTES + body_length, is_whole, decode)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of the last frame in a captured stretch of the line. Raises BusCrcError, FrameError."""
        stream = self.stream(profile)
        expected = f"{stream.size} bytes that start with {stream.head.hex(' ').upper()}"
        return explain_stream(stream, captured, expected)


def _fields(profile: Profile, last: int) -> dict[str, int]:
    fields: dict[str, int] = {}
    for key, at in options.table(profile, "fields").items():
        if isinstance(at, bool) or not isinstance(at, int) or not _HEAD_BYTES <= at <= last:
            raise DriverError(f"{profile.id}: option fields.{key}: {at!r} is not {_HEAD_BYTES}-{last}")
        fields[key] = at
    return fields


DRIVER = PlantowerDriver()
