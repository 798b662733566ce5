"""How well the cloud tier works, from its parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

LAG_LIMIT_S: Final = 15.0
"""A value that arrived this long ago and is not stored means that ingest lags."""
_GIVE_UP_S: Final = 60.0
"""A value that others of its time overtook this long ago is no lag: it was refused (see dead letters)."""


class Status(StrEnum):
    """How well something works."""

    OK = "ok"
    DEGRADED = "degraded"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """Not tried yet, or nothing to judge by."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part: how it does, and in words what was seen."""

    status: Status
    detail: str
    latency_ms: float | None = None
    lag_s: float | None = None


UNTRIED: Final = Check(Status.UNKNOWN, "not checked yet")


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All parts, and what they amount to: without the registry nothing works; any other may fail alone."""

    registry: Check = UNTRIED
    store: Check = UNTRIED
    broker: Check = UNTRIED
    ingest: Check = UNTRIED
    time_ms: int = 0

    @property
    def status(self) -> Status:
        """`ok`, `degraded` or `dead`."""
        if self.registry.status is Status.DEAD:
            return Status.DEAD
        failing = any(each.status in (Status.DEAD, Status.DEGRADED) for each in self.checks.values())
        untried = self.registry.status is Status.UNKNOWN
        return Status.DEGRADED if failing or untried else Status.OK

    @property
    def checks(self) -> dict[str, Check]:
        """The parts by name."""
        return {
            "registry": self.registry,
            "store": self.store,
            "broker": self.broker,
            "ingest": self.ingest,
        }

    @property
    def summary(self) -> tuple[Status, ...]:
        """What must change for the report to be news."""
        return (self.status, *(check.status for check in self.checks.values()))


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest value of a device that was heard live."""

    device: str
    time_ms: int
    received_ms: int


@dataclass(slots=True)
class IngestWatch:
    """Follows a few values from the wire to the store.

    It waits for a handful of values until the store has them, and only then takes the next: so a dead ingest
    shows as a lag that grows, though new values keep coming.
    """

    _waiting: dict[str, Heard] = field(default_factory=dict)

    @property
    def devices(self) -> list[str]:
        """Whose newest stored times `judge` needs."""
        return list(self._waiting)

    def expect(self, heard: Iterable[Heard]) -> None:
        """Take these values to wait for, if none are waited for."""
        if not self._waiting:
            self._waiting = {each.device: each for each in heard}

    def judge(self, stored_ms: Mapping[str, int], now_ms: int) -> Check:
        """How ingest does, given the newest stored time of each waited-for device."""
        if not self._waiting:
            return Check(Status.UNKNOWN, "no live value to judge by")
        before = len(self._waiting)
        self._waiting = {
            device: each for device, each in self._waiting.items() if stored_ms.get(device, -1) < each.time_ms
        }
        lag_s = max(((now_ms - each.received_ms) / 1000 for each in self._waiting.values()), default=0.0)
        if len(self._waiting) < before and lag_s > _GIVE_UP_S:
            self._waiting.clear()
            lag_s = 0.0
        if lag_s > LAG_LIMIT_S:
            return Check(
                Status.DEGRADED,
                f"a value that arrived {lag_s:.0f} s ago is not stored: is an ingest worker running?",
                lag_s=lag_s,
            )
        return Check(Status.OK, "live values reach the store", lag_s=lag_s)
