"""Teltonika vehicle trackers by Codec 8 and Codec 8 Extended: the tracker calls the gateway over TCP.

It names itself by its IMEI (`000F` and 15 digits) and is told 01 (welcome) or 00. Then come packets: four
zero bytes, length, codec, number of records, records, the number again, CRC-16. The gateway answers how many
records it took, after they are on disk: the tracker keeps what was not acknowledged and sends it again.

A record's position is the last known one where the receiver has no fix (no satellites): it is stale then.
Which input or counter has which number stands in option `io`: `{ignition: 239, odometer: 16}`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.drivers import options
from edge.drivers.base import Captured, Explained, Heard, NativePoint, Record
from edge.drivers.checksums import crc16_ibm
from edge.drivers.values import native_point, spoil
from edge.errors import BusCrcError, BusMismatch, DriverError, FrameError
from telemetry.devices.profiles import Profile
from telemetry.readings import Quality

CODEC_8: Final = 0x08
CODEC_8E: Final = 0x8E
WELCOME: Final = b"\x01"
REFUSED: Final = b"\x00"
LONGEST_PACKET: Final = 8192
"""Bytes of data; trackers send at most 1280, newer ones 4096."""
IMEI_DIGITS: Final = 15
NO_FIX: Final = "the tracker has no satellite fix: last known position"
_PREAMBLE: Final = bytes(4)
_HEAD_BYTES: Final = 8
_CRC_BYTES: Final = 4
_GPS: Final = struct.Struct(">QBiihHBH")
"""Time, priority, longitude, latitude, altitude, angle, satellites, speed."""
_SIZES: Final = (1, 2, 4, 8)
_DEGREES: Final = 1e-7
_FIRST_MS: Final = 1_577_836_800_000
"""2020-01-01: a record from before comes from a tracker that has never had the time."""
_LAST_MS: Final = 4_102_444_800_000
"""2100-01-01."""


@dataclass(frozen=True, slots=True)
class Fix:
    """One record of a packet as it travelled."""

    time_ms: int
    priority: int
    longitude: float
    latitude: float
    altitude: int
    angle: int
    satellites: int
    speed: int
    io: Mapping[int, int]
    """Values by the maker's number, unsigned; those of variable length are left out."""


def read_login(data: bytes) -> str | None:
    """The IMEI in a login; None while it is incomplete.

    Raises:
        FrameError: it is no login.
    """
    if data[:2] != b"\x00\x0f"[: len(data)]:
        raise FrameError(f"{data[:4].hex().upper()} is no login of a tracker: 000F and 15 digits")
    if len(data) < 2 + IMEI_DIGITS:
        return None
    digits = data[2 : 2 + IMEI_DIGITS]
    if not digits.isdigit():
        raise FrameError("a login holds 15 digits")
    return digits.decode("ascii")


def read_packet(packet: bytes) -> tuple[Fix, ...]:
    """The records of a whole packet, in its order.

    Raises:
        BusCrcError: the checksum is wrong, or the lengths in it make no sense.
        BusMismatch: it is of another codec.
    """
    data, crc = packet[_HEAD_BYTES:-_CRC_BYTES], int.from_bytes(packet[-_CRC_BYTES:], "big")
    if crc16_ibm(data) != crc:
        raise BusCrcError(f"checksum {crc:04X} is wrong, {crc16_ibm(data):04X} is right")
    if data[0] not in (CODEC_8, CODEC_8E):
        raise BusMismatch(f"codec {data[0]:#04x}: set the tracker to Codec 8 or Codec 8 Extended")
    reader = _Reader(data, 2, 2 if data[0] == CODEC_8E else 1)
    try:
        fixes = tuple(reader.fix() for _ in range(data[1]))
        again = reader.number(1)
    except (IndexError, struct.error) as error:
        raise BusCrcError("the packet ends in the middle of a record") from error
    if again != data[1] or reader.at != len(data):
        raise BusCrcError(f"the packet says {data[1]} and then {again} records")
    return fixes


class _Reader:
    """Walks through a packet. `width`: bytes of numbers and counts of inputs."""

    def __init__(self, data: bytes, at: int, width: int) -> None:
        self.data = data
        self.at = at
        self._width = width

    def number(self, size: int) -> int:
        """The next `size` bytes. Raises IndexError behind the end."""
        if self.at + size > len(self.data):
            raise IndexError
        number = int.from_bytes(self.data[self.at : self.at + size], "big")
        self.at += size
        return number

    def fix(self) -> Fix:
        """The next record."""
        time_ms, priority, longitude, latitude, altitude, angle, satellites, speed = _GPS.unpack_from(
            self.data, self.at
        )
        self.at += _GPS.size
        self.number(self._width)  # which input caused the record
        self.number(self._width)  # how many inputs there are in all
        io: dict[int, int] = {}
        for size in _SIZES:
            for _ in range(self.number(self._width)):
                number = self.number(self._width)
                io[number] = self.number(size)
        if self._width == 2:
            for _ in range(self.number(2)):
                self.number(2)
                self.number(self.number(2))
        return Fix(
            time_ms,
            priority,
            round(longitude * _DEGREES, 7),
            round(latitude * _DEGREES, 7),
            altitude,
            angle,
            satellites,
            speed,
            io,
        )


