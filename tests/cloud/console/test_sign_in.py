"""Log-in and log-out without scripts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from cloud.console.asgi import InProcessTransport
from cloud.console.office import Office
from cloud.console.preferences import Preferences
from cloud.console.sign_in import sign_in_routes
from telemetry.clock import SystemClock
from tests.cloud.console.fake_api import Province, fake_api


class Browser:
    """Sends forms as a browser does."""

    def __init__(self, province: Province, folder: Path) -> None:
        app = fake_api(province)
        app.include_router(sign_in_routes(Office(app, Preferences(folder), SystemClock())))
        self.http = httpx.AsyncClient(transport=InProcessTransport(app), base_url="http://kega.test")

    def post(self, path: str, site: str = "same-origin", **fields: str) -> httpx.Response:
        return asyncio.run(self.http.post(path, data=fields, headers={"sec-fetch-site": site}))

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self.http.get(path))


@pytest.fixture
def browser(province: Province, tmp_path: Path) -> Browser:
    return Browser(province, tmp_path)


def test_a_right_password_opens_the_console(browser: Browser, province: Province) -> None:
    response = browser.post("/login", name="operator", password="operator")
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert "HttpOnly" in response.headers["set-cookie"]
    assert province.sessions[browser.http.cookies["kega_session"]] == "operator"
    assert browser.get("/api/v1/me").json() == {"name": "operator", "role": "operator"}


def test_a_wrong_password_is_told_in_both_languages(browser: Browser) -> None:
    response = browser.post("/login", name="operator", password="wrong")
    assert response.status_code == 401
    assert "Sai tên đăng nhập hoặc mật khẩu. Wrong user name or password." in response.text
    assert 'value="operator"' in response.text
    assert "wrong</" not in response.text


def test_a_name_is_never_markup(browser: Browser) -> None:
    response = browser.post("/login", name='"><script>alert(1)</script>', password="x")
    assert "<script>" not in response.text


def test_a_dead_api_is_told(browser: Browser, province: Province) -> None:
    province.broken = True
    for path in ("/login", "/logout"):
        response = browser.post(path, name="operator", password="operator")
        assert response.status_code == 503
        assert "Máy chủ chưa sẵn sàng" in response.text


def test_log_out_ends_the_session_and_the_cookie(browser: Browser, province: Province) -> None:
    browser.post("/login", name="operator", password="operator")
    response = browser.post("/logout")
    assert (response.status_code, response.headers["location"]) == (303, "/login")
    assert province.sessions == {}
    assert "kega_session" not in browser.http.cookies


def test_another_sites_form_ends_nobodys_session(browser: Browser, province: Province) -> None:
    browser.post("/login", name="operator", password="operator")
    assert browser.post("/logout", site="cross-site").status_code == 403
    assert list(province.sessions.values()) == ["operator"]


def test_a_form_with_many_fields_is_refused(browser: Browser) -> None:
    assert browser.post("/login", **{f"f{n}": "x" for n in range(9)}).status_code == 400


def test_the_form_carries_careful_headers(browser: Browser) -> None:
    response = browser.get("/login")
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"
