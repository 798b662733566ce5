"""What a time-series store is to the rest of the cloud tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from cloud.errors import CloudError
from telemetry.readings import Quality, Value


class Aggregate(StrEnum):
    """How samples of one interval become one. Only samples of quality GOOD count."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    SUM = "sum"
    COUNT = "count"


class Sample(NamedTuple):
    """A stored value."""

    time_ms: int
    value: Value
    quality: Quality = Quality.GOOD


@dataclass(frozen=True, slots=True)
class Scan:
    """What is written at once: the fields of one device at one time."""

    device_class: str
    """Measurement (table) name."""
    area: str
    gateway: str
    device: str
    time_ms: int
    fields: Mapping[str, Value]
    """Field name → value; a Python int is stored as integer, a float as float: keep to the class's type."""
    quality: Mapping[str, Quality] = field(default_factory=dict)
    """Only the fields that are not GOOD."""


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """Where rows come from: one device behind one gateway, sending the same fields each time.

    Made once and used for all its rows; compared by identity, so that a store can keep by channel what it
    derives from it: the escaped beginning of a line, the ids of its series. Whoever makes one has seen that
    `cloud.store.checks.fault` finds nothing wrong with a scan of it.
    """

    device_class: str
    area: str
    gateway: str
    device: str
    fields: tuple[str, ...]
    kinds: tuple[type[bool | int | float], ...]
    """The Python type of each field's values: the same in every row."""


class Row(NamedTuple):
    """A scan in its leanest form, for the hot path of ingest: good numbers and switches only.

    No text, no unknown value, nothing that is not GOOD; floats are finite and integers fit 64 bits. A store
    may rely on it and check no row.
    """

    channel: Channel
    time_ms: int
    values: Sequence[bool | int | float]
    """In the order of the channel's fields."""

    def scan(self) -> Scan:
        """The same as a scan."""
        channel = self.channel
        return Scan(
            channel.device_class,
            channel.area,
            channel.gateway,
            channel.device,
            self.time_ms,
            dict(zip(channel.fields, self.values, strict=True)),
        )


@dataclass(frozen=True, slots=True)
class Rejected:
    """A scan or row that the store will never take, and why."""

    scan: Scan | Row
    reason: str


class StoreUnavailable(CloudError):  # noqa: N818, reads as a state
    """The store cannot write or answer now; the same call may succeed later."""

    unreachable = True


class Store(Protocol):
    """Durable time series. Thread-safe; blocking: call it from worker threads."""

    def write(self, scans: Sequence[Scan | Row]) -> Sequence[Rejected]:
        """Store `scans` durably; when this returns they survive a kill -9 of the store's process.

        Writing the same device and time again replaces the fields given (idempotent re-send). Returns the
        scans that can never be stored; all others are. Two calls may run at the same time.

        Raises:
            StoreUnavailable: nothing is promised for any of `scans`; write them again later.
        """
        ...

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, dict[str, Sample]]:
        """Newest sample of every field: device → field → sample; of all devices where none are named."""
        ...

    def series(
        self,
        device: str,
        field: str,
        start_ms: int,
        end_ms: int,
        *,
        every_ms: int | None = None,
        aggregate: Aggregate = Aggregate.MEAN,
        limit: int = 100_000,
    ) -> list[Sample]:
        """Samples with start_ms ≤ time < end_ms, ascending; raw (every quality), or one an interval.

        Intervals begin at multiples of `every_ms` since 1970 UTC, carry their begin; empty ones are absent.
        """
        ...

    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """Number of stored values (not scans) in the time range."""
        ...

    def ping(self) -> None:
        """Return if the store answers. Raises StoreUnavailable."""
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...
