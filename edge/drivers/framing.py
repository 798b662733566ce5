"""Finding messages in a stream of bytes: what drivers of talking instruments are made of.

A driver says how a frame begins, how long it is and when it is whole (`FrameStream`), or what a line of text
means (`LineStream`); both skip whatever else is on the wire and keep less than one message between calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from edge.drivers.base import Captured, Explained, NativePoint, Stream
from edge.drivers.values import spoil
from edge.errors import BusCrcError, FrameError
from telemetry.devices.profiles import Profile

Scan: TypeAlias = tuple[NativePoint, ...]
LONGEST_LINE: Final = 256
"""Bytes of a text line; what is longer is no line of an instrument."""


@dataclass(slots=True)
class FrameStream:
    """A `Stream` of frames of one size that begin alike.

    A frame that is not whole only costs its first byte: the next one may begin inside it.
    """

    profile: Profile
    head: bytes
    size: int
    is_whole: Callable[[bytes], bool]
    decode: Callable[[bytes], Scan]
    faults: int = 0
    buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[Scan]:
        """Every frame completed by `data`."""
        self.buffer += data
        scans: list[Scan] = []
        while True:
            start = self.buffer.find(self.head)
            if start < 0:
                del self.buffer[: max(len(self.buffer) - len(self.head) + 1, 0)]
                return scans
            del self.buffer[:start]
            if len(self.buffer) < self.size:
                return scans
            frame = bytes(self.buffer[: self.size])
            if self.is_whole(frame):
                scans.append(tuple(spoil(self.profile, self.decode(frame))))
                del self.buffer[: self.size]
            else:
                self.faults += 1
                del self.buffer[0]

    def flush(self) -> list[Scan]:
        """Nothing: a frame is complete or not."""
        return []


@dataclass(slots=True)
class LineStream:
    """A `Stream` of text lines.

    `decode` gives the scan that a line is, None for a damaged line, and nothing (an empty scan) for a line
    that is whole but says nothing.
    """

    profile: Profile
    end: bytes
    decode: Callable[[str], Scan | None]
    longest: int = LONGEST_LINE
    faults: int = 0
    buffer: bytearray = field(default_factory=bytearray)
    _is_skipping: bool = False

    def feed(self, data: bytes) -> list[Scan]:
        """Every scan that a line completed by `data` is."""
        scans: list[Scan] = []
        for byte in data:
            self.buffer.append(byte)
            if self.buffer.endswith(self.end):
                line = bytes(self.buffer[: -len(self.end)])
                self.buffer.clear()
                if self._is_skipping:
                    self._is_skipping = False
                else:
                    self._take(line, scans)
            elif len(self.buffer) > self.longest:
                self.faults += not self._is_skipping
                self._is_skipping = True
                del self.buffer[: -len(self.end)]
        return scans

    def _take(self, line: bytes, scans: list[Scan]) -> None:
        if not line.strip():
            return
        scan = self.decode(line.decode("ascii", errors="replace"))
        if scan is None:
            self.faults += 1
        elif scan:
            scans.append(tuple(spoil(self.profile, scan)))

    def flush(self) -> list[Scan]:
        """Nothing: a line is complete or not."""
        return []


def explain_stream(stream: Stream, captured: Captured, expected: str) -> Explained:
    """The last scan of a captured stretch of a line.

    Args:
        stream: a fresh reader.
        captured: what was on the line.
        expected: what a message looks like, for the error's text.

    Raises:
        BusCrcError: there are messages, but all are damaged.
        FrameError: there is none.
    """
    scans = [*stream.feed(captured.response), *stream.flush()]
    if scans:
        return Explained(scans[-1])
    if stream.faults:
        raise BusCrcError(
            f"{stream.faults} damaged message(s) (wrong checksum or form), no good one: the line is noisy "
            f"or its settings are wrong; expected is {expected}"
        )
    raise FrameError(f"no whole message in {len(captured.response)} bytes; expected is {expected}")
