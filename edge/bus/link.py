"""What carries Modbus frames: the seam under the guard, and what an exchange leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.drivers.modbus.frames import Frame, Framing, Request

LateAnswer = Callable[[int, float, bool], None]
"""Told of an answer to a request that had been given up: unit, seconds that it took, and whether it is the
unit's own; a gateway may as well say that the unit is silent."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A frame that came after a request; nobody has judged yet whether it answers it."""

    frame: Frame
    sent: bytes
    received: bytes
    started: float
    """Monotonic time when the request was handed over."""
    ended: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the data that verifiably answered it."""

    request: Request
    data: bytes
    sent: bytes
    received: bytes
    started: float
    ended: float


class ModbusLink(Protocol):
    """One open line or connection; on a serial line one request at a time."""

    @property
    def framing(self) -> Framing:
        """How frames are wrapped."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        ...

    async def open(self) -> None:
        """Open the port or connection. Raises `BusClosed`."""
        ...

    def close(self) -> None:
        """Close it; nothing happens where it is closed."""
        ...

    async def ask(self, request: Request, timeout_s: float) -> Reply:
        """Send a request and wait for a frame.

        Raises:
            BusTimeout: nothing came.
            BusCrcError: bytes came, but no whole frame.
            BusMismatch: frames came, but of another unit, or too many.
            BusClosed: the line is or gets lost.
        """
        ...

    def overheard(self) -> list[Frame]:
        """Whole frames that came since the last request and were given to nobody."""
        ...

    async def drain(self, quiet_s: float, longest_s: float) -> bool:
        """Throw away what comes until the line was quiet for `quiet_s`, at most `longest_s`.

        True where anything came.
        """
        ...
