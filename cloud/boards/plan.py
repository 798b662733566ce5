"""The boards of a province: an overview, and one for each class of device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cloud.boards import influxql, words
from cloud.boards.looks import look_of
from cloud.boards.spec import Board, Kind, Look, Panel, Query, Section, Variable
from cloud.boards.units import grafana_unit
from telemetry.devices.classes import DeviceClass, Point, Text
from telemetry.readings import ValueType
from telemetry.sparkplug.metrics import LATITUDE, LONGITUDE

OVERVIEW_UID: Final = "kega-overview"
_NUMBERS: Final = (ValueType.DOUBLE, ValueType.INT32, ValueType.INT64)
_OVERVIEW_POINTS: Final = 2


def boards(classes: Mapping[str, DeviceClass], language: str = "vi") -> tuple[Board, ...]:
    """All boards in `vi` or `en`; the other language stands in the descriptions."""
    ordered = [classes[name] for name in sorted(classes)]
    return (overview(ordered, language), *(class_board(each, language) for each in ordered))


def board_uid(device_class: DeviceClass) -> str:
    """Uid of the class's board."""
    return f"kega-{device_class.id.replace('_', '-')}"


def _other(language: str) -> str:
    return "vi" if language == "en" else "en"


def _main_point(device_class: DeviceClass) -> Point:
    """The point by which a device shows that it reports."""
    headlines = [point for point in device_class.points if point.headline]
    return (headlines or device_class.points)[0]


def class_board(device_class: DeviceClass, language: str = "vi") -> Board:
    """All points of one class, for one device or many."""
    name = device_class.id
    place = {point.metric: point for point in device_class.points if point.metric in (LATITUDE, LONGITUDE)}
    shown = [point for point in device_class.points if point.metric not in place]
    where = influxql.scope()
    now = [_reporting(device_class, language, where, leads_to=""), _latest(device_class, language, where)]
    if len(place) == 2:
        now.append(_map(device_class, language, where))
    return Board(
        uid=board_uid(device_class),
        title=device_class.title.in_language(language),
        description=words.CLASS_SAYS.in_language(language)
        + f" ({device_class.title.in_language(_other(language))})",
        variables=tuple(
            Variable(tag, label.in_language(language), influxql.tag_values([name], tag, below))
            for tag, label, below in (
                ("area", words.AREA, None),
                ("gateway", words.GATEWAY, "area"),
                ("device", words.DEVICE, "gateway"),
            )
        ),
        sections=(
            Section(words.NOW.in_language(language), tuple(now)),
            Section(
                words.MAIN.in_language(language),
                tuple(point_panel(device_class, each, language, 12) for each in shown if each.headline),
            ),
            Section(
                words.OTHERS.in_language(language),
                tuple(point_panel(device_class, each, language, 8) for each in shown if not each.headline),
            ),
            Section(words.DATA_QUALITY.in_language(language), _quality(device_class, language, where)),
        ),
        tags=("kega", name),
    )


def point_panel(device_class: DeviceClass, point: Point, language: str, width: int) -> Panel:
    """One point over time, a line or lane for each device."""
    look = look_of(device_class, point, language)
    field = influxql.quoted(point.field)
    factor = grafana_unit(point.unit).factor
    description = f"{point.title.in_language(_other(language))} · {point.metric}"
    if point.range is not None:
        description += f" · {point.range[0]:g} … {point.range[1]:g} {point.unit}"
    kind, expression = Kind.SERIES, f"mean({field})"
    if point.states or point.type not in _NUMBERS:
        kind, expression = Kind.STATES, f"last({field})"
    elif point.counter:
        kind, expression = Kind.BARS, f"non_negative_difference(last({field}))"
        grows = words.PER_INTERVAL
        look = Look(f"{look.title}: {grows.in_language(language)}", look.unit, look.decimals)
        description += f" · {grows.in_language(_other(language))}"
    text = influxql.over_time(device_class.id, [influxql.scaled(expression, factor)], influxql.scope())
    return Panel(kind, look, description, (Query(text, influxql.BY_DEVICE),), width, 8 if width > 8 else 7)


