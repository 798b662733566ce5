"""The dashboards' JSON: round trip through Grafana's own SDK, and what a good board keeps to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cloud.boards.plan import boards
from telemetry.devices.library import Library

pytestmark = pytest.mark.grafana

CLASSES = Library.shipped().classes
PLANNED = {board.uid: board for language in ("vi",) for board in boards(CLASSES, language)}


@pytest.fixture(scope="module")
def pages() -> dict[str, dict[str, Any]]:
    from cloud.boards.files import rendered

    return {page["uid"]: page for page in rendered(CLASSES, "vi")}


def panels(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def test_there_is_a_board_for_every_class_and_an_overview(pages: dict[str, dict[str, Any]]) -> None:
    assert set(pages) == set(PLANNED)
    assert len(pages) == len(CLASSES) + 1
    assert {page["schemaVersion"] for page in pages.values()} == {42}


def test_the_sdk_reads_its_own_boards_without_loss(pages: dict[str, dict[str, Any]]) -> None:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    for page in pages.values():
        again = json.loads(JSONEncoder().encode(Dashboard.from_json(json.loads(json.dumps(page)))))
        assert again == page


def test_every_query_of_the_plan_is_in_the_board(pages: dict[str, dict[str, Any]]) -> None:
    for uid, board in PLANNED.items():
        planned = [query.text for panel in board.panels() for query in panel.queries]
        assert [target["query"] for panel in panels(pages[uid]) for target in panel["targets"]] == planned
        variables = {each["name"]: each for each in pages[uid]["templating"]["list"]}
        assert [variables[each.name]["query"] for each in board.variables] == [
            v.query for v in board.variables
        ]


def test_ids_are_unique_and_uids_fit(pages: dict[str, dict[str, Any]]) -> None:
    for uid, page in pages.items():
        ids = [panel["id"] for panel in page["panels"]]
        assert len(set(ids)) == len(ids)
        assert min(ids) > 0
        assert re.fullmatch(r"[a-z0-9-]{1,40}", uid)


def test_panels_do_not_overlap_and_stay_on_the_grid(pages: dict[str, dict[str, Any]]) -> None:
    for page in pages.values():
        taken: set[tuple[int, int]] = set()
        for panel in page["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert place["x"] >= 0
            assert place["x"] + place["w"] <= 24
            assert not taken & cells, panel["title"]
            taken |= cells


def test_every_panel_has_title_description_unit_and_the_chosen_source(
    pages: dict[str, dict[str, Any]],
) -> None:
    source = {"type": "influxdb", "uid": "${ds}"}
    for page in pages.values():
        for panel in panels(page):
            assert panel["title"]
            assert panel["description"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["datasource"] == source
            assert panel["targets"]
            assert [target["datasource"] for target in panel["targets"]] == [source] * len(panel["targets"])
            assert [target["refId"] for target in panel["targets"]] == list("ABCDEF"[: len(panel["targets"])])


def test_units_are_grafanas(pages: dict[str, dict[str, Any]]) -> None:
    from grafana_foundation_sdk.models import units

    known = {
        value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")
    }
    for page in pages.values():
        for panel in panels(page):
            unit = panel["fieldConfig"]["defaults"]["unit"]
            assert unit in known or unit.startswith("suffix: "), unit


def test_thresholds_ascend_from_the_beginning(pages: dict[str, dict[str, Any]]) -> None:
    seen = 0
    for page in pages.values():
        for panel in panels(page):
            steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
            if steps:
                seen += 1
                values = [step["value"] for step in steps]
                assert values[0] is None
                assert values[1:] == sorted(set(values[1:]))
                assert panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] == {"mode": "dashed"}
    assert seen >= 5


def test_states_have_names_and_colours(pages: dict[str, dict[str, Any]]) -> None:
    valve = next(panel for panel in panels(pages["kega-water-meter"]) if panel["title"] == "Van")
    (mapping,) = valve["fieldConfig"]["defaults"]["mappings"]
    assert mapping["type"] == "value"
    assert {code: each["text"] for code, each in mapping["options"].items()} == {
        "0": "đóng",
        "1": "mở",
        "2": "tiết lưu",
    }


def test_variables_are_chosen_all_and_asked_anew(pages: dict[str, dict[str, Any]]) -> None:
    for uid, page in pages.items():
        source, *others = page["templating"]["list"]
        assert (source["name"], source["type"], source["query"]) == ("ds", "datasource", "influxdb")
        assert [each["name"] for each in others] == (
            ["area"] if uid == "kega-overview" else ["area", "gateway", "device"]
        )
        for each in others:
            assert (each["type"], each["multi"], each["includeAll"], each["refresh"]) == (
                "query",
                True,
                True,
                2,
            )
            assert each["datasource"]["uid"] == "${ds}"
            assert each["allValue"] == ".*"


def test_used_variables_exist(pages: dict[str, dict[str, Any]]) -> None:
    for page in pages.values():
        names = {each["name"] for each in page["templating"]["list"]}
        used = set(re.findall(r"/\^\$(\w+)\$/", json.dumps(page)))
        assert used <= names


def test_links_lead_to_boards_that_exist_and_carry_choice_and_time(pages: dict[str, dict[str, Any]]) -> None:
    links = [
        link["url"] for page in pages.values() for panel in panels(page) for link in panel.get("links") or []
    ]
    assert {re.match(r"/d/([a-z0-9-]+)\?", link)[1] for link in links} == set(pages) - {"kega-overview"}  # type: ignore[index]
    assert all("${__url_time_range}" in link and "${area:queryparam}" in link for link in links)
    for uid, page in pages.items():
        for link in page.get("links") or []:
            assert uid != "kega-overview"
            assert (link["includeVars"], link["keepTime"]) == (True, True)


def test_boards_stay_small_and_calm(pages: dict[str, dict[str, Any]]) -> None:
    for page in pages.values():
        assert len(panels(page)) <= 25
        assert page["refresh"] == "30s"
        assert page["timezone"] == "Asia/Ho_Chi_Minh"
        assert page["editable"] is False


def test_trucks_have_a_map(pages: dict[str, dict[str, Any]]) -> None:
    (chart,) = [panel for panel in panels(pages["kega-truck"]) if panel["type"] == "geomap"]
    assert chart["options"]["layers"][0]["location"] == {
        "mode": "coords",
        "latitude": "position_latitude",
        "longitude": "position_longitude",
    }


def run(*arguments: str) -> Any:
    from cloud.cli.boards import boards as command

    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


def test_write_makes_files_that_grafana_provisions(tmp_path: Path) -> None:
    stale = tmp_path / "boards" / "kega-tram.json"
    stale.parent.mkdir()
    stale.write_text("{}")
    options = ["--store-url", "influx1://an:x@h:8086/kega", "--grafana-folder", "/srv/boards", "--json"]
    result = run("write", "--out", str(tmp_path), *options)
    assert result.exit_code == 0, result.output
    files = [Path(file) for file in json.loads(result.output)["files"]]
    assert {file.name for file in files if file.suffix == ".json"} == {f"{uid}.json" for uid in PLANNED}
    assert not stale.exists()
    provider = yaml.safe_load((tmp_path / "provisioning" / "dashboards" / "kega.yaml").read_text())
    assert provider["providers"][0]["options"]["path"] == "/srv/boards"
    source = yaml.safe_load((tmp_path / "provisioning" / "datasources" / "kega.yaml").read_text())[
        "datasources"
    ][0]
    assert (source["url"], source["user"], source["jsonData"]["dbName"]) == ("http://h:8086", "an", "kega")
    assert source["secureJsonData"] == {"password": "$KEGA_STORE_PASSWORD"}


def test_write_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    run("write", "--out", str(tmp_path / "a"), "--lang", "en")
    run("write", "--out", str(tmp_path / "b"), "--lang", "en")
    for file in (tmp_path / "a").rglob("*.json"):
        assert file.read_bytes() == (tmp_path / "b" / "boards" / file.name).read_bytes()
    assert '"title": "Streetlight"' in (tmp_path / "a" / "boards" / "kega-streetlight.json").read_text()


# Grafana reads and writes these itself; its published types leave them out.
BESIDE_THE_SCHEMA = ("auto", "auto_count", "auto_min", "definition")


def validator(*path: str) -> Any:
    import jsonschema

    schema = json.loads((Path(__file__).parent / "grafana_schema" / "schema.json").read_text())
    for step in path:
        schema = schema[step]
    return jsonschema.Draft7Validator(schema)


def faults(validator: Any, content: Any) -> list[str]:
    return [f"{list(fault.absolute_path)}: {fault.message[:200]}" for fault in validator.iter_errors(content)]


def test_boards_pass_grafanas_published_schema(pages: dict[str, dict[str, Any]]) -> None:
    check = validator("dashboard")
    for page in json.loads(json.dumps(pages)).values():
        for variable in page["templating"]["list"]:
            for key in BESIDE_THE_SCHEMA:
                variable.pop(key, None)
        assert faults(check, page) == []


def test_panels_pass_the_published_schema_of_their_kind(pages: dict[str, dict[str, Any]]) -> None:
    kinds = {
        kind: (validator(kind, "options"), validator(kind, "custom") if kind != "stat" else None)
        for kind in ("timeseries", "state-timeline", "stat", "table")
    }
    for page in pages.values():
        for panel in panels(page):
            if panel["type"] == "geomap":  # its types cannot be turned into a schema
                continue
            options, custom = kinds[panel["type"]]
            assert faults(options, panel["options"]) == [], panel["title"]
            if custom is not None:
                assert faults(custom, panel["fieldConfig"]["defaults"]["custom"]) == [], panel["title"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("panels", 1, "titel"), "x"),
        (("panels", 1, "gridPos", "w"), "12"),
        (("refresh",), 30),
        (("tags",), "kega"),
    ],
)
def test_the_schema_catches_slips(
    pages: dict[str, dict[str, Any]], path: tuple[Any, ...], value: Any
) -> None:
    page = json.loads(json.dumps(pages["kega-overview"]))
    target = page
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert any(
        str(path[-1]) in fault or str(path[0]) in fault for fault in faults(validator("dashboard"), page)
    )
