"""Satellite receivers: NMEA 0183 sentences RMC, GGA, VTG and GSA merged into one fix a second.

A receiver without a fix is common (tunnels, cold start): its position is then the last known one, marked
stale, and never 0°, 0°, which receivers and parsers like to give. A date before 2020 is a receiver that
counted its weeks wrong; its fix is not used.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any, Final

import pynmea2

from edge.drivers.base import Captured, Explained, NativePoint
from edge.errors import BusCrcError, FrameError
from telemetry.devices.profiles import Profile
from telemetry.readings import Quality, Value

KNOT_KMH: Final = 1.852
FIRST_YEAR: Final = 2020
LONGEST_SENTENCE: Final = 200
"""Characters; the standard says 82, receivers with many satellites send more."""

_DEGREES: Final = re.compile(r"(\d{2,3})(\d\d(?:\.\d+)?)")
_NUMBER: Final = re.compile(r"-?\d+(\.\d*)?|-?\.\d+")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3])[0-5]\d[0-5]\d(\.\d+)?")
_OF_EPOCH: Final = ("RMC", "GGA")
_USED: Final = (*_OF_EPOCH, "VTG", "GSA")
_MOVING: Final = ("speed", "course", "altitude")


@dataclass(slots=True)
class _Epoch:
    """What the sentences of one moment said."""

    clock: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    no_fix: str = ""
    """Why the position must not be used."""
    has_position: bool = False


@dataclass(slots=True)
class NmeaStream:
    """Collects sentences until the moment that they tell of is over."""

    keys: frozenset[str]
    faults: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _epoch: _Epoch = field(default_factory=_Epoch)
    _last_position: tuple[float, float] | None = None

    def feed(self, data: bytes) -> list[tuple[NativePoint, ...]]:
        """Every fix that a new moment's first sentence closes."""
        self._buffer += data
        scans: list[tuple[NativePoint, ...]] = []
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            scans += self._take(line)
        if len(self._buffer) > LONGEST_SENTENCE:
            self.faults += 1
            self._buffer.clear()
        return scans

    def flush(self) -> list[tuple[NativePoint, ...]]:
        """The fix of the moment, complete because the receiver has fallen silent."""
        scan = self._close()
        return [scan] if scan else []

    def _take(self, line: bytes) -> list[tuple[NativePoint, ...]]:
        start = line.rfind(b"$")
        if start < 0:
            self.faults += bool(line.strip())
            return []
        try:
            sentence: Any = pynmea2.parse(line[start:].decode("ascii").strip(), check=True)
        except pynmea2.SentenceTypeError:
            return []
        except (pynmea2.ParseError, UnicodeDecodeError):
            self.faults += 1
            return []
        kind = getattr(sentence, "sentence_type", "")
        if kind not in _USED:
            return []
        closed: tuple[NativePoint, ...] = ()
        clock = _field(sentence, 0) if kind in _OF_EPOCH else ""
        if _CLOCK.fullmatch(clock) and clock != self._epoch.clock:
            if self._epoch.clock:
                closed = self._close()
            self._epoch.clock = clock
        _READERS[kind](self._epoch, sentence)
        return [closed] if closed else []

    def _close(self) -> tuple[NativePoint, ...]:
        epoch, self._epoch = self._epoch, _Epoch()
        if not epoch.values and not epoch.no_fix:
            return ()
        no_fix = epoch.no_fix
        points = [
            NativePoint(key, value)
            for key, value in epoch.values.items()
            if key not in ("latitude", "longitude") and not (no_fix and key in _MOVING)
        ]
        if no_fix:
            points += [NativePoint(key, None, Quality.STALE, no_fix) for key in _MOVING]
            for place, key in enumerate(("latitude", "longitude")):
                last = self._last_position[place] if self._last_position else None
                points.append(NativePoint(key, last, Quality.STALE, no_fix))
        elif epoch.has_position:
            latitude, longitude = epoch.values["latitude"], epoch.values["longitude"]
            assert isinstance(latitude, float)
            assert isinstance(longitude, float)
            self._last_position = (latitude, longitude)
            points += [NativePoint("latitude", latitude), NativePoint("longitude", longitude)]
        return tuple(point for point in points if point.key in self.keys)


def _field(sentence: Any, place: int) -> str:
    return str(sentence.data[place]).strip() if place < len(sentence.data) else ""


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _put(epoch: _Epoch, key: str, value: Value) -> None:
    if value is not None:
        epoch.values[key] = value


