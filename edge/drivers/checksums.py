"""Checksums that several protocols share."""

from __future__ import annotations


def crc16_ibm(data: bytes) -> int:
    """CRC-16 with polynomial 0xA001 reflected, begun with 0: SDI-12, Vaisala's ASCII, Teltonika."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def crc16_ccitt(data: bytes) -> int:
    """CRC-16 with polynomial 0x1021, begun with 0 (XMODEM): Davis, Kamstrup. With its CRC behind it, 0."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


def sdi12_signs(data: bytes) -> bytes:
    """The three printable characters in which SDI-12 (and Vaisala's ASCII) writes the CRC of `data`."""
    crc = crc16_ibm(data)
    return bytes((0x40 | crc >> 12, 0x40 | (crc >> 6 & 0x3F), 0x40 | (crc & 0x3F)))
