"""SDI-12 probes through a serial adapter: several on one line, told apart by one character.

A scan is one measurement: `aM!` (or `aC!`) is answered by `atttn` (`atttnn`): so many seconds until so many
values are ready; `aD0!`, `aD1!` … fetch them. With option `crc` the commands are `aMC!`, `aCC!`, and every
data line ends in three characters of checksum. Values arrive as `+1.5-0.2`, in the order of the maker's
document: points `value_1`, `value_2` …

Options: `address`, `command` (M, M1-M9, C, C1-C9), `crc`, and `break_s` for adapters that pass the serial
break on instead of making it themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from edge.drivers import options
from edge.drivers.base import Captured, Dialogue, Explained, NativePoint
from edge.drivers.checksums import sdi12_signs
from edge.drivers.values import native_point, spoil
from edge.errors import BusCrcError, BusMismatch, BusTimeout, DriverError, FrameError
from telemetry.devices.profiles import Profile

END: Final = b"\r\n"
ANSWER_WITHIN_S: Final = 1.0
"""The standard gives a sensor 15 ms to begin and 380 ms to send; adapters take their own time."""
_SPARE_S: Final = 0.5
_MARK_S: Final = 0.00833
"""Silence after a break, before the command."""
_DATA_COMMANDS: Final = 10
_CRC_BYTES: Final = 3
_ADDRESS: Final = re.compile(r"[0-9A-Za-z]")
_COMMAND: Final = re.compile(r"[MC][1-9]?")
_PROMISE: Final = re.compile(r"(?P<address>[0-9A-Za-z])(?P<seconds>\d{3})(?P<count>\d{1,2})")
_VALUES: Final = re.compile(r"([+-](?:\d+\.?\d*|\.\d+))*")
_VALUE: Final = re.compile(r"[+-][\d.]+")


@dataclass(frozen=True, slots=True)
class Setting:
    """How one probe is asked."""

    address: str
    command: str
    crc: bool
    break_s: float

    @property
    def start(self) -> str:
        """The command that starts a measurement: `0M!`, `0CC1!`."""
        return f"{self.address}{self.command[0]}{'C' if self.crc else ''}{self.command[1:]}!"


def setting_of(profile: Profile) -> Setting:
    """The profile's options. Raises DriverError."""
    address, command = options.text(profile, "address"), options.text(profile, "command")
    if not _ADDRESS.fullmatch(address):
        raise DriverError(f"{profile.id}: option address must be one of 0-9, A-Z, a-z, not {address!r}")
    if not _COMMAND.fullmatch(command):
        raise DriverError(f"{profile.id}: option command must be M, M1-M9, C or C1-C9, not {command!r}")
    crc = profile.options.get("crc", False)
    if not isinstance(crc, bool):
        raise DriverError(f"{profile.id}: option crc must be true or false, not {crc!r}")
    return Setting(address, command, crc, options.number(profile, "break_s", 0, 0.1))


def read_promise(line: bytes, address: str) -> tuple[int, int]:
    """Seconds and number of values that the answer to a measurement command promises.

    Raises:
        BusMismatch: another probe answered.
        BusCrcError: the answer has no such form.
    """
    match = _PROMISE.fullmatch(_text(line))
    if match is None:
        raise BusCrcError(f"{line!r} is no answer to a measurement command: noise, or two probes at once")
    if match["address"] != address:
        raise BusMismatch(f"probe {match['address']} answered, {address} was asked")
    return int(match["seconds"]), int(match["count"])


def read_values(line: bytes, address: str, *, crc: bool) -> list[float]:
    """The values of a data line.

    Raises:
        BusMismatch: another probe answered.
        BusCrcError: the checksum is wrong, or a token is no value.
    """
    body = line.removesuffix(END)
    if crc:
        body, signs = body[:-_CRC_BYTES], body[-_CRC_BYTES:]
        if signs != sdi12_signs(body):
            raise BusCrcError(f"checksum {signs!r} of {line!r} is wrong, {sdi12_signs(body)!r} is right")
    text = _text(body)
    if text[:1] != address:
        raise BusMismatch(f"probe {text[:1] or 'nobody'} answered, {address} was asked")
    if not _VALUES.fullmatch(text[1:]):
        raise BusCrcError(f"{line!r} is no row of values such as 0+12.3-4.5: the line is noisy")
    return [float(each) for each in _VALUE.findall(text[1:])]


def points_of(profile: Profile, values: list[float]) -> tuple[NativePoint, ...]:
    """The values as points `value_1` …; what the profile has no point for is left out."""
    points = [
        native_point(profile, f"value_{number}", value)
        for number, value in enumerate(values, start=1)
        if f"value_{number}" in profile.by_key
    ]
    return tuple(spoil(profile, points))


def _text(line: bytes) -> str:
    return line.decode("ascii", errors="replace").strip()


@dataclass(frozen=True, slots=True)
class Sdi12Driver:
    """Driver of all SDI-12 probes."""

    def address(self, profile: Profile) -> str:
        """The probe's character on the line."""
        return setting_of(profile).address

    async def scan(self, line: Dialogue, profile: Profile, keys: frozenset[str]) -> tuple[NativePoint, ...]:
        """One measurement."""
        setting = setting_of(profile)
        seconds, count = read_promise(await _command(line, setting, setting.start), setting.address)
        if count == 0:
            raise BusMismatch(f"probe {setting.address} has no values for {setting.start}: see its manual")
        await _until_ready(line, setting, seconds)
        values: list[float] = []
        for number in range(_DATA_COMMANDS):
            answer = await _command(line, setting, f"{setting.address}D{number}!")
            got = read_values(answer, setting.address, crc=setting.crc)
            values += got
            if len(values) >= count or not got:
                break
        if len(values) < count:
            raise BusCrcError(f"probe {setting.address} gave {len(values)} of {count} values")
        return points_of(profile, values)

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of captured data lines, with or without their commands (`0D0!`).

        Raises:
            BusCrcError: a line is damaged.
            FrameError: there is no line of values.
        """
        values: list[float] = []
        crc = setting_of(profile).crc
        for raw in captured.response.replace(b"!", b"!\r\n").splitlines():
            line = raw.strip()
            if not line or line.endswith(b"!") or _PROMISE.fullmatch(_text(line)):
                continue
            values += read_values(line, chr(line[0]), crc=crc)
        if not values:
            raise FrameError("no line of values such as 0+12.3-4.5")
        return Explained(points_of(profile, values))


async def _command(line: Dialogue, setting: Setting, command: str) -> bytes:
    if setting.break_s:
        await line.mark(setting.break_s)
        await line.pause(_MARK_S)
    sent = command.encode()
    await line.ask(sent)
    answer = await line.read_until(END, ANSWER_WITHIN_S)
    return answer.removeprefix(sent)  # some adapters echo


async def _until_ready(line: Dialogue, setting: Setting, seconds: int) -> None:
    """Wait for the values; a probe asked by `aM!` may say by its address that it is ready before its time."""
    if seconds == 0:
        return
    if setting.command.startswith("C"):
        await line.pause(seconds)
        return
    try:
        request = await line.read_until(END, seconds + _SPARE_S)
    except BusTimeout:
        return
    if _text(request) != setting.address:
        raise BusMismatch(f"probe {setting.address} was measuring when {request!r} came")


DRIVER = Sdi12Driver()
