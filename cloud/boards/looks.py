"""How the values of a point look: unit, digits, names of states, and the limits of its class's alarms."""

from __future__ import annotations

from typing import Final

from cloud.boards import words
from cloud.boards.spec import Look, Step
from cloud.boards.units import grafana_unit
from telemetry.devices.classes import DeviceClass, Point, Severity
from telemetry.readings import ValueType

GOOD_COLOR: Final = "green"
COLOR_OF: Final = {
    Severity.CRITICAL: "dark-red",
    Severity.MAJOR: "red",
    Severity.MINOR: "orange",
    Severity.INFO: "yellow",
}
_STATE_COLORS: Final = (
    "semi-dark-blue",
    "semi-dark-green",
    "semi-dark-orange",
    "semi-dark-purple",
    "semi-dark-red",
)


def look_of(device_class: DeviceClass, point: Point, language: str) -> Look:
    """The look of `point` of `device_class`."""
    numeric = point.type in (ValueType.DOUBLE, ValueType.INT32, ValueType.INT64)
    return Look(
        title=point.title.in_language(language),
        unit=grafana_unit(point.unit).id if numeric else "none",
        decimals=point.decimals if point.type is ValueType.DOUBLE else 0 if numeric else None,
        names=_names(point, language),
        steps=limits_of(device_class, point),
    )


def _names(point: Point, language: str) -> tuple[tuple[str, str, str], ...]:
    if point.type is ValueType.BOOLEAN:
        return (
            ("false", words.NO.in_language(language), "semi-dark-blue"),
            ("true", words.YES.in_language(language), "semi-dark-green"),
        )
    return tuple(
        (str(code), text.in_language(language), _STATE_COLORS[number % len(_STATE_COLORS)])
        for number, (code, text) in enumerate(sorted((point.states or {}).items()))
    )


def limits_of(device_class: DeviceClass, point: Point) -> tuple[Step, ...]:
    """The limits at which alarms of the class begin, as coloured bands from the lowest value on.

    Alarms that hold only under a condition (`while`) are left out: a band cannot tell when it counts.
    """
    alarms = [alarm for alarm in device_class.alarms if alarm.point == point.metric and not alarm.while_]
    below = sorted((a.below, COLOR_OF[a.severity]) for a in alarms if a.below is not None)
    above = sorted((a.above, COLOR_OF[a.severity]) for a in alarms if a.above is not None)
    if not below and not above:
        return ()
    # Below the first limit the worst colour counts, between two of them the next, and then all is well.
    colors = [color for _, color in below] + [GOOD_COLOR] + [color for _, color in above]
    values = [None, *(limit for limit, _ in below), *(limit for limit, _ in above)]
    return tuple(Step(value, color) for value, color in zip(values, colors, strict=True))
