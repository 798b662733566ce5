"""The Modbus application layer of a slave: a request's bytes in, the reply's bytes out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, Protocol


class Table(IntEnum):
    """The four address spaces, named by the function code that reads them."""

    COIL = 1
    DISCRETE = 2
    HOLDING = 3
    INPUT = 4


class Code(IntEnum):
    """Exception codes (Modbus Application Protocol 1.1b3, section 7)."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3
    DEVICE_FAILURE = 4


class ModbusRefusalError(Exception):
    """A request that the slave answers by an exception code."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


class Registers(Protocol):
    """What a slave holds, word by word; a coil is a word of 0 or 1."""

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """The words at an address. Raises ModbusRefusalError."""
        ...

    def write(self, table: Table, address: int, words: Sequence[int], *, single: bool) -> None:
        """Write words; a single coil comes as its 16 bits on the wire. Raises ModbusRefusalError."""
        ...


_MAX_BITS: Final = 2000
_MAX_WORDS: Final = 125
_MAX_WRITTEN_BITS: Final = 1968
_MAX_WRITTEN_WORDS: Final = 123


def answer(registers: Registers, request: bytes) -> bytes:
    """The reply to a request, both without address and checksum. Never raises for any bytes."""
    if not request:
        return bytes((0x80, Code.ILLEGAL_FUNCTION))
    function = request[0]
    try:
        return bytes((function,)) + _body(registers, function, request[1:])
    except ModbusRefusalError as refusal:
        return refused(request, refusal.code)
    except struct.error:  # the request is shorter than its function needs
        return refused(request, Code.ILLEGAL_VALUE)


def refused(request: bytes, code: Code) -> bytes:
    """The exception reply to a request."""
    return bytes(((request[0] if request else 0) | 0x80, code))


def _body(registers: Registers, function: int, data: bytes) -> bytes:
    match function:
        case 1 | 2:
            address, count = _span(data, _MAX_BITS)
            bits = registers.read(Table(function), address, count)
            packed = _packed(bits)
            return bytes((len(packed),)) + packed
        case 3 | 4:
            address, count = _span(data, _MAX_WORDS)
            words = registers.read(Table(function), address, count)
            return struct.pack(f">B{count}H", 2 * count, *words)
        case 5 | 6:
            address, word = struct.unpack(">HH", data[:4])
            registers.write(Table.COIL if function == 5 else Table.HOLDING, address, [word], single=True)
            return data[:4]
        case 15:
            address, count = _span(data, _MAX_WRITTEN_BITS)
            registers.write(Table.COIL, address, _unpacked(data[4:], count), single=False)
            return data[:4]
        case 16:
            address, count = _span(data, _MAX_WRITTEN_WORDS)
            if len(data) != 5 + 2 * count or data[4] != 2 * count:
                raise ModbusRefusalError(Code.ILLEGAL_VALUE)
            registers.write(Table.HOLDING, address, struct.unpack(f">{count}H", data[5:]), single=False)
            return data[:4]
        case _:
            raise ModbusRefusalError(Code.ILLEGAL_FUNCTION)


def _span(data: bytes, limit: int) -> tuple[int, int]:
    address, count = struct.unpack(">HH", data[:4])
    if not 1 <= count <= limit:
        raise ModbusRefusalError(Code.ILLEGAL_VALUE)
    if address + count > 0x10000:
        raise ModbusRefusalError(Code.ILLEGAL_ADDRESS)
    return address, count


def _packed(bits: Sequence[int]) -> bytes:
    """Coils eight to a byte, the first in the lowest bit."""
    number = sum(bool(bit) << place for place, bit in enumerate(bits))
    return number.to_bytes((len(bits) + 7) // 8, "little")


def _unpacked(data: bytes, count: int) -> list[int]:
    size = (count + 7) // 8
    if len(data) != 1 + size or data[0] != size:
        raise ModbusRefusalError(Code.ILLEGAL_VALUE)
    number = int.from_bytes(data[1:], "little")
    return [number >> place & 1 for place in range(count)]
