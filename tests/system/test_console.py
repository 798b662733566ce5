"""The console in a real browser, against a real server: what an operator does in a shift.

Screenshots go to the folder named by KEGA_SCREENSHOTS, where it is set.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.servers import answers, free_port, program, wait_until

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAMP = "sl-000001"
MANY = 10_000
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)


@dataclass
class Console:
    """A server with the console, in a process of its own."""

    folder: Path
    devices: int = 60
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.cloud.console.fake_api"]
        arguments = [str(self.port), str(self.folder), str(self.devices)]
        with (self.folder / "console.log").open("ab") as log:
            self.process = subprocess.Popen([*command, *arguments], stdout=log, stderr=subprocess.STDOUT)
        wait_until(lambda: answers(f"{self.url}/login"), "the console answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def log(self) -> str:
        return (self.folder / "console.log").read_text(encoding="utf-8")


@dataclass
class Tab:
    """A browser tab that notes what must not happen."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("console", lambda told: told.type == "error" and self.faults.append(told.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, self.url.replace("http", "ws"), "data:", "blob:")):
            self.faults.append(f"a request left the host: {url}")

    def sign_in(self, name: str) -> None:
        self.page.goto(f"{self.url}/login")
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", name)
        self.page.click("button[type=submit]")
        self.page.wait_for_selector(".fleet-map:not([data-loaded='0']):not([data-drawn='0'])")

    def find(self, text: str, device: str) -> None:
        """Look a device up by words and open it; a list that is drawn anew under a pointer takes no click."""
        for _ in range(5):
            self.page.fill("[data-act=find] input, input[data-act=find]", text)
            self.page.click(f"[data-device={device}]")
            with contextlib.suppress(PlaywrightTimeoutError):
                self.page.locator(".panel-name").wait_for(timeout=WAIT_MS / 4)
                return
        raise AssertionError(f"{device} did not open")

    def marker(self, device: str) -> tuple[float, float]:
        """Where on the page a device's marker is."""
        place = self.page.evaluate(
            "device => getElement(document.querySelector('.fleet-map').id.slice(1)).positionOf(device)",
            device,
        )
        assert place is not None, f"{device} is not on the map"
        return place[0], place[1]

    def open(self, device: str) -> None:
        self.page.mouse.click(*self.marker(device))
        self.page.wait_for_selector(f"[data-panel={device}]")

    def picture(self, name: str) -> None:
        if folder := os.environ.get("KEGA_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program("chromium", "chromium"), args=ARGUMENTS)
        yield chromium
        chromium.close()


@contextlib.contextmanager
def serving(folder: Path, devices: int = 60) -> Iterator[Console]:
    console = Console(folder, devices)
    try:
        console.start()
        yield console
    finally:
        console.stop()


@contextlib.contextmanager
def tab(browser: Browser, console: Console, size: tuple[int, int] = (1366, 768)) -> Iterator[Tab]:
    """A tab of a fresh browser profile; at the end nothing may have gone wrong in it."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    opened = Tab(context.new_page(), console.url)
    try:
        yield opened
    finally:
        context.close()
    assert opened.faults == []
    assert "Traceback" not in console.log()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with serving(tmp_path_factory.mktemp("console")) as server:
        yield server


def test_the_map_shows_devices_and_a_click_opens_one(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("operator")
        assert int(seen.page.get_attribute(".fleet-map", "data-drawn") or 0) > 50
        expect(seen.page.locator(".map-source")).to_contain_text("thanglequoc/vietnamese-provinces-database")
        x, y = seen.marker(LAMP)
        seen.page.mouse.move(x, y)
        expect(seen.page.locator(".map-tip")).to_contain_text("Công suất:")
        seen.picture("map")
        seen.open(LAMP)
        expect(seen.page.locator(".panel-name")).to_have_text("Cột đèn 1, Lê Duẩn")
        expect(seen.page.locator("[data-field=power_active] .value")).to_contain_text("W")
        seen.page.wait_for_function("Number(document.querySelector('.chart').dataset.samples) > 100")
        seen.picture("device")
        seen.page.click(".map-buttons .wide >> nth=1")
        seen.picture("province")
        seen.page.click("[data-act=close]")
        expect(seen.page.locator(".finder")).to_be_visible()


def test_values_run_along(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("viewer")
        seen.open(LAMP)
        row = seen.page.locator("[data-field=power_active]")
        before = row.locator(".value").inner_text()
        seen.page.request.post(f"{console.url}/test/read?device={LAMP}&field=power_active&value=777")
        expect(row.locator(".value")).to_have_text("777,0 W")
        assert before != "777,0 W"
        seen.page.request.post(f"{console.url}/test/read?device={LAMP}&field=power_active&value=9&quality=0")
        expect(row).to_have_attribute("data-quality", "bad")
        expect(row.locator(".value-doubt")).to_have_text("không tin cậy")
        expect(row.locator(".value")).to_have_text("thô: 9,0 W")


def test_an_alarm_is_acknowledged_by_a_click(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("operator")
        row = seen.page.locator("[data-alarm='2']")
        expect(row).to_contain_text("Lưu lượng")
        expect(seen.page.locator("[data-tile=alarms] .tile-note")).to_have_text("3 chưa xác nhận")
        row.get_by_role("button", name="Xác nhận").click()
        expect(row).to_contain_text("operator đã xác nhận")
        expect(row.get_by_role("button", name="Xác nhận")).to_have_count(0)
        expect(seen.page.locator("[data-tile=alarms] .tile-note")).to_have_text("2 chưa xác nhận")
        row.locator(".link").click()
        seen.page.wait_for_selector("[data-panel^=wm-]")


def test_a_lamp_is_switched_and_done_is_shown_when_done(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("operator")
        seen.open(LAMP)
        seen.page.click("[data-control=lamp_on] button[data-value=False]")
        question = seen.page.locator(".confirm")
        expect(question).to_contain_text("Cột đèn 1, Lê Duẩn (sl-000001)")
        expect(question).to_contain_text("Đèn bật: có")
        expect(question.locator("[data-act=confirm]")).to_have_text("Tắt đèn")
        expect(question.locator("[data-act=keep]")).to_be_focused()
        seen.picture("confirm")
        question.locator("[data-act=confirm]").click()
        strip = seen.page.locator("[data-command]").first
        expect(strip).to_contain_text("Tắt đèn")
        expect(strip).to_have_attribute("data-state", "done", timeout=WAIT_MS)
        expect(strip.locator(".step-good")).to_have_text("Đã thực hiện")
        expect(seen.page.locator("[data-field=lamp_on] .value")).to_have_text("không")
        seen.picture("done")


def test_keeping_it_as_it_is_orders_nothing(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("operator")
        seen.open("sl-000002")
        for leave in ("Enter", "Escape"):
            seen.page.click("[data-control=lamp_on] button[data-value=True]")
            expect(seen.page.locator(".confirm [data-act=keep]")).to_be_focused()
            seen.page.keyboard.press(leave)
            expect(seen.page.locator(".confirm")).to_have_count(0)
        assert seen.page.locator("[data-command]").count() == 0


def test_a_command_that_fails_says_why(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("operator")
        seen.open(LAMP)
        seen.page.click("[data-control=lamp_level] button[data-value=level]")
        seen.page.click(".confirm [data-act=confirm]")
        strip = seen.page.locator("[data-command]").first
        expect(strip).to_have_attribute("data-state", "failed")
        expect(strip.locator(".strip-error")).to_have_text("Đọc lại 0 % thay vì mức đã đặt.")
        expect(strip.locator(".step-good")).to_have_count(0)


def test_a_viewer_sees_no_controls(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("viewer")
        expect(seen.page.locator("[data-alarm='1']")).to_be_visible()
        expect(seen.page.locator(".alarm-list .act")).to_have_count(0)
        seen.open("sl-000003")
        expect(seen.page.locator("[data-control]")).to_have_count(0)
        seen.page.click("[data-act=close]")
        expect(seen.page.locator(".panel-name")).to_have_count(0)
        seen.find("aq-000018", "aq-000018")
        expect(seen.page.locator(".admission")).to_contain_text("Chưa tiếp nhận")
        expect(seen.page.locator("[data-act=accept]")).to_have_count(0)


def test_a_discovered_device_is_accepted(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("operator")
        seen.find("TRAM khong khi 18", "aq-000018")
        expect(seen.page.locator("[data-control]")).to_have_count(0)
        seen.page.click("[data-act=accept]")
        expect(seen.page.locator(".admission")).to_have_count(0)


def test_the_language_is_kept_for_the_person(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("admin")
        expect(seen.page.locator(".alarms-area .bar-title")).to_have_text("Cảnh báo đang mở")
        seen.page.click("[data-act=language]")
        expect(seen.page.locator(".alarms-area .bar-title")).to_have_text("Open alarms")
        seen.picture("english")
    with tab(browser, console) as seen:
        seen.sign_in("admin")
        expect(seen.page.locator(".alarms-area .bar-title")).to_have_text("Open alarms")
        seen.page.click("[data-act=sign-out]")
        seen.page.wait_for_url("**/login")
        seen.page.goto(console.url)
        seen.page.wait_for_url("**/login")


def test_the_keyboard_moves_the_map(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("viewer")
        before = seen.marker(LAMP)
        seen.page.focus(".fleet-map")
        seen.page.keyboard.press("ArrowRight")
        assert seen.marker(LAMP)[0] == pytest.approx(before[0] - 60)
        seen.page.keyboard.press("0")
        assert seen.marker(LAMP) == pytest.approx(before)


def test_a_page_whose_session_has_ended_goes_to_the_log_in(browser: Browser, console: Console) -> None:
    with tab(browser, console) as seen:
        seen.sign_in("viewer")
        seen.page.request.post(f"{console.url}/test/end-sessions")
        seen.page.wait_for_url("**/login")


def test_many_devices_are_shown_and_moved_smoothly(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, MANY) as console, tab(browser, console, (1920, 1080)) as seen:
        seen.sign_in("operator")
        assert seen.page.get_attribute(".fleet-map", "data-loaded") == str(MANY)
        seen.picture("many")
        frames = seen.page.evaluate(
            """async () => {
                 const map = getElement(document.querySelector('.fleet-map').id.slice(1)), spans = [];
                 let last = performance.now();
                 for (let i = 0; i < 40; i++) {
                   map.pan(i % 2 ? 5 : -5, 1);
                   await new Promise((done) => requestAnimationFrame(done));
                   spans.push(performance.now() - last);
                   last = performance.now();
                 }
                 return spans.sort((a, b) => a - b);
               }"""
        )
        assert frames[len(frames) // 2] < 60, "median milliseconds a frame while the map is moved"


def test_lost_connections_freeze_the_page_and_heal(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path) as console, tab(browser, console) as seen:
        seen.sign_in("operator")
        frozen = seen.page.locator(".frozen")
        expect(frozen).to_have_count(0)
        seen.page.request.post(f"{console.url}/test/link?stream=false&api=false")
        expect(frozen).to_contain_text("Mất kết nối – giá trị dừng lúc")
        seen.picture("frozen")
        seen.page.request.post(f"{console.url}/test/link?stream=false&api=true")
        expect(frozen).to_have_count(0)
        expect(seen.page.locator(".map-note")).to_have_text("Luồng dữ liệu chậm: cập nhật mỗi 5 giây")
        seen.page.request.post(f"{console.url}/test/link?stream=true&api=true")
        console.stop()
        expect(frozen).to_contain_text("Mất kết nối – giá trị dừng lúc")
        seen.faults.clear()  # the browser notes the refused connections, as it should
