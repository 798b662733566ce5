"""Requests cut out of the byte stream of a Modbus RTU line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulators.wire.crc import crc16

_MAX_FRAME: Final = 256
_FIXED_LENGTH: Final = 8
_COUNTED: Final = (15, 16)


@dataclass(frozen=True, slots=True)
class RtuRequest:
    """One request with a right checksum."""

    unit_id: int
    pdu: bytes


class RtuReceiver:
    """Assembles requests: they end by their own length, and a silence ends whatever is left over."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._pending = bytearray()
        self._last_s = float("-inf")
        self.spoilt = 0
        """Pieces thrown away for a wrong checksum or length."""

    def feed(self, data: bytes, now_s: float) -> list[RtuRequest]:
        """Requests completed by `data`, which arrived at `now_s` on a monotonic clock."""
        if self._pending and now_s - self._last_s > self._silence_s:
            self._drop()
        self._last_s = now_s
        self._pending += data
        requests: list[RtuRequest] = []
        while (length := self._length()) is not None and length <= len(self._pending):
            frame = bytes(self._pending[:length])
            if crc16(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
                self._drop()
                break
            del self._pending[:length]
            requests.append(RtuRequest(frame[0], frame[1:-2]))
        if len(self._pending) > _MAX_FRAME:
            self._drop()
        return requests

    def _length(self) -> int | None:
        """Length of the frame that the pending bytes begin; None while that is unknown."""
        if len(self._pending) < 4:
            return None
        function = self._pending[1]
        if 1 <= function <= 6:
            return _FIXED_LENGTH
        if function in _COUNTED:
            return 9 + self._pending[6] if len(self._pending) > 6 else None
        whole = len(self._pending)  # an unknown function: right if all that came so far fits the checksum
        known = crc16(bytes(self._pending[:-2])) == int.from_bytes(self._pending[-2:], "little")
        return whole if known else None

    def _drop(self) -> None:
        self._pending.clear()
        self.spoilt += 1
