"""Values in sentences for people: the point's decimals, and the decimal comma in Vietnamese."""

from __future__ import annotations

from typing import Final

from telemetry.devices.classes import Point, Text
from telemetry.readings import Value, ValueType

_YES: Final = {True: Text(vi="có", en="yes"), False: Text(vi="không", en="no")}


def sentence(template: Text, point: Point, value: Value, limit: Value) -> Text:
    """`template` with `{value}` and `{limit}` filled in, in both languages."""
    return Text(
        **{
            language: template.in_language(language)
            .replace("{value}", spoken(point, value, language))
            .replace("{limit}", spoken(point, limit, language, shortest=True))
            for language in ("vi", "en")
        }
    )


def spoken(point: Point, value: Value, language: str, *, shortest: bool = False) -> str:
    """`value` of `point` as people read it; `shortest` leaves out zeros behind the decimal sign."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _YES[value].in_language(language)
    if isinstance(value, str):
        return value
    if point.states is not None and value in point.states:
        return point.states[int(value)].in_language(language)
    decimals = 0 if point.type in (ValueType.INT32, ValueType.INT64) else point.decimals
    text = f"{value:.{decimals}f}"
    if decimals and shortest:
        text = text.rstrip("0").rstrip(".")
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace(".", ",") if language == "vi" else text
