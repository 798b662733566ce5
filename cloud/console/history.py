"""The chart of the last 24 hours: from samples to chart options. Pure.

ECharts would use the browser's time zone; the samples are moved to the province's, and drawn as if UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cloud.console.display import LOCAL, unit_sign
from cloud.console.models import GOOD, HistorySample, PointInfo
from cloud.console.texts import Words

HOURS: Final = 24
EVERY: Final = "10m"
EVERY_MS: Final = 600_000
_LINE: Final = "#2b5d8a"
_BAND: Final = "rgba(43, 93, 138, 0.16)"
_MOST_STATES: Final = 50
_NUMBERS: Final = {
    "vi": "value => value == null ? '' : value.toLocaleString('vi-VN')",
    "en": "value => value == null ? '' : value.toLocaleString('en-GB')",
}


def is_level(point: PointInfo) -> bool:
    """Whether means make sense: a quantity, neither a switch nor a code."""
    return point.type == "double" or (point.type in ("int32", "int64") and point.states is None)


def can_chart(point: PointInfo) -> bool:
    """Whether the point has numbers to draw."""
    return point.type not in ("string", "datetime")


def first_point(points: Sequence[PointInfo]) -> PointInfo | None:
    """The point to begin with: the first headline quantity, or what there is."""
    drawn = [point for point in points if can_chart(point)]
    return min(
        drawn, key=lambda point: (not (point.headline and is_level(point)), not point.headline), default=None
    )


def chart_options(
    point: PointInfo,
    now_ms: int,
    words: Words,
    *,
    line: Sequence[HistorySample],
    low: Sequence[HistorySample] = (),
    high: Sequence[HistorySample] = (),
) -> dict[str, Any]:
    """ECharts options: a line with gaps where data is missing, and the band between `low` and `high`."""
    level = is_level(point)
    end = _local_ms(now_ms)
    numbers = {":valueFormatter": _NUMBERS[words.language]} if level else {}
    return {
        "animation": False,
        "useUTC": True,
        "grid": {"left": 8, "right": 14, "top": 30, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True, **numbers},
        "legend": {
            "top": 0,
            "right": 4,
            "itemWidth": 16,
            "itemHeight": 8,
            "icon": "roundRect",
            "selectedMode": False,
            "textStyle": {"fontSize": 12, "color": "#5c6770"},
            "data": [
                words("chart_mean" if level else "chart_last"),
                *([words("chart_band")] if level else ()),
            ],
        },
        "title": {
            "text": unit_sign(point.unit, words.language),
            "subtext": "" if any(sample.value is not None for sample in line) else words("chart_empty"),
            "textStyle": {"fontSize": 12, "fontWeight": "normal", "color": "#5c6770"},
            "left": 4,
            "top": 2,
        },
        "xAxis": {
            "type": "time",
            "min": end - HOURS * 3_600_000,
            "max": end,
            "axisLabel": {"hideOverlap": True, "formatter": {"hour": "{HH}:{mm}", "day": "{dd}/{MM}"}},
            "splitLine": {"show": True, "lineStyle": {"color": "#eef1f3"}},
        },
        "yAxis": _level_axis(words) if level else _state_axis(point, words),
        "series": [
            *(_band(low, high, point.decimals, words) if level else ()),
            {
                "name": words("chart_mean" if level else "chart_last"),
                "type": "line",
                "showSymbol": False,
                "step": False if level else "end",
                "lineStyle": {"width": 1.8, "color": _LINE},
                "itemStyle": {"color": _LINE},
                "data": _with_gaps(line, point.decimals),
            },
        ],
    }


def _level_axis(words: Words) -> dict[str, Any]:
    # A key that begins with a colon is JavaScript to NiceGUI: never put in anything but constants.
    return {"type": "value", "scale": True, "axisLabel": {":formatter": _NUMBERS[words.language]}}


def _state_axis(point: PointInfo, words: Words) -> dict[str, Any]:
    """One place for each state, beginning with 0."""
    names = {0: words("no"), 1: words("yes")}
    if point.states is not None:
        names = {value: words.of(text) for value, text in point.states.items() if 0 <= value < _MOST_STATES}
    return {"type": "category", "data": [names.get(value, "") for value in range(max(names, default=0) + 1)]}


def _band(
    low: Sequence[HistorySample], high: Sequence[HistorySample], decimals: int, words: Words
) -> list[dict[str, Any]]:
    tops = {sample.time_ms: sample.value for sample in high}
    pairs = [(sample.time_ms, sample.value, tops.get(sample.time_ms)) for sample in low]
    whole = [(at, bottom, top) for at, bottom, top in pairs if bottom is not None and top is not None]
    invisible = {"type": "line", "stack": "band", "showSymbol": False, "lineStyle": {"opacity": 0}}
    quiet = {"tooltip": {"show": False}, "silent": True, "stackStrategy": "all"}
    bottoms = _with_gaps([HistorySample(time_ms=at, value=bottom) for at, bottom, _ in whole], decimals)
    spans = _with_gaps([HistorySample(time_ms=at, value=top - bottom) for at, bottom, top in whole], decimals)
    return [
        {**invisible, **quiet, "data": bottoms},
        {
            **invisible,
            **quiet,
            "name": words("chart_band"),
            "areaStyle": {"color": _BAND},
            "itemStyle": {"color": _BAND},
            "data": spans,
        },
    ]


def _with_gaps(samples: Sequence[HistorySample], decimals: int) -> list[list[float | None]]:
    """Samples as pairs; a hole of more than two spans breaks the line."""
    drawn: list[list[float | None]] = []
    before: int | None = None
    for sample in samples:
        if before is not None and sample.time_ms - before > 2 * EVERY_MS:
            drawn.append([_local_ms(before + EVERY_MS), None])
        good = sample.value is not None and sample.quality == GOOD
        value = round(sample.value, max(decimals, 1)) if good and sample.value is not None else None
        drawn.append([_local_ms(sample.time_ms), value])
        before = sample.time_ms
    return drawn


def _local_ms(time_ms: int) -> int:
    offset = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(LOCAL).utcoffset()
    return time_ms + int(offset.total_seconds() * 1000 if offset else 0)
