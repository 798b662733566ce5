"""Modbus frames: requests to bytes, bytes to replies, and whether a reply answers its request.

Bus and technician's tools share this: a frame is judged by the same lines whether it came over the wire a
moment ago or was typed from a log.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.errors import EXCEPTION_NAMES, BusCrcError, BusException, BusMismatch, FrameError

READ_BITS: Final = (1, 2)
READ_REGISTERS: Final = (3, 4)
READS: Final = (*READ_BITS, *READ_REGISTERS)
WRITES: Final = (5, 6, 15, 16)
COIL_ON: Final = 0xFF00
COIL_OFF: Final = 0x0000
_EXCEPTION: Final = 0x80


class Framing(StrEnum):
    """How a PDU is wrapped."""

    RTU = "rtu"
    MBAP = "mbap"


@dataclass(frozen=True, slots=True)
class Request:
    """One Modbus request: a read of `count` words or bits, or a write of `values`."""

    unit: int
    function: int
    address: int
    count: int = 1
    values: tuple[int, ...] = ()
    """What a write carries: register words, or coil values (0xFF00 / 0 for function 5, 0 / 1 for 15)."""

    @property
    def is_read(self) -> bool:
        """Whether the request changes nothing."""
        return self.function in READS

    @property
    def pdu(self) -> bytes:
        """Function code and data."""
        match self.function:
            case 5 | 6:
                return struct.pack(">BHH", self.function, self.address, self.values[0])
            case 15:
                packed = sum(1 << place for place, bit in enumerate(self.values) if bit)
                size = (len(self.values) + 7) // 8
                head = struct.pack(">BHHB", 15, self.address, len(self.values), size)
                return head + packed.to_bytes(size, "little")
            case 16:
                head = struct.pack(">BHHB", 16, self.address, len(self.values), 2 * len(self.values))
                return head + struct.pack(f">{len(self.values)}H", *self.values)
        return struct.pack(">BHH", self.function, self.address, self.count)

    @property
    def reply_size(self) -> int:
        """Bytes of the PDU that answers."""
        if self.function in READ_BITS:
            return 2 + (self.count + 7) // 8
        return 2 + 2 * self.count if self.function in READ_REGISTERS else 5

    def __str__(self) -> str:
        if self.is_read:
            last = self.address + self.count - 1
            what = "coils" if self.function in READ_BITS else "registers"
            return f"unit {self.unit} read {what} {self.address}-{last} (function {self.function})"
        return f"unit {self.unit} write {self.address} (function {self.function})"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame off the wire, checksum verified."""

    unit: int
    pdu: bytes
    transaction: int | None = None
    """Transaction number of Modbus TCP; None on a serial line."""

    @property
    def function(self) -> int:
        """Function code without the exception bit."""
        return self.pdu[0] & ~_EXCEPTION


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC_TABLE: Final = tuple(_crc_of_byte(byte) for byte in range(256))


