"""Boards as Grafana's dashboard JSON, by the Grafana Foundation SDK (extra `kega[grafana]`)."""

from __future__ import annotations

import json
import string
import warnings
from collections.abc import Iterator
from typing import Any, Final

from cloud.boards.errors import ExtraMissing
from cloud.boards.plan import OVERVIEW_UID
from cloud.boards.spec import GRID_COLUMNS, Board, Kind, Look, Panel, Query, Variable
from telemetry.sparkplug.metrics import LATITUDE, LONGITUDE

SOURCE_VARIABLE: Final = "ds"
_SOURCE: Final = f"${{{SOURCE_VARIABLE}}}"
_ROW_HEIGHT: Final = 1
TIME_ZONE: Final = "Asia/Ho_Chi_Minh"


def require_extra() -> None:
    """Return if the extra is installed.

    Raises:
        ExtraMissing: it is not; tells how to install it, and why apart.
    """
    try:
        with warnings.catch_warnings():
            # The SDK announces its next schema at import; Grafana 10 to 12 read the present one.
            warnings.simplefilter("ignore", DeprecationWarning)
            import grafana_client  # noqa: F401
            import grafana_foundation_sdk.builders.dashboard  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(
            f"boards need the extra kega[grafana], and {error.name} is not installed. "
            "Give it an environment of its own, as one of its packages replaces urllib3: "
            "python3 -m venv .venv-grafana && .venv-grafana/bin/pip install 'kega[grafana]'"
        ) from None


def render(board: Board, source_label: str) -> dict[str, Any]:
    """The dashboard JSON of `board`. Raises ExtraMissing."""
    require_extra()
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

    built = (
        builders.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(list(board.tags))
        .timezone(TIME_ZONE)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("30s")
        .readonly()
        .with_variable(builders.DatasourceVariable(SOURCE_VARIABLE).label(source_label).type("influxdb"))
    )
    for variable in board.variables:
        built = built.with_variable(_variable(variable))
    for link in _links(board):
        built = built.link(link)
    model = built.build()
    model.panels = list(_placed(board))
    rendered: dict[str, Any] = json.loads(JSONEncoder().encode(model))
    return rendered


