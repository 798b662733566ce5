"""`kega demo` as a stranger runs it: all is fresh, a fault is an alarm, a lamp answers, nothing is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulators.demo.client import ApiError, Client
from tests.servers import free_port, wait_until
from tests.system.platform import KEGA, kega

CLASSES = {"air_station", "farm_sensor", "streetlight", "truck", "water_meter", "weather_station"}


@dataclass
class Demo:
    """A running demo."""

    process: subprocess.Popen[bytes]
    folder: Path
    output: Path
    port: int

    @property
    def api(self) -> Client:
        """The API, with an administrator's token made as a script would."""
        token = kega(
            *("cloud", "token", "new", "--config", str(self.folder / "cloud.yaml")),
            *("--name", "test", "--role", "admin", "--json"),
        )
        return Client(f"http://127.0.0.1:{self.port}", json.loads(token)["token"])

    def lines(self) -> list[dict[str, Any]]:
        """What it printed so far, of the JSON kind."""
        return [json.loads(line) for line in self.output.read_text().splitlines() if line.startswith("{")]

    def kill(self, words: str) -> None:
        """kill -9 the demo's process whose command line holds `words`."""
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(self.folder) in command and words in command:
                os.kill(int(entry.parent.name), signal.SIGKILL)
                return
        raise AssertionError(f"no process {words!r}")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A demo whose devices are all fresh within a minute."""
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        folder, output, port = Path(name) / "demo", Path(name) / "demo.out", free_port()
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [*KEGA, "demo", "--json", "--folder", str(folder), "--port", str(port)],
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        running = Demo(process, folder, output, port)
        try:
            wait_until(
                lambda: any(line.get("devices_fresh", 0) >= 40 for line in running.lines()),
                f"40 fresh devices\n{output.read_text()[-2000:]}",
                60,
            )
            yield running
        finally:
            process.kill()
            process.wait()
            subprocess.run(["pkill", "-9", "-f", str(folder)], check=False)


def test_each_class_is_fresh(demo: Demo) -> None:
    latest = demo.api.get("readings/latest")["items"]
    assert {item["class"] for item in latest if item["fresh"]} == CLASSES
    assert len(latest) >= 40
    assert len({item["gateway"] for item in latest}) >= 6


def test_the_printed_link_is_logged_in(demo: Demo) -> None:
    import httpx

    link = re.search(r"http://\S+/sign-in\S+", demo.output.read_text())
    assert link
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(link[0])
        assert page.status_code == 200
        assert browser.get(f"http://127.0.0.1:{demo.port}/api/v1/me").json()["role"] == "operator"
    assert httpx.get(f"http://127.0.0.1:{demo.port}/api/v1/devices").status_code == 401


def test_a_lamp_is_done_only_after_read_back_and_a_burnt_out_one_raises_an_alarm(demo: Demo) -> None:
    api = demo.api
    lamp = next(item["device"] for item in api.get("readings/latest", **{"class": "streetlight"})["items"])
    wait_until(lambda: bool(api.get(f"devices/{lamp}")["admission"] == "accepted"), "lamp accepted", 60)
    command = api.post("commands", {"device": lamp, "point": "lamp_on", "value": True, "reason": "test"})
    assert command["state"] == "asked"

    def state() -> str:
        return str(api.get(f"commands/{command['id']}")["state"])

    wait_until(lambda: state() not in ("asked", "sent", "accepted"), "end of the command", 40)
    assert state() == "done"
    points = {point["field"]: point["latest"] for point in api.get(f"devices/{lamp}")["points"]}
    assert points["lamp_on"]["value"] is True

    kega("sim", "fault", "lamp-out", lamp, "--control", str(demo.folder / "sim.sock"))

    def alarms() -> list[Any]:
        return [
            each
            for each in api.get("alarms", open="true", device=lamp)["items"]
            if "lamp-out" in each["rule"]
        ]

    wait_until(lambda: bool(alarms()), "alarm of the burnt-out lamp", 60)
    assert alarms()[0]["text"]["vi"].startswith("Đèn được bật")
    acknowledged = api.post(f"alarms/{alarms()[0]['id']}/acknowledge")
    assert acknowledged["state"] == "acknowledged"


def test_a_valve_is_done_only_when_it_has_travelled(demo: Demo) -> None:
    api = demo.api
    meters = api.get("readings/latest", **{"class": "water_meter"})["items"]
    valve = next(item["device"] for item in meters if "valve_position" in item["fields"])
    command = api.post("commands", {"device": valve, "point": "valve_position", "value": 0, "ttl_s": 120})

    def state() -> str:
        return str(api.get(f"commands/{command['id']}")["state"])

    wait_until(lambda: state() == "accepted", "the gateway has the command", 10)
    wait_until(lambda: state() != "accepted", "end of the command", 90)
    assert state() == "done"
    points = {point["field"]: point["latest"] for point in api.get(f"devices/{valve}")["points"]}
    assert points["valve_position"]["value"] == 0


def test_every_fault_of_the_issue_can_be_switched(demo: Demo) -> None:
    told = kega("sim", "fault", "list", "--json", "--control", str(demo.folder / "sim.sock"))
    for kind in ("dead", "stuck", "crc", "late", "lamp-out", "leak", "smoke", "off-route"):
        assert f'"{kind}"' in told


def test_smoke_raises_the_particle_alarm(demo: Demo) -> None:
    api = demo.api
    station = next(item["device"] for item in api.get("readings/latest", **{"class": "air_station"})["items"])
    kega("sim", "fault", "smoke", station, "--control", str(demo.folder / "sim.sock"))
    wait_until(
        lambda: any("pm25-high" in each["rule"] for each in api.get("alarms", device=station)["items"]),
        "alarm of the smoke",
        45,
    )


@pytest.mark.timeout(240)
def test_killed_processes_come_back_and_nothing_is_lost(demo: Demo) -> None:
    def status(name: str) -> int:
        return int(demo.lines()[-1].get(name) or 0)

    for words in ("edge run", "cloud run", "broker.conf"):
        restarts = status("restarts")
        demo.kill(words)
        wait_until(
            lambda before=restarts: status("restarts") > before, f"restart after kill -9 of {words}", 30
        )
    api = demo.api

    def all_fresh() -> bool:
        try:
            return all(item["fresh"] for item in api.get("readings/latest")["items"])
        except ApiError:
            return False

    wait_until(all_fresh, "fresh values after the kills", 60)
    begin = time.monotonic()
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(120) == 0, demo.output.read_text()[-3000:]
    summary = demo.lines()[-1]
    assert summary["lost"] == 0
    assert summary["stored"] + summary["waiting"] == summary["produced"] > 1000
    assert time.monotonic() - begin < 120
