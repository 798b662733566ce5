"""What a time-series store is to the rest of the cloud tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Sample:
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


@dataclass(frozen=True, slots=True)
class Rejected:
    """A scan that the store will never take, and why."""

    scan: Scan
    reason: str


class StoreUnavailable(CloudError):  # noqa: N818, reads as a state
    """The store cannot write or answer now; the same call may succeed later."""

    unreachable = True


class Store(Protocol):
    """Durable time series. Thread-safe; blocking: call it from worker threads."""

    def write(self, scans: Sequence[Scan]) -> Sequence[Rejected]:
        """Store `scans` durably; when this returns they survive a kill -9 of the store's process.

        Writing the same device and time again replaces the fields given (idempotent re-send). Returns the
        scans that can never be stored; all others are.

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
