"""The alarm queue over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.registry.port import Role
from tests.cloud.api.house import LAMP, METER, NOW_MS, House


def test_alarms_open_and_closed(house: House) -> None:
    first = house.alarm()
    house.alarm("streetlight/voltage-high", "minor")
    house.registry.clear_alarm(LAMP, "streetlight/lamp-out", time_ms=NOW_MS + 1000)
    house.registry.acknowledge_alarm(first, by="lan", time_ms=NOW_MS + 2000)
    every = house.get("alarms")["items"]
    assert {(item["rule"], item["state"]) for item in every} == {
        ("streetlight/lamp-out", "closed"),
        ("streetlight/voltage-high", "raised"),
    }
    opened = house.get("alarms", open="true")["items"]
    assert [item["rule"] for item in opened] == ["streetlight/voltage-high"]
    assert house.get("alarms", device=METER)["items"] == []
    assert [item["severity"] for item in house.get("alarms", severity="minor")["items"]] == ["minor"]
    assert len(house.get("alarms", severity=["minor", "major"])["items"]) == 2
    assert len(house.get("alarms", limit=1)["items"]) == 1


def test_alarm_says_all_that_the_contract_names(house: House) -> None:
    alarm = house.alarm()
    assert house.get("alarms")["items"][0] == {
        "id": alarm,
        "device": LAMP,
        "gateway": "eg-0001",
        "rule": "streetlight/lamp-out",
        "severity": "major",
        "state": "raised",
        "active": True,
        "acknowledged": False,
        "text": {"vi": "Đèn hỏng", "en": "Lamp out"},
        "advice": {"vi": "Kiểm tra", "en": "Check"},
        "value": 0.4,
        "limit": 5.0,
        "raised_ms": NOW_MS,
        "cleared_ms": None,
        "acknowledged_ms": None,
        "acknowledged_by": "",
        "shelved_until_ms": None,
    }


def test_acknowledge_first_one_counts(house: House) -> None:
    alarm = house.alarm()
    taken = house.ask("POST", f"alarms/{alarm}/acknowledge", Role.OPERATOR).json()
    assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", "token:test-operator")
    again = house.ask("POST", f"alarms/{alarm}/acknowledge", Role.ADMIN)
    assert again.status_code == 200
    assert again.json()["acknowledged_by"] == "token:test-operator"


def test_shelve_and_take_back(house: House) -> None:
    alarm = house.alarm()
    body = {"minutes": 60, "reason": "  đang sửa  "}
    shelved = house.ask("POST", f"alarms/{alarm}/shelve", Role.OPERATOR, json=body).json()
    assert (shelved["state"], shelved["shelved_until_ms"]) == ("shelved", NOW_MS + 3_600_000)
    entry = house.registry.audit_trail(subject=LAMP)[0]
    assert (entry.what, entry.who) == ("alarm-shelved", "token:test-operator")
    assert entry.detail.endswith("đang sửa")
    back = house.ask("POST", f"alarms/{alarm}/shelve", json={"minutes": 0, "reason": "xong"}).json()
    assert (back["state"], back["shelved_until_ms"]) == ("raised", None)


def test_shelved_alarm_comes_back_by_itself(house: House) -> None:
    alarm = house.alarm()
    house.ask("POST", f"alarms/{alarm}/shelve", json={"minutes": 5, "reason": "chờ thợ"})
    house.clock.ms += 5 * 60_000
    assert house.get("alarms")["items"][0]["state"] == "raised"


def test_closed_alarm_cannot_be_shelved(house: House) -> None:
    alarm = house.alarm()
    house.registry.clear_alarm(LAMP, "streetlight/lamp-out", time_ms=NOW_MS + 1)
    house.registry.acknowledge_alarm(alarm, by="lan", time_ms=NOW_MS + 2)
    response = house.ask("POST", f"alarms/{alarm}/shelve", json={"minutes": 5, "reason": "chờ thợ"})
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "refused"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "minutes: Field required"),
        ({"minutes": 5}, "reason: Field required"),
        ({"minutes": -1, "reason": "abc"}, "minutes:"),
        ({"minutes": 10_081, "reason": "abc"}, "minutes:"),
        ({"minutes": "x", "reason": "abc"}, "minutes:"),
        ({"minutes": 5, "reason": "   "}, "reason:"),
        ({"minutes": 5, "reason": "abc", "who": "x"}, "who: Extra inputs"),
    ],
)
def test_broken_shelving(house: House, body: dict[str, Any], says: str) -> None:
    response = house.ask("POST", f"alarms/{house.alarm()}/shelve", json=body)
    assert response.status_code == 422
    assert says in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["alarms/99/acknowledge", "alarms/99/shelve"])
def test_alarm_that_does_not_exist(house: House, path: str) -> None:
    response = house.ask("POST", path, json={"minutes": 5, "reason": "abc"})
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "no alarm 99"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("alarms?open=perhaps", "open:"),
        ("alarms?severity=awful", "severity."),
        ("alarms?device=ÄÖ", "device:"),
        ("alarms?limit=0", "limit:"),
    ],
)
def test_broken_filters(house: House, path: str, says: str) -> None:
    response = house.ask("GET", path)
    assert response.status_code == 422
    assert says in response.json()["error"]["message"]


@pytest.mark.parametrize("alarm", ["0", "-1", "x", str(2**70)])
def test_broken_alarm_id(house: House, alarm: str) -> None:
    assert house.ask("POST", f"alarms/{alarm}/acknowledge").status_code == 422
