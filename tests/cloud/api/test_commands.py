"""Commands over HTTP: asked, looked up, refused."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.registry.port import Role
from telemetry.commands import CommandStatus
from tests.cloud.api.house import LAMP, METER, NOW_MS, House


def test_order_is_taken_up_and_followed(house: House) -> None:
    body = {
        "device": LAMP,
        "point": "Lamp/On",
        "value": True,
        "ttl_s": 10,
        "revert_after_s": 900,
        "reason": " tối sớm ",
    }
    response = house.ask("POST", "commands", Role.OPERATOR, json=body)
    assert response.status_code == 202
    command = response.json()["id"]
    assert response.json() == {
        "id": command,
        "device": LAMP,
        "point": "lamp_on",
        "value": True,
        "state": "asked",
        "error": "",
        "asked_ms": NOW_MS,
        "sent_ms": None,
        "ended_ms": None,
        "expires_ms": NOW_MS + 10_000,
        "revert_after_s": 900,
        "issuer": "token:test-operator",
    }
    kept = house.registry.command(command)
    assert kept is not None
    assert kept.reason == "tối sớm"
    house.registry.command_sent(command, time_ms=NOW_MS + 40)
    house.registry.command_result(command, CommandStatus.DONE, "", time_ms=NOW_MS + 700)
    done = house.get(f"commands/{command}")
    assert (done["state"], done["sent_ms"], done["ended_ms"]) == ("done", NOW_MS + 40, NOW_MS + 700)
    assert [item["id"] for item in house.get("commands", device=LAMP)["items"]] == [command]
    assert house.get("commands", device=METER)["items"] == []


@pytest.mark.parametrize(
    ("point", "value"), [("lamp_on", True), ("Lamp/On", False), ("lamp_level", 55), ("lamp_program", "NIGHT")]
)
def test_value_keeps_its_type(house: House, point: str, value: bool | float | str) -> None:
    answer = house.ask("POST", "commands", json={"device": LAMP, "point": point, "value": value}).json()
    kept = house.registry.command(answer["id"])
    assert kept is not None
    assert kept.value == answer["value"] == value
    assert type(kept.value) is type(value)
    assert kept.expires_ms == NOW_MS + 30_000
    assert kept.reason == ""


@pytest.mark.parametrize(
    ("point", "value", "status", "says"),
    [
        ("lamp_on", 1, 422, "1 is no boolean"),
        ("lamp_level", True, 422, "True is no int32"),
        ("lamp_level", 101, 422, "101 % is outside 0 … 100"),
        ("lamp_level", 2**70, 422, "outside"),
        ("power_active", 5, 409, "is a measurement and cannot be written"),
        ("lamp_moon", 5, 404, "has no point 'lamp_moon'"),
    ],
)
def test_order_that_does_not_fit_the_point(
    house: House, point: str, value: int, status: int, says: str
) -> None:
    response = house.ask("POST", "commands", json={"device": LAMP, "point": point, "value": value})
    assert response.status_code == status
    assert says in response.json()["error"]["message"]
    assert house.registry.commands() == []


def test_device_that_is_not_accepted(house: House) -> None:
    response = house.ask("POST", "commands", json={"device": METER, "point": "lamp_on", "value": True})
    assert response.status_code == 409
    assert response.json()["error"] == {
        "code": "refused",
        "message": f"device {METER} is discovered and takes no commands",
        "next_step": "accept it first",
    }


def test_device_or_command_that_does_not_exist(house: House) -> None:
    response = house.ask("POST", "commands", json={"device": "sl-404404", "point": "lamp_on", "value": True})
    assert response.status_code == 404
    assert house.ask("GET", "commands/none").status_code == 404


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"device": None}, "device:"),
        ({"device": "SL 1"}, "device: must be 3 to 41"),
        ({"point": ""}, "point:"),
        ({"point": "x" * 101}, "point:"),
        ({"value": None}, "value"),
        ({"value": [1]}, "value"),
        ({"value": {"on": True}}, "value"),
        ({"value": "x" * 1001}, "value"),
        ({"ttl_s": 0}, "ttl_s:"),
        ({"ttl_s": 90_000}, "ttl_s:"),
        ({"ttl_s": "soon"}, "ttl_s:"),
        ({"reason": "x" * 501}, "reason:"),
        ({"sudo": True}, "sudo: Extra inputs"),
    ],
)
def test_broken_orders(house: House, change: dict[str, Any], says: str) -> None:
    body = {"device": LAMP, "point": "Lamp/On", "value": True, **change}
    response = house.ask("POST", "commands", json=body)
    assert response.status_code == 422
    assert says in response.json()["error"]["message"]
    assert house.registry.commands() == []


@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b"", 422), (b"[]", 422), (b"\xff\xfe", 400)])
def test_body_that_is_no_object(house: House, content: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    response = house.ask("POST", "commands", headers=headers, content=content)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"code", "message", "next_step"}


def test_not_a_number_is_no_value(house: House) -> None:
    content = f'{{"device": "{LAMP}", "point": "lamp_level", "value": NaN}}'
    response = house.ask("POST", "commands", headers={"content-type": "application/json"}, content=content)
    assert response.status_code == 422
    assert house.registry.commands() == []
