"""What the gateway itself knows of a lamp: target, its reason, and feedback (TALQ keeps them apart)."""

from __future__ import annotations

from dataclasses import dataclass

from edge.programs.decision import Reason
from edge.programs.lamps import FEEDBACK, PROGRAM, REASON, TARGET
from telemetry.readings import Batch, Quality, Reading, ValueType


@dataclass(frozen=True, slots=True)
class LampStatus:
    """One lamp."""

    target: int | None
    """What it shall be; None: as it is."""
    reason: Reason
    feedback: int | None
    """What the gateway has written and read back last; None: nothing yet."""
    program: str


def status_batch(device: str, status: LampStatus, now_ms: int) -> Batch:
    """The status as readings of one time."""
    return Batch(
        device,
        (
            _level(device, TARGET, status.target, "the program leaves the lamp as it is", now_ms),
            Reading(device, REASON, ValueType.INT32, int(status.reason), now_ms),
            _level(device, FEEDBACK, status.feedback, "nothing was written yet", now_ms),
            Reading(device, PROGRAM, ValueType.STRING, status.program, now_ms),
        ),
    )


def _level(device: str, metric: str, level: int | None, cause: str, now_ms: int) -> Reading:
    if level is None:
        return Reading(device, metric, ValueType.INT32, None, now_ms, Quality.STALE, cause)
    return Reading(device, metric, ValueType.INT32, level, now_ms)
