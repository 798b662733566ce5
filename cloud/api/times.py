"""Times and durations as callers write them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from cloud.api.errors import Invalid

_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|w)")
_EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01; a smaller number is seconds, or a mistake."""
_LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01."""
_HOW: Final = "write UTC milliseconds (1767571200000), ISO 8601 with zone (2026-01-05T07:00:00Z), or -24h"


def parse_time(text: str, name: str, now_ms: int) -> int:
    """UTC milliseconds of `text`: a number of them, ISO 8601 with a zone, `now`, or back from now (`-24h`).

    Raises:
        Invalid: it is none of them, or before 2000 or after 2100.
    """
    text = text.strip()
    if text == "now":
        return now_ms
    if text.startswith("-"):
        return _within(now_ms - parse_duration(text[1:], name), name)
    if text.isascii() and text.isdigit():
        if len(text) <= 11:
            raise Invalid(f"{name}: {text} is too small for milliseconds", _HOW)
        return _within(int(text[:20]), name)
    try:
        # An unescaped '+' of the zone arrives as a space.
        time = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))
        moment = time.timestamp() if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        raise Invalid(f"{name}: {text[:40]!r} is no time", _HOW) from None
    if moment is None:
        raise Invalid(f"{name}: {text[:40]!r} names no zone", "add Z for UTC, or +07:00")
    return _within(round(moment * 1000), name)


def parse_duration(text: str, name: str) -> int:
    """Milliseconds of `text`, such as `500ms`, `10m`, `24h` or `7d`. Raises Invalid."""
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise Invalid(
            f"{name}: {text[:40]!r} is no duration",
            "write a number with ms, s, m, h, d or w, such as 10m",
        )
    return int(match[1]) * _UNIT_MS[match[2]]


def _within(time_ms: int, name: str) -> int:
    if not _EARLIEST_MS <= time_ms <= _LATEST_MS:
        raise Invalid(f"{name}: the time is not between 2000 and 2100", _HOW)
    return time_ms
