"""The seam between buses and drivers: what an instrument said, before it becomes a reading.

A driver is a module of this package that holds `DRIVER`. A new serial protocol is one such module, named by
`driver:` of its profiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from telemetry.devices.profiles import Profile
from telemetry.readings import Quality, Value


@dataclass(frozen=True, slots=True)
class NativePoint:
    """What an instrument said of one of its points, in the profile's own unit."""

    key: str
    value: Value
    quality: Quality = Quality.GOOD
    reason: str = ""
    """Why the quality is not GOOD, in words for a technician."""
    raw: bytes = b""
    """The bytes of the value as they travelled."""

    def spoiled(self, reason: str, quality: Quality = Quality.BAD) -> NativePoint:
        """The point without its value, which must not be believed."""
        return NativePoint(self.key, None, quality, reason, self.raw)


@dataclass(frozen=True, slots=True)
class Captured:
    """What a person captured on the wire and wants explained."""

    request: bytes = b""
    response: bytes = b""
    base: int | None = None
    """Address of the first register, where no request tells it."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What captured bytes mean."""

    points: tuple[NativePoint, ...]
    request: str = ""
    """The request in words; empty where there was none."""
    written: tuple[NativePoint, ...] = ()
    """Points that the request writes."""


class Driver(Protocol):
    """What every driver can do."""

    def explain(self, profile: Profile, captured: Captured) -> Explained:
        """The meaning of bytes captured on the wire.

        Raises:
            edge.errors.EdgeError: the bytes are damaged, incomplete or a refusal.
        """
        ...


class Stream(Protocol):
    """Reads one instrument that talks by itself over a serial line."""

    def feed(self, data: bytes) -> list[tuple[NativePoint, ...]]:
        """Take bytes as they come; give every scan that is complete. Damage is skipped, never raised."""
        ...

    def flush(self) -> list[tuple[NativePoint, ...]]:
        """Give what is complete now that the line is silent."""
        ...

    @property
    def faults(self) -> int:
        """Frames thrown away so far because they were damaged."""
        ...


@runtime_checkable
class StreamDriver(Driver, Protocol):
    """A driver of instruments that talk by themselves over a serial line."""

    def greeting(self, profile: Profile) -> bytes:
        """Bytes to send when the line is opened; empty for an instrument that needs none."""
        ...

    def stream(self, profile: Profile) -> Stream:
        """A reader for one opened line.

        Raises:
            edge.errors.DriverError: the profile's options do not fit the driver.
        """
        ...
