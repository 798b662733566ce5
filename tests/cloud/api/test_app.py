"""What holds for all routes: errors in one form, bounds, headers, and a whole description."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.api.app import PREFIX
from cloud.api.errors import ApiError, Busy
from cloud.api.threads import Threads
from cloud.api.times import parse_duration, parse_time
from cloud.errors import RegistryUnavailable
from cloud.live.health import Check, HealthReport, Status
from cloud.registry.port import Role
from tests.cloud.api.house import NOW_MS, House


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "nothing", 404, "not_found"),
        ("GET", "devices/", 404, "not_found"),
        ("GET", "devices/sl-000001/points/1", 404, "not_found"),
        ("PUT", "health", 405, "method_not_allowed"),
        ("DELETE", "devices", 405, "method_not_allowed"),
    ],
)
def test_paths_and_methods_that_do_not_exist(
    house: House, method: str, path: str, status: int, code: str
) -> None:
    response = house.ask(method, path)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert "openapi.json" in response.json()["error"]["next_step"]


def test_failure_inside_tells_nothing_of_the_inside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("password=hunter2 in /srv/kega/secret.py")

    monkeypatch.setattr(house.registry, "gateways", broken)
    response = house.ask("GET", "gateways")
    assert response.status_code == 500
    assert response.json() == {
        "error": {
            "code": "internal",
            "message": "the server failed at this request",
            "next_step": "tell the administrator the time",
        }
    }


def test_registry_that_does_not_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise RegistryUnavailable("connection to postgresql://kega:hunter2@db refused")

    monkeypatch.setattr(house.registry, "token_by_hash", down)
    response = house.ask("GET", "devices")
    assert response.status_code == 503
    assert response.json()["error"] == {
        "code": "unavailable",
        "message": "the registry does not answer now",
        "next_step": "try again in a few seconds",
    }


def test_body_that_is_too_large(house: House) -> None:
    response = house.ask("POST", "session", None, content=b"x" * 70_000)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "too_large"


def test_headers_keep_browsers_careful(house: House) -> None:
    for path in ("health", "nothing", "devices"):
        headers = house.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("registry", "store", "code", "status"),
    [
        (Status.OK, Status.OK, 200, "ok"),
        (Status.OK, Status.DEAD, 200, "degraded"),
        (Status.DEAD, Status.OK, 503, "dead"),
    ],
)
def test_health_is_open_and_tells_all_parts(
    house: House, registry: Status, store: Status, code: int, status: str
) -> None:
    fine = Check(Status.OK, "")
    house.live.health = HealthReport(Check(registry, "x", 1.5), Check(store, ""), fine, fine, NOW_MS)
    response = house.ask("GET", "health", None)
    assert response.status_code == code
    body = response.json()
    assert (body["status"], body["version"]) == (status, "0.1.0")
    assert set(body["checks"]) == {"registry", "store", "broker", "ingest"}
    assert body["checks"]["registry"] == {
        "status": registry.value,
        "detail": "x",
        "latency_ms": 1.5,
        "lag_s": None,
    }


def test_description_is_whole(house: House) -> None:
    document = house.get("openapi.json")
    assert document["servers"] == [{"url": PREFIX}]
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation.get("description"), where
            assert operation["tags"], where
            for status in ("400", "401", "403", "404", "409", "422", "503"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema["$ref"].rsplit("/", 1)[1] in ("ErrorAnswer", "HealthModel"), where
            success = next(each for each in operation["responses"] if each.startswith("2"))
            content = operation["responses"][success].get("content", {})
            assert success == "204" or any(each.get("schema") for each in content.values()), where


def test_examples_of_the_description_fit_their_schemas(house: House) -> None:
    from jsonschema import Draft202012Validator

    document = house.get("openapi.json")
    examples = 0
    for name, schema in document["components"]["schemas"].items():
        if "example" in schema:
            whole = {**schema, "components": document["components"]}
            errors = [error.message for error in Draft202012Validator(whole).iter_errors(schema["example"])]
            assert errors == [], name
            examples += 1
    assert examples >= 10


def test_people_are_made_and_listed(house: House) -> None:
    body = {"name": "lan", "role": "operator", "password": "bốn từ không liên quan"}
    made = house.ask("POST", "users", json=body)
    assert made.status_code == 201
    assert made.json() == {"name": "lan", "role": "operator", "disabled": False}
    assert "password" not in house.ask("GET", "users").text
    assert [each["name"] for each in house.get("users", Role.ADMIN)["items"]] == ["lan"]
    again = house.ask("POST", "users", json=body)
    assert (again.status_code, again.json()["error"]["message"]) == (409, "user lan exists already")
    short = house.ask("POST", "users", json={**body, "name": "minh", "password": "short"})
    assert (short.status_code, short.json()["error"]["message"]) == (409, "the password has 5 characters")


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("users", {"name": "Lan", "role": "viewer", "password": "x" * 12}, "name:"),
        ("users", {"name": "lan", "role": "root", "password": "x" * 12}, "role:"),
        ("users", {"name": "lan", "role": "viewer"}, "password: Field required"),
        ("tokens", {"name": "", "role": "viewer"}, "name:"),
        ("tokens", {"name": "a\nb", "role": "viewer"}, "name:"),
        ("tokens", {"name": "a", "role": "viewer", "days": 0}, "days:"),
        ("tokens", {"name": "a", "role": "viewer", "days": 4000}, "days:"),
    ],
)
def test_broken_accounts(house: House, path: str, body: dict[str, Any], says: str) -> None:
    response = house.ask("POST", path, json=body)
    assert response.status_code == 422
    assert says in response.json()["error"]["message"]


def test_token_is_shown_once(house: House) -> None:
    made = house.ask("POST", "tokens", json={"name": "board", "role": "viewer", "days": 2}).json()
    assert made["expires_ms"] == NOW_MS + 2 * 86_400_000
    assert made["token"] not in house.ask("GET", "tokens").text
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert house.ask("GET", "me", None, headers=headers).json()["name"] == "token:board"


def test_calls_past_the_bound_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.api.threads.AT_ONCE", 2)
    monkeypatch.setattr("cloud.api.threads.WAITING", 3)

    async def scenario() -> None:
        threads, gate = Threads(), threading.Event()
        calls = [asyncio.create_task(threads.run(gate.wait)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await threads.run(gate.wait)
        gate.set()
        assert await asyncio.gather(*calls) == [True] * 5
        assert await threads.run(gate.wait) is True
        threads.close()

    asyncio.run(scenario())


def test_call_that_hangs_is_given_up_and_keeps_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.api.threads.LONGEST_S", 0.05)

    async def scenario() -> None:
        threads, gate = Threads(), threading.Event()
        with pytest.raises(Busy, match="no answer within"):
            await threads.run(gate.wait)
        assert threads._open == 1
        gate.set()
        while threads._open:
            await asyncio.sleep(0.01)
        threads.close()

    asyncio.run(scenario())


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_clear_refusal(text: str) -> None:
    told: int | ApiError
    try:
        told = parse_time(text, "from", NOW_MS)
    except ApiError as refusal:
        told = refusal
    if isinstance(told, int):
        assert 946_684_800_000 <= told <= 4_102_444_800_000
    else:
        assert (told.status, told.message[:6], bool(told.next_step)) == (422, "from: ", True)


@given(
    st.integers(978_307_200, 4_070_908_800),
    st.integers(-14, 14),
)
def test_iso_times_with_any_zone(seconds: int, hours: int) -> None:
    there = datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours)))
    assert parse_time(there.isoformat(), "from", NOW_MS) == seconds * 1000


@given(st.integers(1, 999_999_999), st.sampled_from(["ms", "s", "m", "h", "d", "w"]))
def test_durations(number: int, unit: str) -> None:
    milliseconds = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}[unit]
    assert parse_duration(f"{number}{unit}", "every") == number * milliseconds
