"""How long a store keeps what it has: values as measured, and roll-ups. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cloud.store.rollups import DAY_MS

MOST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class Retention:
    """Days; None keeps for ever. Roll-ups outlive what they were made of."""

    raw_days: int | None = None
    rollup_days: int | None = None


def cutoff_ms(days: int | None, now_ms: int) -> int:
    """What is older than this is not kept: the begin of a UTC day, so that a day goes as a whole."""
    if days is None:
        return -(2**63)
    oldest = now_ms - days * DAY_MS
    return oldest - oldest % DAY_MS


def too_old(days: int | None) -> str:
    """Why a value is refused for good."""
    return f"points beyond retention policy: older than the {days} days that the store keeps"
