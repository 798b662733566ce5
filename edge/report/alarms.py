"""Whether a scan changes the state of one of its class's alarms: such scans are kept longest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from telemetry.devices.classes import LimitAlarm
from telemetry.readings import Quality, Reading, Value


class AlarmWatch:
    """Follows the limits of one device's class, each with its hysteresis.

    How long a breach lasts, and what other points say, is the host's to judge; here it only matters that the
    readings on which it turns are not lost.
    """

    def __init__(self, alarms: Sequence[LimitAlarm]) -> None:
        self._alarms = tuple(alarms)
        self._active: dict[str, bool] = {}

    def changed(self, readings: Iterable[Reading]) -> bool:
        """Whether a limit is passed by `readings`, or kept again."""
        values = {each.metric: each.value for each in readings if each.quality is not Quality.STALE}
        changed = False
        for alarm in self._alarms:
            if values.get(alarm.point) is None:
                continue
            before = self._active.get(alarm.id)
            now = _is_active(alarm, values[alarm.point], was_active=bool(before))
            self._active[alarm.id] = now
            changed |= now if before is None else now is not before
        return changed


def _is_active(alarm: LimitAlarm, value: Value, *, was_active: bool) -> bool:
    if alarm.equals is not None:
        return value == alarm.equals
    if not isinstance(value, int | float):
        return was_active
    if alarm.above is not None:
        limit = alarm.clear if was_active and alarm.clear is not None else alarm.above
        return value > limit
    assert alarm.below is not None, "an alarm has one condition"
    limit = alarm.clear if was_active and alarm.clear is not None else alarm.below
    return value < limit
