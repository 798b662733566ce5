"""How many messages a farmer bears: a few a week, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cloud.forecast.messages.compose import NO_SPRAY, FarmerMessage

WEEK: Final = timedelta(days=7)
SAME_PEST: Final = timedelta(days=3)
"""So long a plot is not told again of the same pest, unless it has become very high."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that went out."""

    plot: str
    about: str
    urgent: bool
    at: datetime


def within_budget(
    wished: Sequence[FarmerMessage], sent: Sequence[Sent], now: datetime, most_a_week: int
) -> list[FarmerMessage]:
    """Which of one farmer's messages go out now, the most pressing first.

    Never more than `most_a_week` in any seven days; what is not sent is dropped, for tomorrow's forecast
    replaces it. "No spraying needed" goes out only while half of the budget is left.

    Args:
        wished: Of all plots of the farmer.
        sent: What the farmer got lately.
        now: Aware or naive like the times of `sent`.
        most_a_week: The farmer's own wish; 0 is none.
    """
    lately = [each for each in sent if now - each.at < WEEK]
    left = max(0, most_a_week - len(lately))
    chosen: list[FarmerMessage] = []
    for each in sorted(wished, key=lambda each: (not each.urgent, each.about == NO_SPRAY, -each.probability)):
        if len(chosen) >= left:
            break
        if each.about == NO_SPRAY and 2 * (left - len(chosen)) < most_a_week:
            continue
        if not any(_told(each, before, now) for before in lately):
            chosen.append(each)
    return chosen


def _told(wished: FarmerMessage, before: Sent, now: datetime) -> bool:
    same = before.plot == wished.plot and before.about == wished.about and now - before.at < SAME_PEST
    return same and not (wished.urgent and not before.urgent)
