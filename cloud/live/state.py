"""Whether a device can be believed to work, from what is known of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SILENT_INTERVALS: Final = 3
"""A device that gave no value for this many of its class's intervals is stale."""
DEFAULT_EVERY_S: Final = 300.0
"""Expected interval of a device whose class is not known."""


class DeviceState(StrEnum):
    """What a person sees of a device at one glance."""

    ONLINE = "online"
    STALE = "stale"
    """Its gateway holds it for alive, but no value came for three intervals."""
    OFFLINE = "offline"
    """Its gateway said that it is gone, or is gone itself."""


def state_of(*, online: bool, value_ms: int | None, expected_every_s: float, now_ms: int) -> DeviceState:
    """The state of a device whose newest value is of `value_ms`."""
    if not online:
        return DeviceState.OFFLINE
    if value_ms is None or now_ms - value_ms > SILENT_INTERVALS * expected_every_s * 1000:
        return DeviceState.STALE
    return DeviceState.ONLINE
