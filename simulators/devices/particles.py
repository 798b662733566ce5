"""Plantower PMS5003: a frame of 32 bytes every second, and the commands that the sensor obeys."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulators.devices.instrument import Native
from simulators.faults import Kind, Owners
from simulators.plants.station import AirStation
from simulators.world.noise import Noise
from telemetry.clock import Clock

HEADER: Final = b"\x42\x4d"
BODY_LENGTH: Final = 28
_COMMAND_LENGTH: Final = 7
_MODE, _READ, _SLEEP = 0xE1, 0xE2, 0xE4
_MAX_PENDING: Final = 64


@dataclass(frozen=True, slots=True)
class ParticleCounts:
    """The twelve numbers of a frame, µg/m³ and particles in 0.1 L."""

    values: tuple[int, ...]

    def frame(self) -> bytes:
        """The frame with its checksum: the sum of all bytes before it."""
        words = [min(max(value, 0), 0xFFFF) for value in self.values]
        body = HEADER + struct.pack(">14H", BODY_LENGTH, *words, 0x9700)
        return body + struct.pack(">H", sum(body) & 0xFFFF)


class ParticleSensor:
    """One sensor: talks by itself, unless put to sleep or into passive mode."""

    every_s = 1.0

    def __init__(self, station: AirStation, owners: Owners, clock: Clock, noise: Noise) -> None:
        self._station = station
        self._owners = owners
        self._clock = clock
        self._noise = noise
        self._active = True
        self._asleep = False
        self._pending = bytearray()
        self._kept: ParticleCounts | None = None

    def values(self, time_s: float) -> Mapping[str, Native]:
        """What a frame carries, by the keys of the profile."""
        counts = self._counts(time_s).values
        return dict(zip(_KEYS, counts, strict=True))

    def message(self) -> bytes:
        """The next frame; empty while the sensor sleeps or waits to be asked."""
        return self._frame() if self._active and not self._asleep else b""

    def hear(self, data: bytes) -> bytes:
        """Obey commands; the answer to `read` in passive mode."""
        self._pending += data
        answer = b""
        while (start := self._pending.find(HEADER)) >= 0 and len(self._pending) >= start + _COMMAND_LENGTH:
            command = bytes(self._pending[start : start + _COMMAND_LENGTH])
            del self._pending[: start + _COMMAND_LENGTH]
            if sum(command[:5]) == int.from_bytes(command[5:], "big"):
                answer += self._obey(command[2], command[4])
        del self._pending[:-_MAX_PENDING]
        return answer

    def _obey(self, command: int, data: int) -> bytes:
        if command == _MODE:
            self._active = bool(data)
        elif command == _SLEEP:
            self._asleep = not data
        elif command == _READ and not self._asleep and not self._active:
            return self._frame()
        return b""

    def _frame(self) -> bytes:
        now_s = self._clock.now_ms() / 1000
        if self._owners.strength(Kind.DEAD, now_s):
            return b""
        if self._owners.strength(Kind.GARBAGE, now_s):
            numbers = (int(self._noise.uniform(int(now_s) * 12 + each) * 0x10000) for each in range(12))
            return ParticleCounts(tuple(numbers)).frame()
        if not self._owners.strength(Kind.STUCK, now_s):
            self._kept = None
        counts = self._kept or self._counts(now_s)
        if self._owners.strength(Kind.STUCK, now_s):
            self._kept = counts
        frame = counts.frame()
        if self._owners.strength(Kind.CRC, now_s):
            return frame[:-1] + bytes((frame[-1] ^ 0x5A,))
        return frame

    def _counts(self, time_s: float) -> ParticleCounts:
        air = self._station.air(time_s)
        pm1, pm2_5 = round(air.pm1), round(air.pm2_5)
        pm10 = max(pm2_5, round(air.pm10))
        raw = tuple(round(value * (1.0 if value < 30 else 1.25)) for value in (pm1, pm2_5, pm10))
        number = 165.0 * air.pm1
        sizes = (number, 0.29 * number, 0.055 * number, 0.7 * (air.pm2_5 - air.pm1), 0.3 * (pm10 - pm2_5))
        last = round(0.1 * (pm10 - pm2_5))
        return ParticleCounts((*raw, pm1, pm2_5, pm10, *(round(size) for size in sizes), last))


_KEYS: Final = (
    "pm1_cf1", "pm25_cf1", "pm10_cf1", "pm1", "pm25", "pm10",
    "n0_3um", "n0_5um", "n1um", "n2_5um", "n5um", "n10um",
)  # fmt: skip
