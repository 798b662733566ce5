"""Every query of every board is answered by a real InfluxDB 1.6.7 that holds data of every class."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from cloud.boards.plan import OVERVIEW_UID, boards, class_board
from cloud.boards.spec import Board, Kind, Panel, Query
from cloud.store import open_store
from cloud.store.port import Scan
from telemetry.devices.classes import DeviceClass, Point
from telemetry.devices.library import Library
from telemetry.readings import Quality, Value, ValueType
from tests.servers import InfluxDB1

CLASSES = Library.shipped().classes
BOARDS = {board.uid: board for board in boards(CLASSES)}
DATABASE = "boards"
CASES = [
    pytest.param(query, id=f"{uid}-{number}")
    for uid, board in BOARDS.items()
    for number, query in enumerate(query for panel in board.panels() for query in panel.queries)
]
SLOW_S = 0.3


def value_of(point: Point, number: int) -> Value:
    match point.type:
        case ValueType.BOOLEAN:
            return number % 2 == 0
        case ValueType.STRING:
            return f"P{number % 3}"
        case ValueType.DOUBLE:
            low, high = point.range or (0, 100)
            return low + (high - low) * (0.3 + 0.01 * (number % 10))
        case _:
            states = list(point.states or {})
            return states[number % len(states)] if states else 100 + 3 * number if point.counter else 1


@pytest.fixture(scope="module")
def url(influxdb1: InfluxDB1) -> Iterator[str]:
    """Two hours of two devices of each class, one minute apart, some values bad, written as ingest writes."""
    store = open_store(f"influx1://127.0.0.1:{influxdb1.port}/{DATABASE}")
    now = time.time_ns() // 1_000_000 // 60_000 * 60_000
    for device_class in CLASSES.values():
        for device in (1, 2):
            scans = [scan(device_class, device, now, number) for number in range(120)]
            assert not store.write(scans)
    yield influxdb1.url
    store.close()


def scan(device_class: DeviceClass, device: int, now: int, number: int) -> Scan:
    fields = {point.field: value_of(point, number) for point in device_class.points}
    bad = {device_class.points[0].field: Quality.BAD} if number % 20 == 0 else {}
    return Scan(
        device_class.id,
        "p060",
        "eg-0001",
        f"{device_class.id[:2]}-00000{device}",
        now - (120 - number) * 60_000,
        fields,
        bad,
    )


def filled(query: str, *, start: str = "now() - 3h", choice: str = ".*") -> str:
    """The query as Grafana sends it: macros and variables replaced."""
    text = query.replace("$timeFilter", f"time >= {start}").replace("$__interval", "5m")
    return re.sub(r"\$(area|gateway|device)\b", choice, text)


def ask(url: str, query: str) -> list[dict[str, Any]]:
    parameters = urllib.parse.urlencode({"db": DATABASE, "q": query, "epoch": "ms"})
    with urllib.request.urlopen(f"{url}/query?{parameters}", timeout=10) as response:
        result = json.load(response)["results"][0]
    assert "error" not in result, (result, query)
    series: list[dict[str, Any]] = result.get("series", [])
    return series


@pytest.mark.parametrize("query", CASES)
def test_every_panel_gets_rows(url: str, query: Query) -> None:
    start = time.perf_counter()
    series = ask(url, filled(query.text))
    took = time.perf_counter() - start
    assert series, query.text
    values = [cell for each in series for row in each["values"] for cell in row[1:]]
    assert any(cell is not None for cell in values), query.text
    assert took < SLOW_S, f"{took:.2f} s: {query.text}"


@pytest.mark.parametrize("uid", BOARDS)
def test_every_variable_offers_values(url: str, uid: str) -> None:
    for variable in BOARDS[uid].variables:
        series = ask(url, filled(variable.query))
        values = {row[1] for each in series for row in each["values"]}
        expected = {"area": {"p060"}, "gateway": {"eg-0001"}}.get(variable.name)
        assert values == expected if expected else len(values) == 2, variable


@pytest.mark.parametrize("uid", [uid for uid in BOARDS if uid != OVERVIEW_UID])
def test_a_chosen_device_is_the_only_one_shown(url: str, uid: str) -> None:
    board = BOARDS[uid]
    device = f"{board.tags[1][:2]}-000002"
    panel = next(panel for panel in board.panels() if panel.queries[0].alias == "$tag_device")
    query = panel.queries[0].text.replace("$device", device)
    assert [each["tags"]["device"] for each in ask(url, filled(query))] == [device]


def panel_of(board: Board, kind: Kind) -> Panel:
    return next(panel for panel in board.panels() if panel.kind is kind)


def test_the_number_of_reporting_devices_is_right(url: str) -> None:
    for device_class in CLASSES.values():
        (series,) = ask(url, filled(panel_of(class_board(device_class), Kind.STAT).queries[0].text))
        assert series["values"][0][1] == 2, device_class.id


def test_the_latest_table_has_a_row_a_device_and_a_column_a_point(url: str) -> None:
    for device_class in CLASSES.values():
        panel = panel_of(class_board(device_class), Kind.TABLE)
        series = ask(url, filled(panel.queries[0].text))
        assert len(series) == 2
        columns = ["device", *series[0]["columns"][1:]]
        assert columns == [name for name, _ in panel.columns]
        assert None not in series[0]["values"][0]


def test_bad_values_are_counted_and_never_drawn(url: str) -> None:
    """Of the first point of each class every 20th value is bad: 6 of 120 a device."""
    for device_class in CLASSES.values():
        board = class_board(device_class)
        field = device_class.points[0].field
        bad = next(panel for panel in board.panels() if panel.queries[0].alias == "$col").queries[0].text
        (series,) = ask(url, filled(bad))
        assert series["columns"] == ["time", f"count_{field}__q"]
        assert sum(row[1] for row in series["values"]) == 12
        (good,) = ask(url, filled(f'SELECT count("{field}") FROM "{device_class.id}" WHERE $timeFilter'))
        assert good["values"][0][1] == 228


def test_hundredths_of_millimetres_of_rain_are_shown_as_millimetres(url: str) -> None:
    board = class_board(CLASSES["weather_station"])
    rain = next(panel for panel in board.panels() if "Rain/Total" in panel.description)
    assert rain.look.unit == "lengthmm"
    series = ask(url, filled(rain.queries[0].text))
    assert series[0]["values"][5][1] == pytest.approx(5 * 3 * 0.01)
