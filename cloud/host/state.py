"""The STATE message of a host application: JSON with exactly `online` and `timestamp`."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class State:
    """Whether a host is online, and since which CONNECT (or until when)."""

    online: bool
    time_ms: int

    def encode(self) -> bytes:
        """The payload."""
        return json.dumps({"online": self.online, "timestamp": self.time_ms}).encode()


def read_state(payload: bytes) -> State | None:
    """The STATE in `payload`, or None where it is none."""
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    online, time_ms = told.get("online"), told.get("timestamp")
    if not isinstance(online, bool) or isinstance(time_ms, bool) or not isinstance(time_ms, int):
        return None
    return State(online, time_ms)
