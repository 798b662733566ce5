"""Classes, gateways and devices as the API tells them."""

from __future__ import annotations

import pytest

from cloud.configuration.port import GatewayHealth
from cloud.registry.port import DeviceBirth, Role
from telemetry.readings import Value
from tests.cloud.api.house import LAMP, METER, NOW_MS, House


def test_classes_describe_points_in_both_languages(house: House) -> None:
    items = {item["class"]: item for item in house.get("classes")["items"]}
    assert set(items) >= {"streetlight", "water_meter", "air_station", "truck"}
    lamp = items["streetlight"]
    assert lamp["title"] == {"vi": "Đèn đường", "en": "Streetlight"}
    assert lamp["expected_every_s"] == 30
    point = next(point for point in lamp["points"] if point["field"] == "power_active")
    assert point["metric"] == "Power/Active"
    assert (point["type"], point["unit"], point["headline"], point["writable"]) == (
        "double",
        "W",
        True,
        False,
    )
    fault = next(point for point in lamp["points"] if point["field"] == "lamp_fault")
    assert fault["states"]["1"] == {"vi": "hỏng bóng", "en": "lamp failure"}


def test_gateways(house: House) -> None:
    house.registry.gateway_spool("eg-0001", depth=7, dropped=0)
    figures: dict[str, Value] = {"Disk/Free": 5_000_000_000, "Clock/State": "ntp"}
    house.registry.health_told([GatewayHealth("eg-0001", NOW_MS, figures)])
    assert house.get("gateways")["items"] == [
        {
            "id": "eg-0001",
            "area": "p060",
            "online": True,
            "last_seen_ms": NOW_MS - 60_000,
            "spool_depth": 7,
            "spool_dropped": 0,
            "software": "0.1.0",
            "health_ms": NOW_MS,
            "health": {"Disk/Free": 5_000_000_000, "Clock/State": "ntp"},
        }
    ]


def test_devices_with_state(house: House) -> None:
    items = house.get("devices")["items"]
    assert [(item["id"], item["class"], item["admission"], item["state"]) for item in items] == [
        (LAMP, "streetlight", "accepted", "online"),
        (METER, "water_meter", "discovered", "stale"),
    ]
    assert items[0]["title"] == "Cột đèn 1, Lê Duẩn"
    assert (items[0]["latitude"], items[0]["longitude"]) == (10.93, 108.1)


def test_devices_in_pages(house: House) -> None:
    first = house.get("devices", limit=1)
    assert [item["id"] for item in first["items"]] == [LAMP]
    assert first["next"] == LAMP
    second = house.get("devices", limit=1, after=first["next"])
    assert [item["id"] for item in second["items"]] == [METER]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"class": "water_meter"}, [METER]),
        ({"gateway": "eg-0001"}, [LAMP, METER]),
        ({"gateway": "eg-0002"}, []),
        ({"admission": "accepted"}, [LAMP]),
        ({"admission": "discovered", "class": "streetlight"}, []),
    ],
)
def test_devices_filtered(house: House, query: dict[str, str], expected: list[str]) -> None:
    assert [item["id"] for item in house.get("devices", **query)["items"]] == expected


def test_device_with_latest_values(house: House) -> None:
    device = house.get(f"devices/{LAMP}")
    points = {point["field"]: point for point in device["points"]}
    assert points["lamp_on"]["writable"] is True
    assert points["lamp_on"]["latest"] == {"value": True, "time_ms": NOW_MS, "quality": 192}
    assert points["power_active"]["latest"] == {"value": 60.0, "time_ms": NOW_MS, "quality": 192}
    assert house.get(f"devices/{METER}")["points"][0]["latest"] is None


def test_state_follows_time_and_deaths(house: House) -> None:
    house.clock.ms += 89_000
    assert house.get(f"devices/{LAMP}")["state"] == "online"
    house.clock.ms += 2_000
    assert house.get(f"devices/{LAMP}")["state"] == "stale"
    house.live.view.gateway_died("eg-0001", house.clock.ms)
    assert house.get(f"devices/{LAMP}")["state"] == "offline"


def test_accept_and_retire_are_audited(house: House) -> None:
    accepted = house.ask("POST", f"devices/{METER}/accept", Role.OPERATOR)
    assert accepted.status_code == 200
    assert accepted.json()["admission"] == "accepted"
    assert house.ask("POST", f"devices/{METER}/retire", Role.OPERATOR).json()["admission"] == "retired"
    trail = house.registry.audit_trail(subject=METER)
    assert [(entry.who, entry.what) for entry in trail] == [
        ("token:test-operator", "device-retired"),
        ("token:test-operator", "device-accepted"),
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "devices/sl-404404"),
        ("POST", "devices/sl-404404/accept"),
        ("POST", "devices/sl-404404/retire"),
    ],
)
def test_device_that_does_not_exist(house: House, method: str, path: str) -> None:
    response = house.ask(method, path)
    assert response.status_code == 404
    assert response.json()["error"] == {
        "code": "not_found",
        "message": "no device sl-404404",
        "next_step": "list the devices with GET /api/v1/devices",
    }


def test_the_map_shows_devices_when_few_and_groups_when_many(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    births = [
        DeviceBirth(
            f"sl-9{n:05}", "p060", "eg-0001", "streetlight", f"Cột {n}", "", place, 108.1, (), time_ms=1
        )
        for n, place in enumerate([10.9 + k / 10_000 for k in range(600)])
    ]
    house.registry.devices_born(births)
    near = house.ask("GET", "devices/map?bbox=108.0,10.9,108.2,10.9102&zoom=16", Role.VIEWER).json()
    assert near["groups"] == []
    assert len(near["devices"]) == 103
    assert {"id", "class", "title", "latitude", "longitude", "state"} == near["devices"][0].keys()
    for zoom in (0, 8, 11, 16):
        far = house.ask("GET", f"devices/map?bbox=107,10.5,109,12&zoom={zoom}").json()
        assert far["devices"] == []
        assert sum(each["count"] for each in far["groups"]) >= 600
        assert all(10.5 <= each["latitude"] <= 12 for each in far["groups"])
    assert (
        house.ask("GET", "devices/map?bbox=107,10.5,109,12&zoom=8&class=water_meter").json()["groups"] == []
    )


@pytest.mark.parametrize(
    "bbox", ["", "1,2,3", "a,b,c,d", "109,10,108,11", "0,-91,1,1", "nan,0,1,1", "0,0,0,inf"]
)
def test_a_part_that_is_none_is_told(house: House, bbox: str) -> None:
    answer = house.ask("GET", f"devices/map?bbox={bbox}&zoom=8")
    assert answer.status_code == 422
    assert "west,south,east,north" in answer.json()["error"]["next_step"]
