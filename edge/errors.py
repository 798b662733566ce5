"""Errors of the gateway.

EdgeError
├── BusError             talking to an instrument failed
│   ├── BusTimeout       no answer in time
│   ├── BusCrcError      bytes came, but damaged
│   ├── BusMismatch      a whole frame came that is not the answer: other unit, function or length
│   ├── BusException     the instrument answered with a Modbus exception
│   ├── BusClosed        the serial port or the connection is not open
│   ├── BusLate          a write's time was over before the line was free; nothing was written
│   └── NotWritable      the metric or value cannot be written on this device
├── FrameError           a frame that a person gave is incomplete or no frame at all
├── PlanError            points that no request can read together
├── DriverError          a driver does not exist, or cannot work with a profile
└── CountsError          the file of counts and totals cannot be used
"""

from __future__ import annotations

from typing import Final

from telemetry.errors import KegaError


class EdgeError(KegaError):
    """Root of the errors of the gateway."""


class BusError(EdgeError):
    """Talking to an instrument failed."""

    kind = "bus-error"
    """Short name in logs and statistics."""


class BusTimeout(BusError):  # noqa: N818, the bus errors are named for what happened
    """The instrument did not answer in time."""

    kind = "timeout"
    unreachable = True


class BusCrcError(BusError):
    """Bytes came, but damaged or cut short: noise, parity, speed, or two units that answer at once."""

    kind = "crc"


class BusMismatch(BusError):  # noqa: N818
    """A whole frame came that does not answer the request: another unit, function or length."""

    kind = "mismatch"


class BusClosed(BusError):  # noqa: N818
    """The serial port or the connection is not open."""

    kind = "closed"
    unreachable = True


class BusLate(BusError):  # noqa: N818
    """A write's time was over before its turn on the line came: nothing was written."""

    kind = "late"


class NotWritable(BusError):  # noqa: N818
    """The metric cannot be written on this device, or not with this value."""

    kind = "not-writable"


EXCEPTION_NAMES: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway: the target does not answer",
}


GATEWAY_EXCEPTIONS: Final = (10, 11)
"""Said by a gateway: the unit behind it does not answer."""
BUSY_EXCEPTIONS: Final = (5, 6)
"""The unit works on something else: ask it later."""


class BusException(BusError):  # noqa: N818
    """The instrument refused the request with a Modbus exception."""

    kind = "exception"

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    @property
    def is_address_fault(self) -> bool:
        """Whether the addresses or their number are at fault, not the device's state."""
        return self.code in (2, 3)

    @property
    def is_about_request(self) -> bool:
        """Whether the same request would be refused again: function, addresses or number are at fault."""
        return self.code in (1, 2, 3)

    @property
    def is_silence(self) -> bool:
        """Whether a gateway says that the unit behind it does not answer."""
        return self.code in GATEWAY_EXCEPTIONS

    @property
    def is_busy(self) -> bool:
        """Whether the unit only asks for patience."""
        return self.code in BUSY_EXCEPTIONS


class FrameError(EdgeError):
    """A frame that is incomplete, or no frame at all."""


class PlanError(EdgeError):
    """Points that no request can read within the instrument's limits."""


class DriverError(EdgeError):
    """A driver does not exist, or cannot work with a profile."""


class CountsError(EdgeError):
    """The file of counts and totals cannot be used."""
