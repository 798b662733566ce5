"""Digital inputs of the gateway's own board, by the kernel's GPIO character device."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from edge.bus.gpio_abi import (
    EVENT,
    FD_AT,
    GET_LINE,
    GET_VALUES,
    VALUES,
    LineEvent,
    line_request,
    read_events,
)
from edge.drivers.base import InputLine
from edge.errors import BusClosed

EVENT_BUFFER: Final = 1024
"""Events that the kernel keeps for a busy program; what is lost beyond shows as a gap in their numbers."""
_READ_EVENTS: Final = 64


class Kernel(Protocol):
    """The system calls that are needed: the seam at which tests stand."""

    def open(self, path: str) -> int:
        """Open a character device. Raises OSError."""
        ...

    def ioctl(self, handle: int, request: int, data: bytearray) -> None:
        """Call the driver; it may change `data`. Raises OSError."""
        ...

    def read(self, handle: int, count: int) -> bytes:
        """Read without waiting. Raises BlockingIOError where nothing is there."""
        ...

    def close(self, handle: int) -> None:
        """Close it."""
        ...


class LinuxKernel:
    """The real system calls."""

    def open(self, path: str) -> int:
        """Open a character device."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def ioctl(self, handle: int, request: int, data: bytearray) -> None:
        """Call the driver."""
        fcntl.ioctl(handle, request, data, True)

    def read(self, handle: int, count: int) -> bytes:
        """Read without waiting."""
        os.set_blocking(handle, False)
        return os.read(handle, count)

    def close(self, handle: int) -> None:
        """Close it."""
        os.close(handle)


class LineRequest:
    """Some lines that this program holds: their states and changes."""

    def __init__(self, kernel: Kernel, handle: int, lines: Sequence[InputLine]) -> None:
        self._kernel = kernel
        self.handle = handle
        self._lines = tuple(lines)

    def states(self) -> dict[str, bool]:
        """Which lines are active now, by key. Raises BusClosed."""
        data = bytearray(VALUES.pack(0, (1 << len(self._lines)) - 1))
        try:
            self._kernel.ioctl(self.handle, GET_VALUES, data)
        except OSError as error:
            raise BusClosed(f"digital inputs cannot be read: {error.strerror}") from error
        bits, _ = VALUES.unpack(data)
        return {line.key: bool(bits >> number & 1) for number, line in enumerate(self._lines)}

    def events(self) -> list[LineEvent]:
        """Changes that came since the last call; empty where there were none. Raises BusClosed."""
        try:
            return read_events(self._kernel.read(self.handle, _READ_EVENTS * EVENT.size))
        except BlockingIOError:
            return []
        except OSError as error:
            raise BusClosed(f"digital inputs cannot be read: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kernel.close(self.handle)


class GpioChip:
    """One chip of the board, such as /dev/gpiochip0."""

    def __init__(self, path: str, kernel: Kernel | None = None) -> None:
        """Open it. Raises BusClosed."""
        self._kernel = kernel or LinuxKernel()
        self._path = path
        try:
            self._handle = self._kernel.open(path)
        except FileNotFoundError as error:
            raise BusClosed(f"{path} does not exist: `ls /dev/gpiochip*` lists the board's chips") from error
        except PermissionError as error:
            raise BusClosed(f"{path}: no permission; add the user to group gpio") from error
        except OSError as error:
            raise BusClosed(f"{path} cannot be opened: {error.strerror}") from error

    def request(self, lines: Sequence[InputLine]) -> LineRequest:
        """Hold some lines as inputs with edges. Raises BusClosed."""
        try:
            data = line_request(lines, EVENT_BUFFER)
            self._kernel.ioctl(self._handle, GET_LINE, data)
        except (OSError, ValueError) as error:
            numbers = ", ".join(str(each.offset) for each in lines)
            cause = error.strerror if isinstance(error, OSError) else str(error)
            raise BusClosed(
                f"{self._path} does not give lines {numbers}: {cause}; is another program using them?"
            ) from error
        return LineRequest(self._kernel, int.from_bytes(data[FD_AT:], sys.byteorder, signed=True), lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kernel.close(self._handle)