def _reporting(device_class: DeviceClass, language: str, where: str, *, leads_to: str) -> Panel:
    point = _main_point(device_class)
    return Panel(
        Kind.STAT,
        Look(words.REPORTING.in_language(language), decimals=0),
        words.REPORTING_SAYS.in_language(_other(language)).format(
            title=point.title.in_language(_other(language))
        ),
        (Query(influxql.reporting(device_class.id, point.field, where)),),
        width=4,
        height=8,
        leads_to=leads_to,
    )


def _latest(device_class: DeviceClass, language: str, where: str) -> Panel:
    fields = [(point.field, grafana_unit(point.unit).factor) for point in device_class.points]
    return Panel(
        Kind.TABLE,
        Look(words.LATEST.in_language(language)),
        words.LATEST_SAYS.in_language(_other(language)),
        (Query(influxql.latest(device_class.id, fields, where)),),
        width=20,
        height=8,
        columns=(
            ("device", Look(words.DEVICE.in_language(language))),
            *((point.field, look_of(device_class, point, language)) for point in device_class.points),
        ),
    )


def _map(device_class: DeviceClass, language: str, where: str) -> Panel:
    fields = [(device_class.by_metric[metric].field, 1.0) for metric in (LATITUDE, LONGITUDE)]
    return Panel(
        Kind.MAP,
        Look(words.MAP.in_language(language)),
        words.MAP_SAYS.in_language(_other(language)),
        (Query(influxql.latest(device_class.id, fields, where)),),
        width=24,
        height=12,
    )


def _quality(device_class: DeviceClass, language: str, where: str) -> tuple[Panel, ...]:
    point = _main_point(device_class)
    counted = influxql.over_time(device_class.id, [f"count({influxql.quoted(point.field)})"], where)
    return (
        Panel(
            Kind.BARS,
            Look(words.COUNT.in_language(language), decimals=0),
            words.COUNT_SAYS.in_language(_other(language)).format(
                title=point.title.in_language(_other(language))
            ),
            (Query(counted, influxql.BY_DEVICE),),
            width=12,
            height=7,
        ),
        Panel(
            Kind.BARS,
            Look(words.BAD.in_language(language), decimals=0),
            words.BAD_SAYS.in_language(_other(language)),
            (Query(influxql.bad_values(device_class.id, where), "$col"),),
            width=12,
            height=7,
        ),
    )


def overview(classes: list[DeviceClass], language: str = "vi") -> Board:
    """Every class in one row: how many devices report, and its main values over all devices."""
    where = influxql.scope(["area"])
    return Board(
        uid=OVERVIEW_UID,
        title=words.OVERVIEW.in_language(language),
        description=words.OVERVIEW_SAYS.in_language(language),
        variables=(
            Variable(
                "area",
                words.AREA.in_language(language),
                influxql.tag_values([each.id for each in classes], "area", None),
            ),
        ),
        sections=tuple(
            Section(each.title.in_language(language), _class_row(each, language, where)) for each in classes
        ),
    )


def _class_row(device_class: DeviceClass, language: str, where: str) -> tuple[Panel, ...]:
    points = [
        point
        for point in device_class.points
        if point.headline and point.type is ValueType.DOUBLE and not point.counter
    ][:_OVERVIEW_POINTS]
    reporting = _reporting(device_class, language, where, leads_to=board_uid(device_class))
    return (
        reporting,
        *(_all_devices(device_class, point, language, where, 20 // len(points)) for point in points),
    )


def _all_devices(device_class: DeviceClass, point: Point, language: str, where: str, width: int) -> Panel:
    look = look_of(device_class, point, language)
    field, factor = influxql.quoted(point.field), grafana_unit(point.unit).factor
    figures: tuple[tuple[str, Text], ...] = (
        ("mean", words.MEAN),
        ("min", words.LOWEST),
        ("max", words.HIGHEST),
    )
    everything = words.ALL_DEVICES.in_language(_other(language))
    return Panel(
        Kind.SERIES,
        look,
        f"{point.title.in_language(_other(language))} · {point.metric} · {everything}",
        tuple(
            Query(
                influxql.over_time(
                    device_class.id,
                    [influxql.scaled(f"{function}({field})", factor)],
                    where,
                    by_device=False,
                ),
                text.in_language(language),
            )
            for function, text in figures
        ),
        width=width,
        height=8,
        leads_to=board_uid(device_class),
    )