def points_of(profile: Profile, fix: Fix) -> tuple[NativePoint, ...]:
    """A record as points."""
    has_fix = fix.satellites > 0 and not (fix.latitude == 0 and fix.longitude == 0)
    points = [NativePoint("satellites", fix.satellites), NativePoint("priority", fix.priority)]
    if has_fix:
        points += [
            native_point(profile, "latitude", fix.latitude),
            native_point(profile, "longitude", fix.longitude),
            native_point(profile, "altitude", fix.altitude),
            native_point(profile, "angle", fix.angle),
            native_point(profile, "speed", fix.speed),
        ]
    else:
        known = (fix.latitude, fix.longitude) != (0, 0)
        places = (("latitude", fix.latitude), ("longitude", fix.longitude))
        points += [NativePoint(key, value if known else None, Quality.STALE, NO_FIX) for key, value in places]
        points += [NativePoint(key, None, Quality.STALE, NO_FIX) for key in ("altitude", "angle", "speed")]
    numbers = _inputs(profile)
    points += [native_point(profile, key, fix.io[at]) for key, at in numbers.items() if at in fix.io]
    return tuple(spoil(profile, [point for point in points if point.key in profile.by_key]))


def _inputs(profile: Profile) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for key, number in options.table(profile, "io").items():
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 0xFFFF:
            raise DriverError(f"{profile.id}: option io.{key} must be 1-65535, not {number!r}")
        numbers[key] = number
    return numbers


@dataclass(slots=True)
class TeltonikaCall:
    """One connection of a tracker."""

    known: Mapping[str, Profile]
    caller: str = ""
    faults: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[Heard]:
        """Take bytes as they come; the login, then packets."""
        self._buffer += data
        heard: list[Heard] = []
        while (each := self._next()) is not None:
            heard.append(each)
            if each.ends:
                self._buffer.clear()
                break
        return heard

    def _next(self) -> Heard | None:
        if not self._buffer:
            return None
        return self._login() if not self.caller else self._packet()

    def _login(self) -> Heard | None:
        try:
            imei = read_login(bytes(self._buffer))
        except FrameError as error:
            self.faults += 1
            return Heard(ends=True, reason=str(error))
        if imei is None:
            return None
        del self._buffer[: 2 + IMEI_DIGITS]
        if imei not in self.known:
            return Heard(reply=REFUSED, ends=True, reason=f"no device of this gateway has the imei {imei}")
        self.caller = imei
        return Heard(reply=WELCOME)

    def _packet(self) -> Heard | None:
        if self._buffer[0] == 0xFF:  # keep-alive of trackers behind some networks
            del self._buffer[0]
            return Heard()
        if self._buffer[:4] != _PREAMBLE[: len(self._buffer)]:
            self.faults += 1
            return Heard(ends=True, reason="bytes that are no packet: the tracker must begin anew")
        if len(self._buffer) < _HEAD_BYTES:
            return None
        size = int.from_bytes(self._buffer[4:_HEAD_BYTES], "big")
        if not 3 <= size <= LONGEST_PACKET:
            self.faults += 1
            return Heard(ends=True, reason=f"a packet of {size} bytes is none of a tracker's")
        whole = _HEAD_BYTES + size + _CRC_BYTES
        if len(self._buffer) < whole:
            return None
        packet = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        return self._records(packet)

    def _records(self, packet: bytes) -> Heard:
        try:
            fixes = read_packet(packet)
        except BusCrcError as error:
            self.faults += 1
            return Heard(reply=(0).to_bytes(4, "big"), reason=str(error))  # it sends the packet again
        except BusMismatch as error:
            self.faults += 1
            return Heard(ends=True, reason=str(error))
        profile = self.known[self.caller]
        records = tuple(
            Record(fix.time_ms, points_of(profile, fix))
            for fix in sorted(fixes, key=lambda fix: fix.time_ms)
            if _FIRST_MS <= fix.time_ms < _LAST_MS
        )
        missing = len(fixes) - len(records)
        reason = f"{missing} record(s) without a believable time are left out" if missing else ""
        return Heard(records, len(fixes).to_bytes(4, "big"), reason=reason)


@dataclass(frozen=True, slots=True)
class TeltonikaDriver:
    """Driver of Teltonika trackers."""

    def identity(self, profile: Profile) -> str:
        """The tracker's IMEI. Raises DriverError where the options are wrong."""
        _inputs(profile)
        imei = options.text(profile, "imei")
        if len(imei) != IMEI_DIGITS or not imei.isascii() or not imei.isdigit():
            raise DriverError(
                f"{profile.id}: give the tracker's 15 digits, not {imei!r}: "
                "`options: {imei: '356307042441013'}`"
            )
        return imei

    def answer(self, known: Mapping[str, Profile]) -> TeltonikaCall:
        """A new call."""
        return TeltonikaCall(known)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The newest record of a captured packet; the request may be a login.

        Raises:
            BusCrcError, BusMismatch, FrameError: damaged, another codec, or neither login nor packet.
        """
        words = ""
        if captured.request:
            words = f"tracker {read_login(captured.request) or '…'} calls"
        data = captured.response
        if not data:
            return Explained((), words)
        size = int.from_bytes(data[4:_HEAD_BYTES], "big")
        if data[:4] != _PREAMBLE or len(data) != _HEAD_BYTES + size + _CRC_BYTES:
            raise FrameError(f"{len(data)} bytes are no whole packet: 00000000, length, data, CRC")
        fixes = read_packet(data)
        if not fixes:
            raise FrameError("a packet without records")
        return Explained(points_of(profile, max(fixes, key=lambda fix: fix.time_ms)), words)


DRIVER = TeltonikaDriver()
