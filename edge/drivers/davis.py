"""Davis Vantage stations: the console is woken, asked for a packet, and answers with 99 bytes.

A line feed wakes it (line feed and carriage return come back), `LPS 2 1` asks for one LOOP2 packet, `LOOP 1`
for one LOOP packet; an `ACK` comes before. LOOP has the extra, soil and leaf sensors and the batteries; LOOP2
(firmware 1.90 and later) has averages and the gust of ten minutes.

A click of the rain bucket is 0.2 mm on stations for metric countries and 0.254 mm on others: nothing in the
packet tells which, so it is an option.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from edge.drivers import options
from edge.drivers.base import Captured, Dialogue, Explained, NativePoint
from edge.drivers.checksums import crc16_ccitt
from edge.drivers.davis_layout import LOOP, LOOP2, Field
from edge.drivers.values import native_point, spoil
from edge.errors import BusCrcError, BusError, BusMismatch, BusTimeout, DriverError, FrameError
from telemetry.devices.profiles import Profile
from telemetry.readings import Quality

SIZE: Final = 99
MAGIC: Final = b"LOO"
ACK: Final = b"\x06"
WAKE: Final = b"\n"
AWAKE: Final = b"\n\r"
CLICKS: Final = (0.1, 0.2, 0.254)
"""Millimetres of rain that one tip of the bucket may be."""
_WAKE_TRIES: Final = 3
_WAKE_WITHIN_S: Final = 1.2
_PACKET_WITHIN_S: Final = 4.0
_TYPE_AT: Final = 4
_ASK: Final = {"loop": b"LOOP 1\n", "loop2": b"LPS 2 1\n"}
_LAYOUTS: Final = {0: LOOP, 1: LOOP2}


def decode(profile: Profile, packet: bytes) -> tuple[NativePoint, ...]:
    """The values of a LOOP or LOOP2 packet.

    Raises:
        BusCrcError: the checksum is wrong, or it does not begin as a packet does.
        BusMismatch: it is a packet of another kind.
    """
    if packet[:3] != MAGIC:
        raise BusCrcError(f"a packet begins with LOO, not {packet[:3]!r}: bytes were lost")
    if crc16_ccitt(packet):
        raise BusCrcError("the packet's checksum is wrong: the line is noisy")
    layout = _LAYOUTS.get(packet[_TYPE_AT])
    if layout is None:
        raise BusMismatch(f"packet of unknown type {packet[_TYPE_AT]}")
    click_mm = _click_mm(profile)
    points = [_point(profile, field, packet, click_mm) for field in layout if field.key in profile.by_key]
    return tuple(spoil(profile, points))


def _point(profile: Profile, field: Field, packet: bytes, click_mm: float) -> NativePoint:
    number = struct.unpack_from("<" + field.form, packet, field.at)[0]
    raw = packet[field.at : field.at + struct.calcsize(field.form)]
    if number in field.nothing:
        return NativePoint(field.key, None, Quality.BAD, "the station has no such sensor or no signal", raw)
    if field.is_clicks:
        number = float(f"{number * click_mm:.10g}")
    return native_point(profile, field.key, number, raw)


def _click_mm(profile: Profile) -> float:
    click = options.number(profile, "rain_click_mm", min(CLICKS), max(CLICKS))
    if click not in CLICKS:
        raise DriverError(f"{profile.id}: option rain_click_mm must be 0.2, 0.254 or 0.1, not {click}")
    return click


def _packets(profile: Profile) -> list[str]:
    chosen = profile.options.get("packets")
    if not isinstance(chosen, list) or not chosen or any(each not in _ASK for each in chosen):
        raise DriverError(f"{profile.id}: option packets must be a list of loop and loop2, not {chosen!r}")
    return chosen


@dataclass(frozen=True, slots=True)
class DavisDriver:
    """Driver of Vantage Pro2, Vantage Vue and Envoy consoles."""

    def address(self, profile: Profile) -> str:
        """Empty: the console has its line alone. Raises DriverError where the options are wrong."""
        _click_mm(profile)
        _packets(profile)
        return ""

    async def scan(self, line: Dialogue, profile: Profile, keys: frozenset[str]) -> tuple[NativePoint, ...]:
        """One packet of each kind that the options name; where several tell a value, the last counts."""
        await _wake(line)
        points: dict[str, NativePoint] = {}
        for packet in _packets(profile):
            await line.ask(_ASK[packet])
            told = await line.read(1, _PACKET_WITHIN_S)
            if told != ACK:
                raise BusMismatch(f"the console answers {told.hex()} to {packet}, not 06: older firmware?")
            for point in decode(profile, await line.read(SIZE, _PACKET_WITHIN_S)):
                if point.value is not None or point.key not in points:
                    points[point.key] = point
        return tuple(points.values())

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The values of the last good packet in a captured stretch.

        Raises:
            BusCrcError: there are packets, but none is good.
            FrameError: there is none.
        """
        error: BusError | None = None
        explained: Explained | None = None
        start = captured.response.find(MAGIC)
        while start >= 0 and start + SIZE <= len(captured.response):
            try:
                explained = Explained(decode(profile, captured.response[start : start + SIZE]))
                start += SIZE - 1
            except BusError as failure:
                error = failure
            start = captured.response.find(MAGIC, start + 1)
        if explained is not None:
            return explained
        raise error or FrameError(f"no whole packet of {SIZE} bytes that begins with LOO")


async def _wake(line: Dialogue) -> None:
    for attempt in range(_WAKE_TRIES):
        await line.ask(WAKE)
        try:
            await line.read_until(AWAKE, _WAKE_WITHIN_S)
        except BusTimeout:
            if attempt == _WAKE_TRIES - 1:
                raise
        except BusCrcError:  # it was in the middle of something: quiet now, ask again
            await line.pause(_WAKE_WITHIN_S / 4)
        else:
            return
    raise BusCrcError("the console does not wake up: it answers, but not with an empty line")


DRIVER = DavisDriver()