def crc16(data: bytes) -> int:
    """The Modbus CRC-16: polynomial 0xA001 reflected, start 0xFFFF."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def wrap(unit: int, pdu: bytes, framing: Framing, transaction: int = 0) -> bytes:
    """The frame that carries `pdu`."""
    if framing is Framing.RTU:
        body = bytes([unit]) + pdu
        return body + crc16(body).to_bytes(2, "little")
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def unwrap(data: bytes) -> Frame:
    """The one frame in `data`, RTU or Modbus TCP, found by what fits.

    Raises:
        FrameError: too short to be a frame.
        BusCrcError: neither a correct RTU frame nor a Modbus TCP frame.
    """
    if len(data) < 4:
        raise FrameError(f"{len(data)} bytes are no frame: the shortest has 4 (unit, function, checksum)")
    expected, found = crc16(data[:-2]).to_bytes(2, "little"), data[-2:]
    if expected == found:
        return Frame(data[0], data[1:-2])
    if len(data) >= 8 and data[2:4] == b"\0\0" and int.from_bytes(data[4:6], "big") == len(data) - 6:
        return Frame(data[6], data[7:], int.from_bytes(data[:2], "big"))
    raise BusCrcError(
        f"checksum {found.hex(' ').upper()} is wrong, these bytes need {expected.hex(' ').upper()}: "
        "the frame is damaged or cut short"
    )


def parse_request(frame: Frame) -> Request:
    """The request that `frame` carries.

    Raises:
        FrameError: the frame is no request of functions 1-6, 15, 16.
    """
    data = frame.pdu
    function = data[0]
    if function in (*READS, 5, 6) and len(data) == 5:
        address, number = struct.unpack(">HH", data[1:])
        if function in READS:
            return Request(frame.unit, function, address, number)
        return Request(frame.unit, function, address, 1, (number,))
    if function in (15, 16) and len(data) >= 6:
        address, count, size = struct.unpack(">HHB", data[1:6])
        body = data[6:]
        if len(body) == size == (2 * count if function == 16 else (count + 7) // 8):
            return Request(frame.unit, function, address, count, _values(function, body, count))
    raise FrameError(f"function {function} with {len(data) - 1} bytes is no request that kega knows")


def _values(function: int, body: bytes, count: int) -> tuple[int, ...]:
    return tuple(bits_of(body, count)) if function == 15 else words_of(body)


def words_of(body: bytes) -> tuple[int, ...]:
    """Registers of a byte string."""
    return struct.unpack(f">{len(body) // 2}H", body)


def bits_of(body: bytes, count: int) -> tuple[int, ...]:
    """Bits of a byte string, lowest first."""
    number = int.from_bytes(body, "little")
    return tuple(number >> place & 1 for place in range(count))


def raise_exception(frame: Frame, asked: str) -> None:
    """Raise BusException where `frame` is a refusal."""
    if not frame.pdu[0] & _EXCEPTION:
        return
    if len(frame.pdu) != 2:
        raise BusMismatch(f"{asked}: a refusal of {len(frame.pdu)} bytes instead of 2")
    code = frame.pdu[1]
    name = EXCEPTION_NAMES.get(code, "unknown exception")
    raise BusException(f"{asked}: the device refuses with exception {code} ({name})", code)


def check_reply(request: Request, frame: Frame) -> bytes:
    """The data of a reply, after function code and byte count, if `frame` answers `request`.

    Raises:
        BusMismatch: another unit, function or length, or an echo that differs.
        BusException: the instrument refuses.
    """
    if frame.unit != request.unit:
        raise BusMismatch(f"{request}: unit {frame.unit} answered")
    if frame.function != request.function:
        raise BusMismatch(f"{request}: the answer is for function {frame.function}")
    if frame.pdu[0] & _EXCEPTION:
        raise_exception(frame, str(request))
    if len(frame.pdu) != request.reply_size:
        raise BusMismatch(
            f"{request}: the answer has {len(frame.pdu) - 2} data bytes instead of {request.reply_size - 2}"
        )
    if request.is_read:
        if frame.pdu[1] != len(frame.pdu) - 2:
            raise BusMismatch(f"{request}: the answer claims {frame.pdu[1]} data bytes")
        return frame.pdu[2:]
    if frame.pdu[1:5] != request.pdu[1:5]:
        raise BusMismatch(f"{request}: the answer repeats other data: {frame.pdu.hex(' ').upper()}")
    return frame.pdu[1:]


def reply_in(received: bytes, request: Request) -> Frame:
    """The RTU frame in `received` that may answer `request`; `check_reply` says whether it does.

    Raises:
        BusCrcError: there are bytes, but no whole frame.
        BusMismatch: more came than one answer.
    """
    frames = list(rtu_frames(received))
    if not frames:
        raise BusCrcError(f"{request}: {len(received)} bytes came, but no whole frame with a right checksum")
    if len(frames) > 1:
        raise BusMismatch(f"{request}: {len(frames)} frames came for one request")
    return frames[0]


def rtu_frames(received: bytes) -> Iterator[Frame]:
    """Every correct reply, with whatever noise stands before and between."""
    start = 0
    while start + 5 <= len(received):
        size = _rtu_size(received[start:])
        body = received[start : start + size]
        if size and len(body) == size and crc16(body[:-2]) == int.from_bytes(body[-2:], "little"):
            yield Frame(body[0], body[1:-2])
            start += size
        else:
            start += 1


def _rtu_size(data: bytes) -> int:
    """Size of the reply that starts at `data`; 0 where it is none of our functions."""
    function = data[1]
    if function & _EXCEPTION:
        return 5
    if function in READS:
        return 5 + data[2]
    return 8 if function in WRITES else 0
