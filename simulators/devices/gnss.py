"""A GNSS receiver that speaks NMEA 0183: RMC, GGA and VTG every second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import reduce
from operator import xor
from typing import Final

from simulators.devices.instrument import Native
from simulators.faults import Kind, Owners
from simulators.plants.truck import Reception, Truck
from simulators.world.noise import Noise
from telemetry.clock import Clock

KNOT_M_S: Final = 1852 / 3600
_COURSE_FROM_M_S: Final = 0.3
"""Below this speed a receiver knows no course."""


def sentence(body: str) -> str:
    """A sentence with its checksum: the exclusive or of all characters between `$` and `*`."""
    return f"${body}*{reduce(xor, body.encode('ascii'), 0):02X}\r\n"


class GnssReceiver:
    """One receiver on a truck."""

    every_s = 1.0

    def __init__(self, truck: Truck, owners: Owners, clock: Clock, noise: Noise) -> None:
        self._truck = truck
        self._owners = owners
        self._clock = clock
        self._noise = noise
        self._kept: Reception | None = None

    def values(self, time_s: float) -> Mapping[str, Native]:
        """What the sentences say, by the keys of the profile; nothing without a fix."""
        seen = self._truck.at(time_s)
        if seen.fix is None:
            return {"hdop": seen.hdop, "satellites": seen.satellites}
        return {
            "latitude": round(seen.fix.latitude, 7),
            "longitude": round(seen.fix.longitude, 7),
            "altitude": round(seen.altitude_m, 1),
            "speed": round(seen.fix.speed_m_s * 3.6, 2),
            "course": round(seen.fix.heading_deg, 1),
            "hdop": round(seen.hdop, 1),
            "satellites": seen.satellites,
        }

    def message(self) -> bytes:
        """The sentences of this second; receivers measure at full seconds."""
        now_s = self._clock.now_ms() // 1000
        if self._owners.strength(Kind.DEAD, now_s):
            return b""
        if self._owners.strength(Kind.GARBAGE, now_s):
            return self._nonsense(now_s)
        if not self._owners.strength(Kind.STUCK, now_s):
            self._kept = None
        seen = self._kept or self._truck.at(now_s)
        if self._owners.strength(Kind.STUCK, now_s):
            self._kept = seen
        text = "".join(sentence(body) for body in sentence_bodies(seen, now_s))
        if self._owners.strength(Kind.CRC, now_s):
            text = text.replace("*", "*G")  # G is no hexadecimal digit: always wrong
        return text.encode("ascii")

    def hear(self, data: bytes) -> bytes:
        """Receivers are configured in the workshop: what arrives is ignored."""
        return b""

    def _nonsense(self, now_s: float) -> bytes:
        """A well-formed position in the wrong half of the world, and a token that lost its middle."""
        when = datetime.fromtimestamp(now_s, UTC)
        jump = self._noise.uniform(int(now_s))
        place = f"{1000 + 7000 * jump:09.4f},S,{10000 * jump:010.4f},W"
        body = f"GNRMC,{when:%H%M%S}.00,A,{place},512.0,725.3,{when:%d%m%y},,,A"
        return (sentence(body) + "$GNGGA,0=m=032\r\n").encode("ascii")


def sentence_bodies(seen: Reception, time_s: float) -> list[str]:
    """RMC, GGA and VTG without frame and checksum; without a fix they say so and leave the position out."""
    when = datetime.fromtimestamp(time_s, UTC)
    clock = f"{when:%H%M%S}.00"
    if seen.fix is None:
        return [
            f"GNRMC,{clock},V,,,,,,,{when:%d%m%y},,,N",
            f"GNGGA,{clock},,,,,0,00,99.99,,M,,M,,",
            "GNVTG,,T,,M,,N,,K,N",
        ]
    fix = seen.fix
    place = f"{_angle(fix.latitude, 2, 'NS')},{_angle(fix.longitude, 3, 'EW')}"
    knots = fix.speed_m_s / KNOT_M_S
    course = f"{fix.heading_deg % 360:.1f}" if fix.speed_m_s > _COURSE_FROM_M_S else ""
    return [
        f"GNRMC,{clock},A,{place},{knots:.2f},{course},{when:%d%m%y},,,A",
        f"GNGGA,{clock},{place},1,{seen.satellites:02d},{seen.hdop:.2f},{seen.altitude_m:.1f},M,-1.2,M,,",
        f"GNVTG,{course},T,,M,{knots:.2f},N,{fix.speed_m_s * 3.6:.2f},K,A",
    ]


def _angle(degrees: float, digits: int, signs: str) -> str:
    """Degrees as NMEA writes them: dddmm.mmmmm and a letter."""
    hundred_thousandths = round(abs(degrees) * 60 * 100_000)
    whole, rest = divmod(hundred_thousandths, 60 * 100_000)
    return f"{whole:0{digits}d}{rest / 100_000:08.5f},{signs[degrees < 0]}"
