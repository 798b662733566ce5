"""What the registry keeps of gateways' configurations and health: records, and the calls on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from telemetry.readings import Value


@dataclass(frozen=True, slots=True)
class Desired:
    """A version of a gateway's configuration that somebody has pushed."""

    gateway: str
    version: int
    sha256: str
    text: str
    envelope: str
    """Signed, as it is sent."""
    pushed_ms: int
    pushed_by: str
    sent_ms: int | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What a gateway says of its configuration; None where it has not said it yet."""

    gateway: str
    told_ms: int
    version: int | None = None
    sha256: str | None = None
    judged: int | None = None
    state: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayHealth:
    """The newest figures that a gateway told of itself."""

    gateway: str
    time_ms: int
    figures: Mapping[str, Value]
    """Metric name → value."""


class Progress(StrEnum):
    """Where a pushed version stands."""

    WAITING = "waiting"
    """Not judged yet: it is sent again and again."""
    TRIAL = "trial"
    APPLIED = "applied"
    DIVERGED = "diverged"
    """It was applied, and changed on the gateway since."""
    REFUSED = "refused"
    ROLLED_BACK = "rolled-back"

    @property
    def is_final(self) -> bool:
        """Whether sending it again would change nothing."""
        return self not in (Progress.WAITING, Progress.TRIAL)


def progress(desired: Desired, report: Report | None) -> Progress:
    """How far `desired` has come by what its gateway told last."""
    if report is None or report.judged is None or report.judged < desired.version:
        return Progress.WAITING
    if report.version == desired.version and report.state != "trial":
        return Progress.APPLIED if report.sha256 == desired.sha256 else Progress.DIVERGED
    if report.state == "trial":
        return Progress.TRIAL
    return Progress.REFUSED if report.state == "refused" else Progress.ROLLED_BACK


class ConfigurationBook(Protocol):
    """The part of the registry that keeps these records. Blocking and thread-safe."""

    def push_configuration(self, desired: Desired) -> None:
        """Keep a new version, with an audit row. Raises `Refused` where its number is not the next."""
        ...

    def newest_version(self, gateway: str) -> int:
        """The highest version that was ever pushed or told of; 0 where there is none."""
        ...

    def desired(self, gateway: str | None = None) -> list[tuple[Desired, Report | None]]:
        """The newest version of each gateway (or of one) and what the gateway told last."""
        ...

    def undecided(self, limit: int) -> list[Desired]:
        """Newest versions that gateways that are online have not judged for good; never-sent first."""
        ...

    def configuration_sent(self, gateway: str, version: int, *, time_ms: int) -> None:
        """One more attempt was published."""
        ...

    def configuration_told(self, report: Report) -> None:
        """What the gateway says of its configuration."""
        ...

    def configuration_report(self, gateway: str) -> Report | None:
        """What the gateway told last; None where it told nothing yet."""
        ...

    def health_told(self, told: Sequence[GatewayHealth]) -> None:
        """What gateways say of themselves; many at once, in one transaction."""
        ...

    def health(self) -> dict[str, GatewayHealth]:
        """Gateway → its newest figures."""
        ...
