"""Rows that no limit rule needs to look at, told from the others in a moment.

Nearly all that is stored says nothing new to the rules: each value is on the quiet side of every limit, and
nothing is wrong with the device. Such a row is only remembered, as the newest of its channel, and learnt
before its device is judged again: what the rules see is then the same as if all had been judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from cloud.alarms.limits import DeviceView, LimitRule
from cloud.store.port import Channel, Row


class Gate:
    """What is quiet on one channel, and its newest row that was not learnt."""

    __slots__ = ("_bounds", "_waiting", "channel", "view")

    def __init__(self, channel: Channel, rules: Sequence[LimitRule], view: DeviceView) -> None:
        self.channel = channel
        self.view = view
        self._bounds = list(quiet_bounds(channel, rules))
        self._waiting: Row | None = None

    def passes(self, row: Row) -> bool:
        """Whether no rule needs `row` now; it is then remembered."""
        if self.view.breaches:
            return False
        values = row.values
        for place, low, high in self._bounds:
            if not low <= values[place] <= high:
                return False
        if self._waiting is None or row.time_ms > self._waiting.time_ms:
            self._waiting = row
        return True

    def take(self) -> Row | None:
        """The row that waits to be learnt; it waits no longer."""
        row, self._waiting = self._waiting, None
        return row


def quiet_bounds(channel: Channel, rules: Sequence[LimitRule]) -> Iterator[tuple[int, float, float]]:
    """Place, lowest and highest value of each field between which every rule's condition has ended."""
    for place, field in enumerate(channel.fields):
        low, high = -math.inf, math.inf
        for rule in rules:
            if rule.point.field != field:
                continue
            alarm = rule.alarm
            if alarm.equals is not None:
                if not isinstance(alarm.equals, bool):
                    low, high = math.inf, -math.inf  # all but one value is quiet: no range says so
                else:
                    low, high = max(low, not alarm.equals), min(high, not alarm.equals)
            elif alarm.above is not None:
                high = min(high, alarm.above, math.inf if alarm.clear is None else alarm.clear)
            elif alarm.below is not None:
                low = max(low, alarm.below, -math.inf if alarm.clear is None else alarm.clear)
        if (low, high) != (-math.inf, math.inf):
            yield place, low, high
