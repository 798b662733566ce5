"""What a spool may hold, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much a spool may hold."""

    max_bytes: int = 500_000_000
    """Pages in use; the write-ahead log comes on top, at most 2 MiB of it at rest."""
    max_age_days: float = 60
    """What has waited longer for an acknowledgement is evicted, and counted."""
    keep_stored_days: float = 0
    """Acknowledged batches stay readable that long, as far as there is room."""
    counters: frozenset[str] = frozenset()
    """Metrics that only grow although they are no INT64, which all do: their values are never given up."""


@dataclass(frozen=True, slots=True)
class SpoolFigures:
    """The state of a spool. `depth` counts batches, the totals count readings."""

    epoch: str
    depth: int
    waiting_readings: int
    oldest_ms: int | None
    """Time of the longest waiting batch; None where nothing waits."""
    committed: int
    acked: int
    dropped: int
    """Evicted or thinned out after their commit, or refused because the disk was full."""
    bytes_used: int
    newest: int
    """Highest number given out so far."""
    thinned: int = 0
    """Those of the dropped that were left out of a quarter of an hour or hour of which the rest stayed."""
    unsettled: int = 0
    """Batches that wait for the clock: of what moment they are is not known yet."""
