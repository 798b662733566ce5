"""Times as files write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from cloud.transfer.errors import RowError

EARLIEST_MS: Final = 0
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01."""


class Precision(StrEnum):
    """What one step of a whole number is."""

    NS = "ns"
    US = "us"
    MS = "ms"
    S = "s"


_TO_MS: Final = {
    Precision.NS: (1, 1_000_000),
    Precision.US: (1, 1000),
    Precision.MS: (1, 1),
    Precision.S: (1000, 1),
}


def time_of(told: Any, precision: Precision, zone: str) -> int:
    """UTC milliseconds of a number in `precision`, of ISO 8601, or of a moment; `zone` where none is named.

    Raises:
        RowError: it is no time, or outside 1970 … 2100.
    """
    if isinstance(told, datetime):
        time_ms = _of_moment(told, zone)
    elif isinstance(told, bool) or told is None:
        raise RowError(f"time {told!r} is no time")
    elif isinstance(told, int) or (isinstance(told, str) and told.strip().lstrip("-").isdigit()):
        times, parts = _TO_MS[precision]
        time_ms = int(told) * times // parts
    elif isinstance(told, float):
        if not math.isfinite(told):
            raise RowError(f"time {told} is no time")
        time_ms = round(told * _TO_MS[precision][0] / _TO_MS[precision][1])
    else:
        try:
            time_ms = _of_moment(datetime.fromisoformat(str(told).strip()), zone)
        except (ValueError, OverflowError):
            raise RowError(f"time {str(told)[:40]!r} is no time: use ISO 8601 or UTC milliseconds") from None
    if not EARLIEST_MS <= time_ms <= LATEST_MS:
        raise RowError(f"time {time_ms} ms is outside 1970 … 2100: is the precision right?")
    return time_ms


def _of_moment(moment: datetime, zone: str) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
