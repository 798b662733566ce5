"""The time from a satellite receiver's sentences, RMC and ZDA, as they come over a serial line. Pure.

A receiver tells of a second some tenths after it began, later the more it has to say; so of several sentences
the earliest one, which makes the time the latest, is the rightest. A receiver without a fix tells the time of
its own quartz, and an old one counts its weeks wrong: neither is believed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from edge.time.ladder import Rung, Sample

ERROR_S: Final = 0.6
"""Sentences come up to half a second after their second, and take a tenth to arrive."""
_LONGEST: Final = 200
_FIX_LASTS_S: Final = 5.0
_WINDOW_S: Final = 60.0
_LINE: Final = re.compile(rb"\$([A-Z]{2})(RMC|ZDA),([^*\r\n]*)\*([0-9A-Fa-f]{2})")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d)(\.\d+)?")


@dataclass(slots=True)
class GnssTime:
    """Listens to one line."""

    offer: Callable[[Sample], None]
    _buffer: bytearray = field(default_factory=bytearray)
    _fix_at: float = float("-inf")
    _best: Sample | None = None

    def heard(self, data: bytes, at: float) -> None:
        """Bytes of the line, and the monotonic second at which they were there."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            moment = self._moment(line, at)
            if moment is not None:
                self._take(Sample(Rung.GNSS, moment.timestamp() - at, ERROR_S, at))
        if len(self._buffer) > _LONGEST:
            self._buffer.clear()

    def _take(self, sample: Sample) -> None:
        best = self._best
        if best is None or sample.offset_s >= best.offset_s or sample.at - best.at > _WINDOW_S:
            self._best = sample
            self.offer(sample)

    def _moment(self, line: bytes, at: float) -> dt.datetime | None:
        match = _LINE.search(line)
        if match is None or reduce(int.__xor__, line[match.start() + 1 : match.start(4) - 1]) != int(
            match[4], 16
        ):
            return None
        fields = match[3].decode("ascii", "replace").split(",")
        if match[2] == b"RMC":
            if len(fields) < 9 or fields[1] != "A":
                self._fix_at = float("-inf")
                return None
            self._fix_at = at
            date = fields[8]
            return _moment(fields[0], f"20{date[4:]}", date[2:4], date[:2])
        if at - self._fix_at > _FIX_LASTS_S or len(fields) < 4:
            return None
        return _moment(fields[0], fields[3], fields[2], fields[1])


def _moment(clock: str, year: str, month: str, day: str) -> dt.datetime | None:
    match = _CLOCK.fullmatch(clock)
    if match is None:
        return None
    microseconds = round(float(match[4] or 0) * 1_000_000)
    try:
        date = dt.datetime(int(year), int(month), int(day), tzinfo=dt.UTC)
    except ValueError:
        return None
    passed = dt.timedelta(
        hours=int(match[1]), minutes=int(match[2]), seconds=int(match[3]), microseconds=microseconds
    )
    return date + passed
