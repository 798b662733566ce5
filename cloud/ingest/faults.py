"""Why a message, or a part of one, cannot be stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

KEPT_BYTES: Final = 64 * 1024
"""So much of a message is kept with its dead letter."""
MAX_PAYLOAD_BYTES: Final = 1024 * 1024
"""A larger payload is not decoded. A batch of 500 values has about 20 kB."""


class Reason(StrEnum):
    """Kinds of dead letters; they name the counters too."""

    MALFORMED = "malformed"
    """No Sparkplug payload, or no valid topic."""
    TOO_LARGE = "too-large"
    UNKNOWN_METRIC = "unknown-metric"
    """Not declared: neither the class nor the device's birth knows it."""
    UNKNOWN_ALIAS = "unknown-alias"
    """A metric without a name, from a device whose birth this worker has not seen."""
    WRONG_TYPE = "wrong-type"
    BAD_TIME = "bad-time"
    REJECTED = "rejected-by-store"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one metric."""

    reason: Reason
    detail: str
