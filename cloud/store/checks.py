"""What every store refuses, so that a scan accepted by one is accepted by all of them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cloud.store.port import Rejected, Row, Scan
from telemetry.readings import Quality, Value

MAX_INTEGER: Final = 2**63 - 1
MAX_TEXT_BYTES: Final = 64_000
"""InfluxDB takes strings below 64 KiB."""
MAX_TIME_MS: Final = 9_223_372_036_854
"""2262-04-11, the last time that InfluxDB's nanoseconds can tell."""
RESERVED_FIELDS: Final = frozenset({"time", "area", "gateway", "device", "class"})
"""Names that mean something else in a line of InfluxDB."""

_NAME: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_KEPT_ANSWERS: Final = 100_000
_TAG: Final = re.compile(r"[^\x00-\x1f\x7f\\]{1,256}")


@lru_cache(maxsize=_KEPT_ANSWERS)
def is_field(name: str) -> bool:
    """Whether every store takes `name` as a field: snake_case, no double underscore, not reserved."""
    return bool(_NAME.fullmatch(name)) and name not in RESERVED_FIELDS


def quality_of(scan: Scan, field: str) -> Quality:
    """The quality to store: what the scan says, and BAD for a value that is unknown."""
    quality = scan.quality.get(field, Quality.GOOD)
    return Quality.BAD if quality is Quality.GOOD and scan.fields[field] is None else quality


def fault(scan: Scan) -> str:
    """Why no store can take `scan`; empty where all can."""
    if not scan.fields:
        return "holds no field"
    if not 0 <= scan.time_ms <= MAX_TIME_MS:
        return f"time {scan.time_ms} ms is outside 1970 … 2262"
    return _place_fault(scan.device_class, scan.area, scan.gateway, scan.device) or next(
        (reason for field, value in scan.fields.items() if (reason := _field_fault(field, value))), ""
    )


@lru_cache(maxsize=_KEPT_ANSWERS)
def _place_fault(device_class: str, area: str, gateway: str, device: str) -> str:
    if not _NAME.fullmatch(device_class):
        return f"class {device_class!r} is no snake_case name"
    for what, text in (("area", area), ("gateway", gateway), ("device", device)):
        if not _TAG.fullmatch(text) or not _is_unicode(text):
            return f"{what} {text[:80]!r} is empty, too long, or holds a backslash or control character"
    return ""


def _field_fault(field: str, value: Value) -> str:
    if not is_field(field):
        return f"field {field[:80]!r} is no snake_case name, or a reserved one"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"field {field} is {value}, no number"
    if isinstance(value, str):
        fits = _is_unicode(value) and len(value.encode()) <= MAX_TEXT_BYTES
        return "" if fits else f"field {field} is a text of more than {MAX_TEXT_BYTES} bytes, or broken"
    if value is not None and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        return f"field {field} is {value}, beyond 64 bits"
    return ""


def split(scans: Sequence[Scan | Row]) -> tuple[list[Scan | Row], list[Rejected]]:
    """The scans that can be stored, and those that never can; rows have been checked by who made them."""
    good: list[Scan | Row] = []
    rejected: list[Rejected] = []
    for scan in scans:
        reason = "" if isinstance(scan, Row) else fault(scan)
        if reason:
            rejected.append(Rejected(scan, reason))
        else:
            good.append(scan)
    return good, rejected


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
