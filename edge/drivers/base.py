"""The seam between buses and drivers: what an instrument said, before it becomes a reading.

A driver is a module of this package that holds `DRIVER`. A new serial protocol is one such module, named by
`driver:` of its profiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from telemetry.devices.profiles import Profile
from telemetry.readings import Quality, Value
from telemetry.records import record


@record
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


class Dialogue(Protocol):
    """An open serial line, as a driver that asks sees it. One driver has the line at a time."""

    async def ask(self, request: bytes) -> None:
        """Throw away what came unasked and send `request`. Raises `BusClosed`."""
        ...

    async def read(self, count: int, within_s: float) -> bytes:
        """The next `count` bytes.

        Raises:
            BusTimeout: nothing came within `within_s` seconds.
            BusCrcError: something came, but less than `count` bytes.
            BusClosed: the line is lost.
        """
        ...

    async def read_until(self, end: bytes, within_s: float, longest: int = 512) -> bytes:
        """Everything up to and with `end`, at most `longest` bytes. Raises as `read`."""
        ...

    async def pause(self, seconds: float) -> None:
        """Leave the line alone for a while."""
        ...

    async def mark(self, seconds: float) -> None:
        """Hold the line in its break state, which wakes some instruments. Raises `BusClosed`."""
        ...


@runtime_checkable
class AskDriver(Driver, Protocol):
    """A driver of instruments that speak when they are asked over a serial line."""

    def address(self, profile: Profile) -> str:
        """What tells this instrument from others on its line; empty for one that must have it alone.

        Raises:
            edge.errors.DriverError: the profile's options do not fit the driver.
        """
        ...

    async def scan(self, line: Dialogue, profile: Profile, keys: frozenset[str]) -> tuple[NativePoint, ...]:
        """Ask for `keys` and whatever comes along with them.

        Raises:
            edge.errors.BusError: the instrument is silent, or what it says is damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """One moment of which a calling instrument tells; moments may be hours old."""

    time_ms: int
    """UTC, by the instrument's own clock."""
    points: tuple[NativePoint, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a caller's bytes meant."""

    records: tuple[Record, ...] = ()
    reply: bytes = b""
    """What to send back once all records are on disk."""
    ends: bool = False
    """The call must be ended: it is refused or makes no sense."""
    reason: str = ""


class Call(Protocol):
    """One connection of an instrument that calls the gateway. Opens nothing itself."""

    @property
    def caller(self) -> str:
        """Who calls; empty until it has said so."""
        ...

    def feed(self, data: bytes) -> list[Heard]:
        """Take bytes as they come; give what is complete. Damage is counted, never raised."""
        ...

    @property
    def faults(self) -> int:
        """Packets thrown away so far because they were damaged."""
        ...


@runtime_checkable
class CallDriver(Driver, Protocol):
    """A driver of instruments that call the gateway over TCP."""

    def identity(self, profile: Profile) -> str:
        """By what the instrument names itself when it calls.

        Raises:
            edge.errors.DriverError: the profile's options do not fit the driver.
        """
        ...

    def answer(self, known: Mapping[str, Profile]) -> Call:
        """A new call; instruments not among `known` (identity: profile) are refused."""
        ...


@dataclass(frozen=True, slots=True)
class InputLine:
    """One digital input of the gateway's own board."""

    key: str
    """Point of the profile that tells its state."""
    offset: int
    """Number of the line on its GPIO chip."""
    is_active_low: bool
    """A closed contact pulls the line to ground."""
    bias: str
    """`pull-up`, `pull-down`, `off` or `as-is`."""
    debounce_s: float


class InputReader(Protocol):
    """What the edges of an instrument's inputs mean. Times are monotonic seconds."""

    def edge(self, key: str, is_active: bool, at_s: float) -> None:
        """Take a change that lasted longer than the debounce time."""
        ...

    def scan(self, at_s: float) -> tuple[NativePoint, ...]:
        """States and counts as of now."""
        ...

    @property
    def totals(self) -> dict[str, int]:
        """Counts that must outlive a restart, by key; they are on disk before a scan is told."""
        ...


@runtime_checkable
class InputDriver(Driver, Protocol):
    """A driver of contacts on the gateway's own digital inputs."""

    def inputs(self, profile: Profile) -> tuple[InputLine, ...]:
        """The lines that the instrument uses.

        Raises:
            edge.errors.DriverError: the profile's options do not fit the driver.
        """
        ...

    def reader(self, profile: Profile, totals: Mapping[str, int], states: Mapping[str, bool]) -> InputReader:
        """A reader that goes on from `totals`, with the inputs in `states` now."""
        ...
