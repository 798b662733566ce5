"""The chart's options."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloud.console.history import EVERY_MS, chart_options, first_point
from cloud.console.models import HistorySample, PointInfo
from cloud.console.texts import Words

VI = Words("vi")
START = int(datetime(2026, 1, 4, 17, 0, tzinfo=UTC).timestamp() * 1000)
"""Midnight in Phan Thiết."""


def point(field: str = "f", **fields: Any) -> PointInfo:
    told = {"field": field, "metric": "F/F", "type": "double", "title": {"vi": "Điểm", "en": "Point"}}
    return PointInfo.model_validate({**told, **fields})


def samples(*values: float | None, quality: int = 192) -> list[HistorySample]:
    return [
        HistorySample(time_ms=START + i * EVERY_MS, value=value, quality=quality)
        for i, value in enumerate(values)
    ]


def line_of(options: dict[str, Any]) -> list[list[float | None]]:
    return list(options["series"][-1]["data"])


def test_times_are_drawn_as_the_provinces() -> None:
    options = chart_options(point(), START, VI, line=samples(1.0))
    drawn = datetime.fromtimestamp(line_of(options)[0][0] / 1000, UTC)  # type: ignore[operator]
    assert options["useUTC"]
    assert (drawn.day, drawn.hour) == (5, 0)


def test_a_hole_breaks_line_and_band() -> None:
    line = [*samples(1.0, 2.0), HistorySample(time_ms=START + 9 * EVERY_MS, value=3.0)]
    options = chart_options(point(), START, VI, line=line, low=line, high=line)
    for series in options["series"]:
        assert [pair[1] is None for pair in series["data"]] == [False, False, True, False]


def test_the_band_is_what_lies_between() -> None:
    options = chart_options(
        point(), START, VI, line=samples(5.0), low=samples(4.0, 1.0), high=samples(7.0, None)
    )
    bottom, span, line = (series["data"] for series in options["series"])
    assert ([y for _, y in bottom], [y for _, y in span], [y for _, y in line]) == ([4.0], [3.0], [5.0])


def test_a_value_that_is_not_good_is_not_drawn() -> None:
    drawn = line_of(chart_options(point(), START, VI, line=samples(5.0, quality=0)))
    assert [y for _, y in drawn] == [None]


def test_states_are_steps_between_their_names() -> None:
    valve = point(type="int32", states={0: {"vi": "đóng", "en": "closed"}, 2: {"vi": "mở", "en": "open"}})
    options = chart_options(valve, START, VI, line=samples(0, 2))
    assert options["yAxis"] == {"type": "category", "data": ["đóng", "", "mở"]}
    assert [series["step"] for series in options["series"]] == ["end"]


def test_without_data_it_says_so() -> None:
    assert chart_options(point(), START, VI, line=[])["title"]["subtext"] == VI("chart_empty")
    assert chart_options(point(), START, VI, line=samples(1.0))["title"]["subtext"] == ""


def test_scripts_in_options_are_constants() -> None:
    hostile = point(
        title={"vi": "<img src=x onerror=alert(1)>", "en": "x"},
        unit="');alert(1)//",
        states={0: {"vi": "'+alert(1)+'", "en": "x"}},
    )
    for options in (
        chart_options(hostile, START, VI, line=samples(1.0)),
        chart_options(hostile.model_copy(update={"states": None}), START, VI, line=samples(1.0)),
    ):
        for scripts in _scripts(options):
            assert "alert" not in scripts
        assert options["tooltip"]["renderMode"] == "richText"


def _scripts(options: Any) -> list[str]:
    if isinstance(options, dict):
        own = [str(value) for key, value in options.items() if str(key).startswith(":")]
        return own + [script for value in options.values() for script in _scripts(value)]
    return [script for value in options for script in _scripts(value)] if isinstance(options, list) else []


def test_it_begins_with_a_headline_quantity() -> None:
    text, switch = point("t", type="string"), point("s", type="boolean", headline=True)
    plain, headline = point("p"), point("h", headline=True)
    chosen = [
        first_point(points) for points in ([text, switch, plain, headline], [text, switch, plain], [text])
    ]
    assert [each and each.field for each in chosen] == ["h", "s", None]