def _degrees(text: str, side: str, sides: str, largest: float) -> float | None:
    """`ddmm.mmmm` and its hemisphere as signed degrees; None for anything else."""
    match = _DEGREES.fullmatch(text)
    if match is None or side not in tuple(sides) or float(match[2]) >= 60:
        return None
    degrees = float(match[1]) + float(match[2]) / 60
    if degrees > largest:
        return None
    return round(-degrees if side == sides[1] else degrees, 7)


def _position(epoch: _Epoch, sentence: Any, place: int) -> None:
    latitude = _degrees(_field(sentence, place), _field(sentence, place + 1), "NS", 90)
    longitude = _degrees(_field(sentence, place + 2), _field(sentence, place + 3), "EW", 180)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        epoch.no_fix = epoch.no_fix or "the receiver gives no position"
        return
    epoch.values.update(latitude=latitude, longitude=longitude)
    epoch.has_position = True


def _date(text: str) -> dt.date | None:
    """`ddmmyy`; years count from 1980, when the satellites' own calendar begins."""
    if not re.fullmatch(r"\d{6}", text):
        return None
    year = int(text[4:])
    try:
        return dt.date(year + (1900 if year >= 80 else 2000), int(text[2:4]), int(text[:2]))
    except ValueError:
        return None


def _rmc(epoch: _Epoch, sentence: Any) -> None:
    date = _date(_field(sentence, 8))
    if _field(sentence, 1) != "A":
        epoch.no_fix = "the receiver has no fix (status V)"
    elif date is None or date.year < FIRST_YEAR:
        told = date.isoformat() if date else "unknown"
        epoch.no_fix = f"the receiver's date is {told}: it has lost count of its weeks"
    else:
        _position(epoch, sentence, 2)
        _put(epoch, "time", f"{date.isoformat()}T{_clock(epoch.clock)}Z" if epoch.clock else None)
    knots = _number(_field(sentence, 6))
    _put(epoch, "speed", None if knots is None else round(knots * KNOT_KMH, 6))
    _put(epoch, "course", _number(_field(sentence, 7)))


def _clock(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}:{text[4:]}"


def _gga(epoch: _Epoch, sentence: Any) -> None:
    fix = _number(_field(sentence, 5))
    _put(epoch, "fix_quality", None if fix is None else int(fix))
    satellites = _number(_field(sentence, 6))
    _put(epoch, "satellites", None if satellites is None else int(satellites))
    _put(epoch, "hdop", _number(_field(sentence, 7)))
    if not fix:
        epoch.no_fix = epoch.no_fix or "the receiver has no fix (quality 0)"
        return
    _position(epoch, sentence, 1)
    _put(epoch, "altitude", _number(_field(sentence, 8)))


def _vtg(epoch: _Epoch, sentence: Any) -> None:
    _put(epoch, "course", _number(_field(sentence, 0)))
    _put(epoch, "speed", _number(_field(sentence, 6)))


def _gsa(epoch: _Epoch, sentence: Any) -> None:
    mode = _number(_field(sentence, 1))
    _put(epoch, "fix_mode", None if mode is None else int(mode))
    for key, place in (("pdop", 14), ("hdop", 15), ("vdop", 16)):
        _put(epoch, key, _number(_field(sentence, place)))
    if mode == 1:
        epoch.no_fix = epoch.no_fix or "the receiver has no fix (mode 1)"


_READERS: Final = {"RMC": _rmc, "GGA": _gga, "VTG": _vtg, "GSA": _gsa}


@dataclass(frozen=True, slots=True)
class NmeaDriver:
    """Driver of satellite receivers."""

    def greeting(self, profile: Profile) -> bytes:
        """Nothing: receivers talk by themselves."""
        return b""

    def stream(self, profile: Profile) -> NmeaStream:
        """A reader for one receiver."""
        return NmeaStream(frozenset(profile.by_key))

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The last fix of some captured sentences.

        Raises:
            BusCrcError: sentences came, but damaged.
            FrameError: there is no sentence that tells of a position.
        """
        reader = self.stream(profile)
        scans = reader.feed(captured.response + b"\n") + reader.flush()
        if scans:
            return Explained(scans[-1])
        if reader.faults:
            raise BusCrcError(f"{reader.faults} sentence(s) with a wrong or missing checksum, no good one")
        raise FrameError(f"no sentence {', '.join(_USED)} with a value in it")


DRIVER = NmeaDriver()
