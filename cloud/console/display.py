"""How values, times and ages are written for people. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cloud.console.models import PointInfo, Sample
from cloud.console.texts import Words
from telemetry.readings import Quality, Value

LOCAL: Final = ZoneInfo("Asia/Ho_Chi_Minh")

_UNITS: Final = {
    "1": "",
    "Cel": "°C",
    "ug/m3": "µg/m³",
    "mg/m3": "mg/m³",
    "m3/h": "m³/h",
    "m3": "m³",
    "W/m2": "W/m²",
    "W.h": "Wh",
    "kW.h": "kWh",
    "deg": "°",
    "[ppm]": "ppm",
    "[pH]": "pH",
    "dB[SPL]": "dB",
    "10-2.mm": "× 0,01 mm",
}


def unit_sign(unit: str | None, language: str = "vi") -> str:
    """A UCUM code as people write it; a code that we do not know stays as it is."""
    sign = _UNITS.get(unit or "1", unit or "")
    return sign.replace(",", ".") if language == "en" else sign


def number(value: float, decimals: int, language: str) -> str:
    """`1234.5` as `1.234,5` in Vietnamese and `1,234.5` in English."""
    text = f"{value:,.{decimals}f}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def value_text(point: PointInfo, value: Value, words: Words, *, with_unit: bool = True) -> str:
    """A value with its unit, or the name of its state."""
    if value is None:
        return words("no_value")
    if point.states is not None and not isinstance(value, str) and int(value) in point.states:
        return words.of(point.states[int(value)])
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if isinstance(value, str):
        return value
    decimals = point.decimals if point.type == "double" else 0
    if point.type == "datetime":
        return date_time(int(value))
    text = number(float(value), decimals, words.language)
    sign = unit_sign(point.unit, words.language) if with_unit else ""
    return f"{text} {sign}".strip() if not sign.startswith("°") or sign == "°C" else f"{text}{sign}"


_QUALITY_WORDS: Final = {
    int(Quality.STALE): "quality_stale",
    int(Quality.OUT_OF_RANGE): "quality_out_of_range",
    int(Quality.TIME_ESTIMATED): "quality_time_estimated",
}


def quality_text(sample: Sample, words: Words) -> str:
    """What is wrong with a value; empty where nothing is."""
    if sample.is_good:
        return ""
    return words(_QUALITY_WORDS.get(sample.quality, "quality_bad"))


def age_text(time_ms: int, now_ms: int, words: Words) -> str:
    """How long ago something was."""
    seconds = max(0, (now_ms - time_ms) // 1000)
    if seconds < 2:
        return words("age_now")
    for key, span, limit in (("age_s", 1, 90), ("age_min", 60, 90 * 60), ("age_h", 3600, 48 * 3600)):
        if seconds < limit:
            return words(key, n=seconds // span)
    return words("age_d", n=seconds // 86_400)


def clock_time(time_ms: int, *, seconds: bool = False) -> str:
    """Hour and minute, in the province's time."""
    return _local(time_ms).strftime("%H:%M:%S" if seconds else "%H:%M")


def date_time(time_ms: int) -> str:
    """Day and time, in the province's time."""
    return _local(time_ms).strftime("%d/%m/%Y %H:%M:%S")


def since_text(time_ms: int, now_ms: int) -> str:
    """The time of day, with the day where it is not today."""
    same_day = _local(time_ms).date() == _local(now_ms).date()
    return _local(time_ms).strftime("%H:%M:%S" if same_day else "%d/%m %H:%M")


def _local(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(LOCAL)
