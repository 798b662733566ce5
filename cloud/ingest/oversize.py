"""The batch id of a payload that is too large to be decoded."""

from __future__ import annotations

from typing import Final

from telemetry.sparkplug.ack import BatchId, parse_batch_id

_UUID_FIELD: Final = 4
_MAX_FIELDS: Final = 2_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def batch_id_of(payload: bytes) -> BatchId | None:
    """The batch that `payload` names, found by stepping over its fields; None where there is none.

    So a gateway whose batch we refuse for its size is still told to forget it, and does not send it for ever.
    """
    place = 0
    try:
        for _ in range(_MAX_FIELDS):
            if place >= len(payload):
                return None
            tag, place = _varint(payload, place)
            kind = tag & 7
            if kind == _BYTES:
                size, place = _varint(payload, place)
                if tag >> 3 == _UUID_FIELD:
                    return parse_batch_id(payload[place : place + size].decode("ascii", "replace"))
                place += size
            elif kind == _VARINT:
                _, place = _varint(payload, place)
            elif kind in (_FIXED64, _FIXED32):
                place += 8 if kind == _FIXED64 else 4
            else:
                return None
    except IndexError:
        pass
    return None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return number, place
