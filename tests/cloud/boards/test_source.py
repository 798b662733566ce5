"""The data source that belongs to a store, units, and how limits become bands."""

from __future__ import annotations

import pytest

from cloud.boards.errors import NoInfluxDB
from cloud.boards.looks import limits_of
from cloud.boards.plan import boards
from cloud.boards.source import DataSource, data_source, source_file
from cloud.boards.spec import Step
from cloud.boards.units import grafana_unit
from telemetry.devices.library import Library

CLASSES = Library.shipped().classes


@pytest.mark.parametrize(
    ("store", "source"),
    [
        ("influx1://h:8086/kega", DataSource("http://h:8086", "kega")),
        ("influx1://h", DataSource("http://h:8086", "kega")),
        ("influx1+https://an:b%40d@h:9/tỉnh", DataSource("https://h:9", "tỉnh", "an", "KEGA_STORE_PASSWORD")),
        ("influx1://[::1]:8086/kega", DataSource("http://[::1]:8086", "kega")),
        (
            "influx2+http://h:8086/?bucket=kega&org=x&token_file=t",
            DataSource("http://h:8086", "kega", "", "KEGA_STORE_TOKEN"),
        ),
        ("influx2+https://h/?bucket=kega", DataSource("https://h:8086", "kega")),
    ],
)
def test_the_source_of_a_store(store: str, source: DataSource) -> None:
    assert data_source(store) == source


@pytest.mark.parametrize(
    "store", ["sqlite:///var/store.db", "influx2+http://h:8086/", "influx1:///kega", "nonsense"]
)
def test_other_stores_are_refused_with_the_way_out(store: str) -> None:
    with pytest.raises(NoInfluxDB, match="influx2\\+http://"):
        data_source(store)


def test_no_secret_enters_a_file() -> None:
    for store in ("influx1://an:secret@h/kega", "influx2+http://h/?bucket=b&token=secret"):
        assert "secret" not in str(source_file(data_source(store))).replace("secureJsonData", "")


def test_a_token_travels_in_a_header() -> None:
    settings = data_source("influx2+http://h/?bucket=b&token_file=t").settings("abc")
    assert settings["jsonData"]["httpHeaderName1"] == "Authorization"
    assert settings["secureJsonData"] == {"httpHeaderValue1": "Token abc"}


def test_every_unit_of_every_class_is_known() -> None:
    unknown = [
        point.unit
        for each in CLASSES.values()
        for point in each.points
        if grafana_unit(point.unit).id == f"suffix: {point.unit}"
        and point.unit not in ("mS/cm", "mg/L", "mg/kg")
    ]
    assert unknown == []
    assert grafana_unit("furlong").id == "suffix: furlong"


def test_limits_become_bands_in_ascending_order() -> None:
    voltage = CLASSES["streetlight"].by_metric["Power/Voltage"]
    assert limits_of(CLASSES["streetlight"], voltage) == (
        Step(None, "orange"),
        Step(198, "green"),
        Step(253, "orange"),
    )
    pm = CLASSES["air_station"].by_metric["Air/PM2 5"]
    assert limits_of(CLASSES["air_station"], pm) == (Step(None, "green"), Step(150, "red"))
    power = CLASSES["streetlight"].by_metric["Power/Active"]
    assert limits_of(CLASSES["streetlight"], power) == ()  # lamp-out counts only while the lamp is on


@pytest.mark.parametrize(("language", "other"), [("vi", "en"), ("en", "vi")])
def test_titles_are_in_one_language_and_descriptions_in_the_other(language: str, other: str) -> None:
    for board in boards(CLASSES, language)[1:]:
        device_class = CLASSES[board.tags[1]]
        assert board.title == device_class.title.in_language(language)
        titles = [panel.look.title for panel in board.panels()]
        texts = " ".join(panel.description for panel in board.panels())
        for point in device_class.points:
            if not point.metric.startswith("Position/L"):
                assert any(title.startswith(point.title.in_language(language)) for title in titles)
                assert point.title.in_language(other) in texts
