"""Who gets in, and who may do what: every route against every role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from cloud.api.access import Permit
from cloud.api.app import OPEN, PREFIX
from cloud.identity.permit import Action
from cloud.identity.tokens import DAY_MS
from cloud.registry.port import Admission, Role
from tests.cloud.api.house import HOST, LAMP, PASSWORD, House

READ, WORK, COMMAND, ADMIT, PEOPLE = Action
RULES = {
    ("GET", "/health"): None,
    ("POST", "/session"): None,
    ("DELETE", "/session"): READ,
    ("GET", "/me"): READ,
    ("GET", "/openapi.json"): READ,
    ("GET", "/metrics"): READ,
    ("GET", "/classes"): READ,
    ("GET", "/gateways"): READ,
    ("GET", "/devices"): READ,
    ("GET", "/devices/map"): READ,
    ("GET", "/devices/{device}"): READ,
    ("POST", "/devices/{device}/accept"): ADMIT,
    ("POST", "/devices/{device}/retire"): ADMIT,
    ("GET", "/readings/latest"): READ,
    ("GET", "/readings"): READ,
    ("GET", "/alarms"): READ,
    ("POST", "/alarms/{alarm}/acknowledge"): WORK,
    ("POST", "/alarms/{alarm}/shelve"): WORK,
    ("GET", "/commands"): READ,
    ("GET", "/commands/{command}"): READ,
    ("POST", "/commands"): COMMAND,
    ("GET", "/stream"): READ,
    ("GET", "/users"): PEOPLE,
    ("POST", "/users"): PEOPLE,
    ("GET", "/tokens"): PEOPLE,
    ("POST", "/tokens"): PEOPLE,
    ("DELETE", "/tokens/{token}"): PEOPLE,
}
ALLOWED = {
    Role.VIEWER: {READ},
    Role.OPERATOR: {READ, WORK, COMMAND, ADMIT},
    Role.ADMIN: {READ, WORK, COMMAND, ADMIT, PEOPLE},
}
BODIES: dict[str, dict[str, Any]] = {
    "/alarms/{alarm}/shelve": {"minutes": 5, "reason": "đang sửa"},
    "/commands": {"device": LAMP, "point": "lamp_on", "value": True},
    "/users": {"name": "moi", "role": "viewer", "password": PASSWORD},
    "/tokens": {"name": "moi", "role": "viewer"},
}


def routes(items: list[BaseRoute]) -> Iterator[APIRoute]:
    """All routes of an application, those of its included routers and of what is mounted in it too."""
    for item in items:
        if isinstance(item, APIRoute):
            yield item
        elif isinstance(item, Mount):
            yield from routes(item.routes or item.app._app.routes)
        else:
            yield from routes(item.original_router.routes)  # type: ignore[attr-defined]


def rules_of(dependant: Dependant) -> set[Action]:
    own = {dependant.call.action} if isinstance(dependant.call, Permit) else set()
    return own.union(*(rules_of(each) for each in dependant.dependencies))


def test_every_route_has_its_rule_and_no_other_is_open(house: House) -> None:
    found = {
        (method, route.path): rules_of(route.dependant)
        for route in routes(house.app.routes)
        for method in route.methods
    }
    assert found.pop(("GET", "/sign-in")) == set()
    assert found == {key: set() if rule is None else {rule} for key, rule in RULES.items()}
    assert {key for key, rule in RULES.items() if rule is None} == OPEN


def test_nobody_is_turned_away(house: House) -> None:
    for method, path in (key for key, rule in RULES.items() if rule is not None):
        response = house.ask(method, path[1:].format(device=LAMP, alarm=1, command="c", token="t"), None)
        assert response.status_code == 401, path
        assert response.json()["error"]["code"] == "not_signed_in"
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", list(Role))
def test_role_by_route(house: House, role: Role) -> None:
    alarm = house.alarm()
    for method, path in (key for key, rule in RULES.items() if rule is not None and key[1] != "/stream"):
        check_route(house, role, method, path, alarm)


QUERIES = {
    "/readings": {"device": LAMP, "point": "power_active"},
    "/devices/map": {"bbox": "108,10,109,11", "zoom": "8"},
}


def check_route(house: House, role: Role, method: str, path: str, alarm: int) -> None:
    house.registry.set_admission(LAMP, Admission.ACCEPTED, by="test")
    where = path[1:].format(device=LAMP, alarm=alarm, command="c", token="t")
    query = QUERIES.get(path)
    response = house.ask(method, where, role, json=BODIES.get(path), params=query)
    rule = RULES[method, path]
    if rule in ALLOWED[role]:
        assert response.status_code in (200, 201, 202, 204) or response.json()["error"]["message"] in (
            "no command c",
            "no token t",
        )
    else:
        assert response.status_code == 403
        error = response.json()["error"]
        assert error["code"] == "forbidden"
        assert error["message"] == f"the role {role.value} may not {rule}"
        assert error["next_step"].startswith("ask an administrator for the role ")


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer kega_",
        "Bearer kega_" + "A" * 43,
        "Bearer " + "x" * 10_000,
        "Basic YWRtaW46YWRtaW4=",
        "kega_" + "A" * 43,
    ],
)
def test_credentials_that_are_none(house: House, value: str) -> None:
    response = house.ask("GET", "me", None, headers={"Authorization": value})
    assert response.status_code == 401


def test_token_that_ended_or_was_revoked(house: House) -> None:
    secret = house.token(Role.VIEWER, days=1)
    headers = {"Authorization": f"Bearer {secret}"}
    assert house.ask("GET", "me", None, headers=headers).json() == {
        "name": "token:test-viewer",
        "role": "viewer",
    }
    house.clock.ms += DAY_MS
    assert house.ask("GET", "me", None, headers=headers).status_code == 401
    house.clock.ms -= DAY_MS
    token = next(each for each in house.get("tokens", Role.ADMIN)["items"] if each["expires_ms"])
    assert house.ask("DELETE", f"tokens/{token['id']}").status_code == 204
    assert house.ask("GET", "me", None, headers=headers).status_code == 401


def test_use_of_a_token_is_remembered_once_a_minute(house: House) -> None:
    house.get("me")
    first = {each["role"]: each["last_used_ms"] for each in house.get("tokens", Role.ADMIN)["items"]}
    assert first["viewer"] == house.clock.ms
    house.clock.ms += 30_000
    house.get("me")
    again = {each["role"]: each["last_used_ms"] for each in house.get("tokens", Role.ADMIN)["items"]}
    assert again["viewer"] == first["viewer"]


class Browser:
    """A browser with the session of a user."""

    def __init__(self, house: House, name: str = "lan", role: Role = Role.OPERATOR) -> None:
        self.house = house
        house.user(name, role)
        response = house.ask("POST", "session", None, json={"name": name, "password": PASSWORD})
        assert response.status_code == 200
        assert response.json() == {"name": name, "role": role.value}
        self.set_cookie = response.headers["set-cookie"]
        self.cookie = self.set_cookie.split(";")[0]

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        return self.house.ask(method, path, None, headers={"Cookie": self.cookie, **(headers or {})}, **more)


def test_cookie_is_closed_to_scripts_and_other_sites(house: House) -> None:
    parts = {part.strip().lower() for part in Browser(house).set_cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=604800"} <= parts
    assert "secure" not in parts


def test_cookie_over_tls_is_for_tls_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cloud.api.house.HOST", HOST.replace("http:", "https:"))
    assert "Secure" in Browser(house).set_cookie


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": HOST}, 403),
        ({"Origin": HOST}, 200),
        ({"Origin": "http://kega.test.evil.example"}, 403),
        ({"Origin": "http://kega.test:8081"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_writes_by_cookie_come_from_our_own_pages(house: House, headers: dict[str, str], status: int) -> None:
    browser = Browser(house)
    assert browser.ask("POST", f"devices/{LAMP}/accept", headers).status_code == status
    assert browser.ask("GET", "me", headers).status_code == 200
    bearer = {"Authorization": f"Bearer {house.tokens[Role.OPERATOR]}", **headers}
    assert house.ask("POST", f"devices/{LAMP}/accept", None, headers=bearer).status_code == 200


def test_another_sites_page_cannot_log_a_browser_in(house: House) -> None:
    house.user("lan", Role.OPERATOR)
    body = {"name": "lan", "password": PASSWORD}
    assert (
        house.ask("POST", "session", None, headers={"Origin": "http://evil.example"}, json=body).status_code
        == 403
    )


def test_log_out_ends_the_session_on_the_server(house: House) -> None:
    browser = Browser(house)
    response = browser.ask("DELETE", "session")
    assert response.status_code == 204
    assert 'kega_session=""' in response.headers["set-cookie"]
    assert browser.ask("GET", "me").status_code == 401


def test_idle_session_ends_and_a_used_one_does_not(house: House) -> None:
    browser = Browser(house)
    for _ in range(4):
        house.clock.ms += 5 * 3_600_000
        assert browser.ask("GET", "me").status_code == 200
    house.clock.ms += 8 * 3_600_000 + 1
    assert browser.ask("GET", "me").status_code == 401


def test_session_ends_after_a_week_all_the_same(house: House) -> None:
    browser = Browser(house)
    for _ in range(7 * 24):
        house.clock.ms += 3_600_000
        assert browser.ask("GET", "me").status_code == 200
    house.clock.ms += 1
    assert browser.ask("GET", "me").status_code == 401


def test_cookie_is_renewed_while_used(house: House) -> None:
    browser = Browser(house)
    assert "set-cookie" not in browser.ask("GET", "me").headers
    house.clock.ms += 11 * 60_000
    assert browser.ask("GET", "me").headers["set-cookie"].startswith("kega_session=")


def test_role_is_the_one_of_now_and_a_disabled_user_is_out(house: House) -> None:
    from dataclasses import replace

    browser = Browser(house)
    user = house.registry.user("lan")
    assert user is not None
    house.registry.add_user(replace(user, role=Role.VIEWER), by="test")
    assert browser.ask("GET", "me").json()["role"] == "viewer"
    assert browser.ask("POST", f"devices/{LAMP}/accept").status_code == 403
    house.registry.add_user(replace(user, disabled=True), by="test")
    assert browser.ask("GET", "me").status_code == 401
    response = house.ask("POST", "session", None, json={"name": "lan", "password": PASSWORD})
    assert response.status_code == 401


def test_new_password_ends_sessions_of_the_old(house: House) -> None:
    from cloud.identity.accounts import change_password

    browser = Browser(house)
    change_password(house.registry, "lan", PASSWORD + "!", by="test")
    assert browser.ask("GET", "me").status_code == 401


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: cookie + "0",
        lambda cookie: cookie.replace(".", "A.", 1),
        lambda cookie: cookie.partition(".")[0],
        lambda cookie: cookie.partition(".")[0] + ".",
        lambda _: "kega_session=..",
        lambda _: "kega_session=" + "A" * 3000,
        lambda _: "kega_session=",
    ],
)
def test_forged_cookies(house: House, forge: Any) -> None:
    browser = Browser(house)
    browser.cookie = forge(browser.cookie)
    assert browser.ask("GET", "me").status_code == 401


def test_wrong_passwords_wait_ever_longer(house: House) -> None:
    house.user("lan", Role.OPERATOR)

    def attempt(password: str = "wrong") -> Any:
        return house.ask("POST", "session", None, json={"name": "lan", "password": password})

    for _ in range(5):
        response = attempt()
        assert response.status_code == 401
        assert response.json()["error"]["message"] == "name or password is wrong"
    for wait in (1, 2, 4, 8):
        response = attempt(PASSWORD)
        assert response.status_code == 429
        assert response.headers["retry-after"] == str(wait)
        house.clock.ms += wait * 1000
        assert attempt().status_code == 401
    house.clock.ms += 16_000
    assert attempt(PASSWORD).status_code == 200
    assert attempt().status_code == 401
    trail = [entry.what for entry in house.registry.audit_trail(subject="session")]
    assert trail.count("log-in") == 1
    assert trail.count("log-in-refused") == 10


def test_unknown_user_is_told_the_same_as_a_wrong_password(house: House) -> None:
    house.user("lan", Role.OPERATOR)
    answers = [
        house.ask("POST", "session", None, json={"name": name, "password": "wrong"}).json()
        for name in ("lan", "nobody")
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "body", [{}, {"name": "lan"}, {"name": "", "password": "x"}, {"name": "x" * 65, "password": "x"}]
)
def test_broken_log_in(house: House, body: dict[str, str]) -> None:
    assert house.ask("POST", "session", None, json=body).status_code == 422


def test_password_is_never_told_back(house: House) -> None:
    response = house.ask("POST", "session", None, json={"name": "lan", "password": {"secret": "hunter2"}})
    assert response.status_code == 422
    assert "hunter2" not in response.text


def test_sign_in_link_opens_a_session(house: House) -> None:
    secret = house.token(Role.OPERATOR, browser=True)
    response = house.ask("GET", f"/sign-in?token={secret}", None)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert response.headers["referrer-policy"] == "no-referrer"
    headers = {"Cookie": response.headers["set-cookie"].split(";")[0]}
    assert house.ask("GET", "me", None, headers=headers).json() == {
        "name": "token:test-operator",
        "role": "operator",
    }
    browser = next(each for each in house.get("tokens", Role.ADMIN)["items"] if each["browser"])
    house.ask("DELETE", f"tokens/{browser['id']}")
    assert house.ask("GET", "me", None, headers=headers).status_code == 401


@pytest.mark.parametrize("kind", ["script", "none", "empty", "long"])
def test_sign_in_link_that_is_not_valid(house: House, kind: str) -> None:
    secret = {"script": house.tokens[Role.ADMIN], "none": "kega_" + "A" * 43, "empty": "", "long": "A" * 200}
    response = house.ask("GET", "/sign-in", None, params={"token": secret[kind]})
    assert response.status_code == 401
    assert "set-cookie" not in response.headers
    assert "không còn hiệu lực" in response.text
    assert "not valid any more" in response.text


def test_sign_in_links_cannot_be_guessed_for_long(house: House) -> None:
    answers = [house.ask("GET", "/sign-in?token=x", None).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]


def test_prefix() -> None:
    assert PREFIX == "/api/v1"
