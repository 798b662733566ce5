"""Kamstrup meters by KMP, over the optical eye or the meter's serial terminals.

A question is `80`, the stuffed body, `0D`; the answer `40`, the stuffed body, `0D`. The body is the address
`3F`, the command `10`, the registers, and a CRC (polynomial 1021). A register answers with its number, unit,
and a decimal number: mantissa × 10^exponent. Up to eight registers are asked at once: each question costs the
meter's battery.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from edge.drivers import options
from edge.drivers.base import Captured, Dialogue, Explained, NativePoint
from edge.drivers.checksums import crc16_ccitt
from edge.drivers.values import native_point, spoil
from edge.errors import BusCrcError, BusMismatch, DriverError, FrameError
from telemetry.devices.profiles import Profile
from telemetry.readings import Quality

ASK: Final = 0x80
ANSWER: Final = 0x40
END: Final = 0x0D
GET_REGISTERS: Final = bytes((0x3F, 0x10))
MOST_REGISTERS: Final = 8
_STUFF: Final = 0x1B
_STUFFED: Final = frozenset((0x06, END, _STUFF, ANSWER, ASK))
_CRC_BYTES: Final = 2
_HEAD_BYTES: Final = 5
_ANSWER_WITHIN_S: Final = 3.0
_LONGEST: Final = 256

UNITS: Final = {
    0x02: "kWh", 0x03: "MWh", 0x08: "GJ", 0x16: "kW", 0x25: "degC", 0x26: "K",
    0x27: "l", 0x28: "m3", 0x29: "l/h", 0x2A: "m3/h",
}  # fmt: skip
"""Name of each unit code."""
_FACTORS: Final = {
    ("l", "m3"): Decimal("0.001"), ("l/h", "m3/h"): Decimal("0.001"), ("m3", "l"): Decimal(1000),
    ("m3/h", "l/h"): Decimal(1000), ("MWh", "kWh"): Decimal(1000), ("kWh", "MWh"): Decimal("0.001"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Register:
    """What a meter said of one register."""

    number: int
    unit: str
    value: Decimal


def frame(body: bytes, start: int = ASK) -> bytes:
    """`body` with its CRC, stuffed and framed."""
    whole = body + crc16_ccitt(body).to_bytes(_CRC_BYTES, "big")
    stuffed = b"".join(bytes((_STUFF, each ^ 0xFF)) if each in _STUFFED else bytes((each,)) for each in whole)
    return bytes((start,)) + stuffed + bytes((END,))


def ask_registers(numbers: list[int]) -> bytes:
    """The question for up to eight registers."""
    listed = b"".join(each.to_bytes(2, "big") for each in numbers)
    return frame(GET_REGISTERS + bytes((len(numbers),)) + listed)


def unframe(data: bytes, start: int = ANSWER) -> bytes:
    """The body of the frame in `data`, without its CRC.

    Raises:
        FrameError: there is no whole frame.
        BusCrcError: the checksum is wrong.
    """
    begin, end = data.find(start), data.rfind(END)
    if begin < 0 or end < begin:
        raise FrameError(f"no frame from {start:02X} to 0D in {len(data)} bytes")
    body = bytearray()
    escaped = False
    for each in data[begin + 1 : end]:
        if each == _STUFF and not escaped:
            escaped = True
        else:
            body.append(each ^ 0xFF if escaped else each)
            escaped = False
    if escaped or len(body) <= _CRC_BYTES or crc16_ccitt(bytes(body)):
        raise BusCrcError("the frame's checksum is wrong: eye not seated, or noise")
    return bytes(body[:-_CRC_BYTES])


def read_registers(body: bytes) -> list[Register]:
    """The registers in an answer's body.

    Raises:
        BusMismatch: it answers another command.
        BusCrcError: the lengths in it make no sense.
    """
    if body[:2] != GET_REGISTERS:
        raise BusMismatch(f"the answer is for command {body[:2].hex().upper()}, not 3F10")
    registers: list[Register] = []
    rest = body[2:]
    while rest:
        size = _HEAD_BYTES + rest[3] if len(rest) >= _HEAD_BYTES else len(rest) + 1
        if size > len(rest):
            raise BusCrcError("a register is longer than the answer")
        sign_exponent = rest[4]
        exponent = sign_exponent & 0x3F
        exponent = -exponent if sign_exponent & 0x40 else exponent
        value = Decimal(int.from_bytes(rest[_HEAD_BYTES:size], "big")).scaleb(exponent)
        name = UNITS.get(rest[2], f"unit {rest[2]:#x}")
        number = int.from_bytes(rest[:2], "big")
        registers.append(Register(number, name, -value if sign_exponent & 0x80 else value))
        rest = rest[size:]
    return registers


def _registers(profile: Profile) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for key, number in options.table(profile, "registers").items():
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 0xFFFF:
            raise DriverError(f"{profile.id}: option registers.{key} must be 0-65535, not {number!r}")
        numbers[key] = number
    return numbers


def points_of(profile: Profile, registers: list[Register]) -> tuple[NativePoint, ...]:
    """The registers as points, in the profile's units; a unit that cannot be turned into it is no value."""
    keys = {number: key for key, number in _registers(profile).items()}
    points = [_point(profile, keys[each.number], each) for each in registers if each.number in keys]
    return tuple(spoil(profile, points))


def _point(profile: Profile, key: str, register: Register) -> NativePoint:
    wanted = profile.by_key[key].unit
    factor = Decimal(1) if register.unit == wanted else _FACTORS.get((register.unit, wanted))
    if factor is None:
        return NativePoint(key, None, Quality.BAD, f"the meter tells {register.unit}, not {wanted}")
    return native_point(profile, key, float(register.value * factor))


@dataclass(frozen=True, slots=True)
class KamstrupDriver:
    """Driver of MULTICAL meters."""

    def address(self, profile: Profile) -> str:
        """Empty: an optical eye sits on one meter. Raises DriverError where the options are wrong."""
        _registers(profile)
        return ""

    async def scan(self, line: Dialogue, profile: Profile, keys: frozenset[str]) -> tuple[NativePoint, ...]:
        """The registers of `keys`, eight at a time."""
        wanted = [number for key, number in _registers(profile).items() if key in keys]
        points: list[NativePoint] = []
        for at in range(0, len(wanted), MOST_REGISTERS):
            asked = wanted[at : at + MOST_REGISTERS]
            question = ask_registers(asked)
            await line.ask(question)
            answer = await line.read_until(bytes((END,)), _ANSWER_WITHIN_S, _LONGEST)
            if answer.startswith(question[:1]):  # the eye sees its own light
                answer = await line.read_until(bytes((END,)), _ANSWER_WITHIN_S, _LONGEST)
            registers = read_registers(_unframed(answer))
            if strangers := {each.number for each in registers} - set(asked):
                raise BusMismatch(f"register {min(strangers)} was not asked for: a late answer")
            points += points_of(profile, registers)
        return tuple(points)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The registers of a captured answer, and which ones a captured question asks for.

        Raises:
            BusCrcError, BusMismatch, FrameError: it is damaged, another command's, or none.
        """
        words = ""
        if captured.request:
            body = unframe(captured.request, ASK)
            asked = [int.from_bytes(body[at : at + 2], "big") for at in range(3, len(body) - 1, 2)]
            words = f"asks for register {', '.join(map(str, asked))}"
        registers = read_registers(unframe(captured.response)) if captured.response else []
        return Explained(points_of(profile, registers), words)


def _unframed(answer: bytes) -> bytes:
    try:
        return unframe(answer)
    except FrameError as error:
        raise BusCrcError(str(error)) from error


DRIVER = KamstrupDriver()
