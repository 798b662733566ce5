"""The checksum of Modbus RTU: CRC-16 with polynomial 0xA001 (reflected), starting at 0xFFFF."""

from __future__ import annotations

from typing import Final


def _entry(index: int) -> int:
    for _ in range(8):
        index = (index >> 1) ^ (0xA001 if index & 1 else 0)
    return index


_TABLE: Final = tuple(_entry(index) for index in range(256))


def crc16(data: bytes) -> int:
    """The CRC of `data`; it travels low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def with_crc(data: bytes) -> bytes:
    """`data` with its CRC behind it."""
    return data + crc16(data).to_bytes(2, "little")
