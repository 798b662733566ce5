"""Vaisala WXT500 weather transmitters, ASCII polled: `0R0` is answered by `0R0,Dm=051D,Sm=0.1M,Ta=27.9C`.

Each token is checked by itself: on long RS-485 runs lines such as `0R1,Dn=0m=032D,Sm=0.1M` occur, whose rest
is right. A value whose unit letter is `#` is one that the transmitter knows to be invalid. Units follow the
letter and the key: M is metres a second for wind and millimetres for rain.

Options: `address`, `command` (R0 composite, R1 wind, R2 pressure, temperature, humidity, R3 rain, R5
supervisor), `crc` (small letters: question and answer end in three characters of checksum).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from edge.drivers import options
from edge.drivers.base import Captured, Dialogue, Explained, NativePoint
from edge.drivers.checksums import sdi12_signs
from edge.drivers.values import native_point, spoil
from edge.errors import BusCrcError, BusMismatch, DriverError, FrameError
from telemetry.devices.profiles import Profile
from telemetry.readings import Quality

END: Final = b"\r\n"
ANSWER_WITHIN_S: Final = 1.5
_CRC_BYTES: Final = 3
_COMMANDS: Final = ("R0", "R1", "R2", "R3", "R5")
_ADDRESS: Final = re.compile(r"[0-9A-Za-z]")
_HEAD: Final = re.compile(r"([0-9A-Za-z])[Rr][0-9]")
TOKEN: Final = re.compile(r"(?P<key>[A-Z][a-z])=(?P<value>-?\d+(?:\.\d+)?)(?P<unit>[A-Za-z#])")

_WIND: Final = {"M": 1.0, "K": 1 / 3.6, "S": 0.44704, "N": 1852 / 3600}
_RAIN: Final = {"M": 1.0, "I": 25.4}
_PRESSURE: Final = {"H": 1.0, "P": 0.01, "B": 1000.0, "M": 1.333224, "I": 33.86389}
_DEGREES: Final = {"D": 1.0}
_HEAT: Final = {"C": 1.0, "F": 1.0}
_SECONDS: Final = {"S": 1.0, "s": 1.0}
_HAIL: Final = {"M": 1.0}
_VOLTS: Final = {"V": 1.0}
UNITS: Final[dict[str, dict[str, float]]] = {
    "Dn": _DEGREES, "Dm": _DEGREES, "Dx": _DEGREES, "Sn": _WIND, "Sm": _WIND, "Sx": _WIND,
    "Ta": _HEAT, "Tp": _HEAT, "Th": _HEAT, "Ua": {"P": 1.0}, "Pa": _PRESSURE,
    "Rc": _RAIN, "Ri": _RAIN, "Rp": _RAIN, "Rd": _SECONDS, "Hd": _SECONDS,
    "Hc": _HAIL, "Hi": _HAIL, "Hp": _HAIL, "Vs": _VOLTS, "Vr": _VOLTS,
    "Vh": {"V": 1.0, "N": 1.0, "W": 1.0, "F": 1.0},
}  # fmt: skip
"""Factor into the profile's unit for each unit letter that a key may have."""
_FAHRENHEIT: Final = frozenset({"Ta", "Tp", "Th"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line of values, and how many of its tokens were damaged."""

    address: str
    points: tuple[NativePoint, ...]
    damaged: int


def read_line(profile: Profile, line: bytes, *, crc: bool) -> Line:
    """The good tokens of a line.

    Raises:
        BusCrcError: the line's checksum is wrong, or it does not begin with an address and a command.
    """
    body = line.strip(b"\r\n \x00")
    if crc:
        body, signs = body[:-_CRC_BYTES], body[-_CRC_BYTES:]
        if signs != sdi12_signs(body):
            raise BusCrcError(f"checksum {signs!r} of {line!r} is wrong, {sdi12_signs(body)!r} is right")
    head, *tokens = body.decode("ascii", errors="replace").split(",")
    match = _HEAD.fullmatch(head)
    if match is None:
        raise BusCrcError(f"{line!r} does not begin as 0R0 does: the line is noisy")
    points: dict[str, NativePoint] = {}
    damaged = 0
    for text in tokens:
        if text.startswith("Id="):
            continue
        point = _point(profile, text)
        if point is None:
            damaged += 1
        elif point.key in profile.by_key:
            points[point.key] = point
    return Line(match[1], tuple(spoil(profile, list(points.values()))), damaged)


def _point(profile: Profile, text: str) -> NativePoint | None:
    token = TOKEN.fullmatch(text)
    if token is None or token["key"] not in UNITS:
        return None
    key, unit, raw = token["key"], token["unit"], text.encode()
    name = key.lower()
    if unit == "#":
        return NativePoint(name, None, Quality.BAD, "the transmitter marks the value invalid (#)", raw)
    factor = UNITS[key].get(unit)
    if factor is None:
        return None
    if name not in profile.by_key:
        return NativePoint(name, None)
    number = float(token["value"])
    if unit == "F" and key in _FAHRENHEIT:
        number = (number - 32) / 1.8
    return native_point(profile, name, float(f"{number * factor:.10g}"), raw)


@dataclass(frozen=True, slots=True)
class WxtDriver:
    """Driver of WXT520, WXT530 series in ASCII polled mode."""

    def address(self, profile: Profile) -> str:
        """The transmitter's character on the line."""
        address = options.text(profile, "address")
        if not _ADDRESS.fullmatch(address):
            raise DriverError(f"{profile.id}: option address must be one of 0-9, A-Z, a-z, not {address!r}")
        options.choice(profile, "command", _COMMANDS)
        return address

    async def scan(self, line: Dialogue, profile: Profile, keys: frozenset[str]) -> tuple[NativePoint, ...]:
        """The values of one answer."""
        address, command = self.address(profile), options.choice(profile, "command", _COMMANDS)
        crc = bool(profile.options.get("crc", False))
        request = f"{address}{command.lower() if crc else command}".encode()
        await line.ask(request + (sdi12_signs(request) if crc else b"") + END)
        answer = read_line(profile, await line.read_until(END, ANSWER_WITHIN_S), crc=crc)
        if answer.address != address:
            raise BusMismatch(f"transmitter {answer.address} answered, {address} was asked")
        if not answer.points:
            raise BusCrcError(f"none of {answer.damaged} tokens is right: the line is noisy")
        return answer.points

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of captured lines; damaged tokens are left out.

        Raises:
            BusCrcError: no token of any line is right, or a line's checksum is wrong.
            FrameError: there is no line.
        """
        crc = bool(profile.options.get("crc", False))
        points: dict[str, NativePoint] = {}
        damaged = 0
        for raw in captured.response.splitlines():
            if raw.strip():
                line = read_line(profile, raw, crc=crc)
                damaged += line.damaged
                points.update({point.key: point for point in line.points})
        if points:
            return Explained(tuple(points.values()))
        if damaged:
            raise BusCrcError(f"none of {damaged} tokens has the form Sm=0.1M")
        raise FrameError("no line such as 0R0,Dm=051D,Sm=0.1M")


DRIVER = WxtDriver()
