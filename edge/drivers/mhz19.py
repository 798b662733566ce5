"""Winsen MH-Z19 CO₂ sensor: nine bytes asked, nine answered.

`FF 86 high low (T + 40) … checksum`; the checksum makes the low byte of the sum of all but the first byte 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.drivers.base import Captured, Dialogue, Explained, NativePoint
from edge.drivers.values import native_point, spoil
from edge.errors import BusCrcError, BusMismatch, FrameError
from telemetry.devices.profiles import Profile

SIZE: Final = 9
ASK: Final = bytes.fromhex("FF0186000000000079")
_HEAD: Final = b"\xff\x86"
_ANSWER_WITHIN_S: Final = 1.0


def decode(profile: Profile, frame: bytes) -> tuple[NativePoint, ...]:
    """The values of an answer.

    Raises:
        BusCrcError: the checksum is wrong.
        BusMismatch: it is no answer to the question.
    """
    if sum(frame[1:SIZE]) & 0xFF:
        right = -sum(frame[1:8]) & 0xFF
        raise BusCrcError(f"checksum {frame[8]:02X} is wrong, {right:02X} would be right: the line is noisy")
    if frame[:2] != _HEAD:
        raise BusMismatch(f"the answer begins with {frame[:2].hex(' ').upper()}, not FF 86")
    points = (
        native_point(profile, "co2", int.from_bytes(frame[2:4], "big"), frame[2:4]),
        native_point(profile, "temperature", frame[4], frame[4:5]),
        NativePoint("status", frame[5], raw=frame[5:6]),
    )
    return tuple(spoil(profile, points))


@dataclass(frozen=True, slots=True)
class Mhz19Driver:
    """Driver of the MH-Z19."""

    def address(self, profile: Profile) -> str:
        """Empty: the sensor has its line alone."""
        return ""

    async def scan(self, line: Dialogue, profile: Profile, keys: frozenset[str]) -> tuple[NativePoint, ...]:
        """All values of one answer."""
        await line.ask(ASK)
        return decode(profile, await line.read(SIZE, _ANSWER_WITHIN_S))

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of a captured answer. Raises BusCrcError, BusMismatch, FrameError."""
        start = captured.response.find(_HEAD)
        frame = captured.response[max(start, 0) :][:SIZE]
        if len(frame) < SIZE:
            raise FrameError(f"{len(captured.response)} bytes are no answer: it has 9 and begins with FF 86")
        return Explained(
            decode(profile, frame), "asks for the concentration" if captured.request == ASK else ""
        )


DRIVER = Mhz19Driver()
