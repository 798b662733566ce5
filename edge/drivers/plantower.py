"""Plantower particle sensors: frames of 16-bit words that the sensor sends by itself.

`42 4D`, body length, words, sum of all bytes before. Which word means what, and how long the body is, stands
in the profile's options, so that the variants of the family are profiles and no code:
`body_length: 28`, `fields: {pm25: 12}` (key: offset in the frame), `greeting: 42 4D E1 …`.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass, field
from typing import Final

from edge.drivers.base import Captured, Explained, NativePoint
from edge.errors import BusCrcError, DriverError, FrameError
from telemetry.devices.profiles import Profile

HEADER: Final = b"\x42\x4d"
_HEAD_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a frame's values stand."""

    profile: Profile
    body_length: int
    fields: dict[str, int]

    @property
    def size(self) -> int:
        return _HEAD_BYTES + self.body_length

    @property
    def head(self) -> bytes:
        return HEADER + self.body_length.to_bytes(2, "big")

    def is_whole(self, frame: bytes) -> bool:
        return int.from_bytes(frame[-2:], "big") == sum(frame[:-2]) & 0xFFFF

    def points(self, frame: bytes) -> tuple[NativePoint, ...]:
        points = self.profile.by_key
        return tuple(
            NativePoint(
                key, points[key].native(struct.unpack_from(">H", frame, at)[0]), raw=frame[at : at + 2]
            )
            for key, at in self.fields.items()
        )


@dataclass(slots=True)
class PlantowerStream:
    """Finds frames among whatever else is on the line; keeps less than one frame between calls."""

    layout: _Layout
    faults: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[tuple[NativePoint, ...]]:
        """Every frame completed by `data`; a wrong checksum only costs the bytes up to the next header."""
        self._buffer += data
        scans: list[tuple[NativePoint, ...]] = []
        while True:
            start = self._buffer.find(self.layout.head)
            if start < 0:
                keep = len(self.layout.head) - 1
                del self._buffer[: max(len(self._buffer) - keep, 0)]
                return scans
            del self._buffer[:start]
            if len(self._buffer) < self.layout.size:
                return scans
            frame = bytes(self._buffer[: self.layout.size])
            if self.layout.is_whole(frame):
                scans.append(self.layout.points(frame))
                del self._buffer[: self.layout.size]
            else:
                self.faults += 1
                del self._buffer[: len(HEADER)]

    def flush(self) -> list[tuple[NativePoint, ...]]:
        """Nothing: a frame is complete or not."""
        return []


@dataclass(frozen=True, slots=True)
class PlantowerDriver:
    """Driver of the Plantower family."""

    def greeting(self, profile: Profile) -> bytes:
        """The command of option `greeting`, which puts the sensor into the mode that sends by itself."""
        text = str(profile.options.get("greeting", ""))
        try:
            return binascii.unhexlify(text.replace(" ", ""))
        except ValueError as error:
            raise DriverError(f"{profile.id}: option greeting is no hex: {text!r}") from error

    def stream(self, profile: Profile) -> PlantowerStream:
        """A reader for one sensor. Raises DriverError where the options are wrong."""
        return PlantowerStream(_layout(profile))

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of the last frame in a captured stretch of the line.

        Raises:
            BusCrcError: there are frames, but all are damaged.
            FrameError: there is no frame.
        """
        layout = _layout(profile)
        reader = PlantowerStream(layout)
        scans = reader.feed(captured.response)
        if scans:
            return Explained(scans[-1])
        if reader.faults:
            raise BusCrcError(f"{reader.faults} frame(s) found, all with a wrong checksum: the line is noisy")
        raise FrameError(
            f"no whole frame of {layout.size} bytes that starts with {layout.head.hex(' ').upper()} "
            f"in {len(captured.response)} bytes"
        )


def _layout(profile: Profile) -> _Layout:
    body_length, fields = profile.options.get("body_length"), profile.options.get("fields")
    if not isinstance(body_length, int) or not 4 <= body_length <= 252:
        raise DriverError(f"{profile.id}: option body_length must be 4-252, not {body_length!r}")
    if not isinstance(fields, dict) or not fields:
        raise DriverError(f"{profile.id}: option fields must map keys to offsets")
    last = _HEAD_BYTES + body_length - 4
    for key, at in fields.items():
        if key not in profile.by_key:
            raise DriverError(f"{profile.id}: option fields: {key!r} is no point of the profile")
        if not isinstance(at, int) or not _HEAD_BYTES <= at <= last:
            raise DriverError(f"{profile.id}: option fields.{key}: {at!r} is not {_HEAD_BYTES}-{last}")
    return _Layout(profile, body_length, dict(fields))


DRIVER = PlantowerDriver()