def _variable(variable: Variable) -> Any:
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

    return (
        builders.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_source())
        .query(variable.query)
        .definition(variable.query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _links(board: Board) -> Iterator[Any]:
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.models.dashboard import DashboardLinkType

    if board.uid != OVERVIEW_UID:
        yield (
            builders.DashboardLink("kega")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["kega"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )


def _source() -> Any:
    from grafana_foundation_sdk.models.common import DataSourceRef

    return DataSourceRef(type_val="influxdb", uid=_SOURCE)


def _placed(board: Board) -> Iterator[Any]:
    """Headings and panels with ids and places, row by row from the left."""
    from grafana_foundation_sdk.models.dashboard import GridPos, RowPanel

    number, top = 0, 0
    for section in board.sections:
        if not section.panels:
            continue
        number += 1
        heading = GridPos(h=_ROW_HEIGHT, w=GRID_COLUMNS, x=0, y=top)
        yield RowPanel(title=section.title, grid_pos=heading, id_val=number)
        top += _ROW_HEIGHT
        left = height = 0
        for panel in section.panels:
            number += 1
            if left + panel.width > GRID_COLUMNS:
                top, left, height = top + height, 0, 0
            place = GridPos(h=panel.height, w=panel.width, x=left, y=top)
            model = _panel(panel).id(number).grid_pos(place).build()
            if panel.kind is Kind.TABLE:
                model.options.footer = None  # the SDK's default, which Grafana 13 does not know any more
            yield model
            left, height = left + panel.width, max(height, panel.height)
        top += height


def _panel(panel: Panel) -> Any:
    built = _drawing(panel).title(panel.look.title).description(panel.description).datasource(_source())
    for ref, query in zip(string.ascii_uppercase, panel.queries, strict=False):
        built = built.with_target(_Target(query, ref))
    built = _looking(built, panel.look)
    for name, look in panel.columns:
        built = built.override_by_name(name, _column(look))
    if panel.leads_to:
        built = built.links([_link_to(panel.leads_to, panel.look.title)])
    return built.no_value("–")


class _Target:
    """An InfluxQL query; the SDK has no builder for it."""

    def __init__(self, query: Query, ref: str) -> None:
        self._query = query
        self._ref = ref

    def build(self) -> Any:
        """The query as the SDK carries queries that it does not know."""
        from grafana_foundation_sdk.cog.runtime import UnknownDataquery

        return UnknownDataquery(
            {
                "datasource": {"type": "influxdb", "uid": _SOURCE},
                "refId": self._ref,
                "rawQuery": True,
                "query": self._query.text,
                "resultFormat": "table" if self._query.is_table else "time_series",
                **({"alias": self._query.alias} if self._query.alias else {}),
            }
        )


def _drawing(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import geomap, stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.models.common import (
        GraphDrawStyle,
        GraphThresholdsStyleMode,
        TableAutoCellOptions,
        VisibilityMode,
    )

    match panel.kind:
        case Kind.STAT:
            reduced = common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
            return stat.Panel().reduce_options(reduced)
        case Kind.TABLE:
            return table.Panel().cell_options(TableAutoCellOptions())
        case Kind.STATES:
            return statetimeline.Panel().show_value(VisibilityMode.AUTO).merge_values(True)
        case Kind.MAP:
            return geomap.Panel().layers([_Markers()])
        case Kind.BARS:
            return timeseries.Panel().draw_style(GraphDrawStyle.BARS).fill_opacity(60)
        case Kind.SERIES:
            style = GraphThresholdsStyleMode.DASHED if panel.look.steps else GraphThresholdsStyleMode.OFF
            return (
                timeseries.Panel()
                .draw_style(GraphDrawStyle.LINE)
                .span_nulls(False)
                .thresholds_style(common_builders.GraphThresholdsStyleConfig().mode(style))
            )


class _Markers:
    """The map's layer of devices; the SDK's builder cannot name the fields of a position."""

    def build(self) -> Any:
        """Markers at the columns with latitude and longitude."""
        from grafana_foundation_sdk.models.common import (
            FrameGeometrySource,
            FrameGeometrySourceMode,
            MapLayerOptions,
        )

        from telemetry.devices.classes import field_name

        return MapLayerOptions(
            type_val="markers",
            name="devices",
            location=FrameGeometrySource(
                mode=FrameGeometrySourceMode.COORDS,
                latitude=field_name(LATITUDE),
                longitude=field_name(LONGITUDE),
            ),
            tooltip=True,
        )


def _looking(built: Any, look: Look) -> Any:
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

    built = built.unit(look.unit)
    if look.decimals is not None:
        built = built.decimals(look.decimals)
    if look.names:
        built = built.mappings([_names(look)])
    if look.steps:
        steps = [Threshold(value=step.value, color=step.color) for step in look.steps]
        built = built.thresholds(builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return built


def _names(look: Look) -> Any:
    from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

    return ValueMap(
        options={
            value: ValueMappingResult(text=text, color=color, index=number)
            for number, (value, text, color) in enumerate(look.names)
        }
    )


def _column(look: Look) -> list[Any]:
    from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

    properties = [
        DynamicConfigValue(id_val="displayName", value=look.title),
        DynamicConfigValue(id_val="unit", value=look.unit),
    ]
    if look.decimals is not None:
        properties.append(DynamicConfigValue(id_val="decimals", value=look.decimals))
    if look.names:
        properties.append(DynamicConfigValue(id_val="mappings", value=[_names(look)]))
    return properties


def _link_to(uid: str, title: str) -> Any:
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.models.dashboard import DashboardLinkType

    chosen = f"${{{SOURCE_VARIABLE}:queryparam}}&${{area:queryparam}}&${{__url_time_range}}"
    return builders.DashboardLink(title).type(DashboardLinkType.LINK).url(f"/d/{uid}?{chosen}")
