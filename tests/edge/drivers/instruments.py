"""Instruments that answer, written from their makers' documents and not from the drivers."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field


def crc_reflected(data: bytes) -> int:
    """Polynomial 8005 bit by bit, least significant first."""
    register = 0
    for byte in data:
        for bit in range(8):
            carry = (register ^ byte >> bit) & 1
            register = register >> 1 ^ (0xA001 if carry else 0)
    return register


def crc_forward(data: bytes) -> int:
    """Polynomial 1021 bit by bit, most significant first."""
    register = 0
    for byte in data:
        for bit in range(7, -1, -1):
            carry = register >> 15 ^ byte >> bit & 1
            register = (register << 1 & 0xFFFF) ^ (0x1021 if carry else 0)
    return register


def signs(data: bytes) -> bytes:
    """SDI-12's three characters."""
    crc = crc_reflected(data)
    return bytes((0x40 | crc >> 12 & 0x3F, 0x40 | crc >> 6 & 0x3F, 0x40 | crc & 0x3F))


@dataclass
class Probes:
    """SDI-12 probes on one line, by address: their values."""

    values: dict[str, list[str]]
    per_line: int = 3
    ready_after_s: int = 0
    asks_for_service: bool = False
    echoes: bool = False
    damage: set[str] = field(default_factory=set)
    """Addresses whose data lines are damaged."""
    _with_crc: set[str] = field(default_factory=set)

    def hear(self, data: bytes) -> bytes:
        answer = b""
        for command in re.findall(rb"[^!]*!", data):
            answer += (command if self.echoes else b"") + self._obey(command.decode())
        return answer

    def _obey(self, command: str) -> bytes:
        address, verb = command[0], command[1:-1]
        if address not in self.values:
            return b""
        values = self.values[address]
        if verb[:1] in ("M", "C"):
            (self._with_crc.add if "C" in verb[1:] else self._with_crc.discard)(address)
            width = 1 if verb[0] == "M" else 2
            promise = f"{address}{self.ready_after_s:03d}{len(values):0{width}d}\r\n"
            return (promise + (f"{address}\r\n" if self.asks_for_service else "")).encode()
        if verb[:1] == "D":
            at = int(verb[1]) * self.per_line
            line = (address + "".join(values[at : at + self.per_line])).encode()
            if address in self._with_crc:
                line += signs(line)
            if address in self.damage:
                line = line[:2] + bytes((line[2] ^ 0x11,)) + line[3:]
            return line + b"\r\n"
        return b""


@dataclass
class Co2:
    """An MH-Z19."""

    ppm: int = 612
    damage: bool = False

    def hear(self, data: bytes) -> bytes:
        if data != bytes.fromhex("FF0186000000000079"):
            return b""
        body = bytes((0xFF, 0x86)) + self.ppm.to_bytes(2, "big") + bytes((71, 0, 0, 0))
        return body + bytes(((0x100 - sum(body[1:]) + self.damage) & 0xFF,))


@dataclass
class Console:
    """A Davis console: asleep until it hears a line feed."""

    rain_year: int = 500
    knows_loop2: bool = True
    naps: int = 1
    """Line feeds that it sleeps through."""

    def hear(self, data: bytes) -> bytes:
        if data == b"\n":
            if self.naps:
                self.naps -= 1
                return b""
            return b"\n\r"
        if data == b"LOOP 1\n":
            return b"\x06" + self.packet(0)
        if data == b"LPS 2 1\n":
            return b"\x06" + self.packet(1) if self.knows_loop2 else b"\x21"
        return b""

    def packet(self, kind: int) -> bytes:
        data = bytearray(b"\xff" * 97)
        data[0:3], data[3], data[4] = b"LOO", 0x50, kind
        struct.pack_into("<HhBhB", data, 7, 29850, 842, 58, 865, 7)
        struct.pack_into("<H", data, 16, 135)
        data[33] = 71
        struct.pack_into("<H", data, 50, 15)
        if kind == 0:
            data[15] = 5
            struct.pack_into("<H", data, 54, self.rain_year)
            data[25], data[62], data[66] = 90 + 77, 33, 12
            data[86] = 0
            struct.pack_into("<H", data, 87, 800)
        else:
            struct.pack_into("<HHHH", data, 18, 52, 61, 143, 140)
            struct.pack_into("<h", data, 30, 75)
        data[95:97] = b"\n\r"
        return bytes(data) + crc_forward(bytes(data)).to_bytes(2, "big")


@dataclass
class Meter:
    """A Kamstrup meter: registers by number as (unit code, digits, exponent byte)."""

    registers: dict[int, tuple[int, int, int]]
    echoes: bool = False
    questions: int = 0

    def hear(self, data: bytes) -> bytes:
        self.questions += 1
        body = self._unstuffed(data[1:-1])
        if data[:1] != b"\x80" or data[-1:] != b"\x0d" or crc_forward(body):
            return b""
        wanted = [int.from_bytes(body[at : at + 2], "big") for at in range(3, 3 + 2 * body[2], 2)]
        answer = b"\x3f\x10"
        for number in wanted:
            if number in self.registers:
                unit, digits, exponent = self.registers[number]
                answer += number.to_bytes(2, "big") + bytes((unit, 4, exponent)) + digits.to_bytes(4, "big")
        answer += crc_forward(answer).to_bytes(2, "big")
        stuffed = b"".join(
            bytes((0x1B, each ^ 0xFF)) if each in b"\x06\x0d\x1b\x40\x80" else bytes((each,))
            for each in answer
        )
        return (data if self.echoes else b"") + b"\x40" + stuffed + b"\x0d"

    @staticmethod
    def _unstuffed(data: bytes) -> bytes:
        return re.sub(rb"\x1b(.)", lambda match: bytes((match[1][0] ^ 0xFF,)), data, flags=re.DOTALL)


@dataclass
class Weather:
    """A WXT transmitter."""

    tokens: str = "Dm=274D,Sm=5.8M,Sx=9.6M,Ta=17.9C,Ua=73.7P,Pa=1005.8H,Rc=13.02M"
    address: str = "0"

    def hear(self, data: bytes) -> bytes:
        command = data.removesuffix(b"\r\n").decode()
        if command == f"{self.address}R0":
            return f"{self.address}R0,{self.tokens}\r\n".encode()
        asked = f"{self.address}r0".encode()
        if command.encode() == asked + signs(asked):
            line = f"{self.address}r0,{self.tokens}".encode()
            return line + signs(line) + b"\r\n"
        return f"{self.address}tX,Use chksum {signs(asked).decode()}\r\n".encode()
