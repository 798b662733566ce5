"""The boards over a real InfluxDB that the demo itself fills, from frames on the wire to rows of a panel."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.boards.plan import boards
from edge.decoding.binding import BoundDevice, load_gateway
from telemetry.devices.library import Library
from tests.servers import InfluxDB1, free_port, wait_until
from tests.system.platform import KEGA, kega

DATABASE = "demo"
LIBRARY = Library.shipped()
PANELS = {
    f"{board.title}: {panel.look.title}": [query.text for query in panel.queries]
    for board in boards(LIBRARY.classes)
    for panel in board.panels()
}
FAULTS = {"truck": "no-fix", "weather_station": "exception", "farm_sensor": "exception"}
"""What spoils values of devices that would only be offline if their one instrument were dead."""


@dataclass
class FilledByDemo:
    """A demo that writes into InfluxDB."""

    folder: Path
    influx: str

    def has_rows(self, query: str) -> bool:
        """Whether a board's query is answered with at least one value."""
        text = query.replace("$timeFilter", "time >= now() - 1d").replace("$__interval", "15m")
        text = re.sub(r"\$(area|gateway|device)\b", ".*", text)
        parameters = urllib.parse.urlencode({"db": DATABASE, "q": text, "epoch": "ms"})
        with urllib.request.urlopen(f"{self.influx}/query?{parameters}", timeout=10) as response:
            result = json.load(response)["results"][0]
        assert "error" not in result, (result, text)
        rows = [row for each in result.get("series", []) for row in each["values"]]
        return any(cell is not None for row in rows for cell in row[1:])

    def empty_panels(self) -> set[str]:
        """Panels of which no query has rows."""
        return {name for name, queries in PANELS.items() if not any(map(self.has_rows, queries))}

    def switch(self, fault: str, device: str) -> None:
        """Switch a fault of a simulated device on."""
        kega("sim", "fault", fault, device, "--control", str(self.folder / "sim.sock"))

    def devices(self) -> list[BoundDevice]:
        """What the demo's gateways are made of."""
        files = sorted(self.folder.glob("gateways/*.yaml"))
        return [device for file in files for device in load_gateway(file, LIBRARY).devices]

    def not_offered(self) -> set[str]:
        """Panels of single points that no instrument of the demo measures."""
        offered = {
            (device.device_class.id, point.metric) for device in self.devices() for point in device.points
        }
        missing = {
            f"{each.title.vi}: {point.title.vi}"
            for each in LIBRARY.classes.values()
            for point in each.points
            if (each.id, point.metric) not in offered
        }
        return {name for name in PANELS if ": ".join(name.split(": ")[:2]) in missing}


@pytest.fixture(scope="module")
def demo(influxdb1: InfluxDB1) -> Iterator[FilledByDemo]:
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        folder, output = Path(name) / "demo", Path(name) / "demo.out"
        store = f"influx1://127.0.0.1:{influxdb1.port}/{DATABASE}"
        command = [*KEGA, "demo", "--json", "--folder", str(folder), "--port", str(free_port())]
        with output.open("wb") as stream:
            process = subprocess.Popen([*command, "--store", store], stdout=stream, stderr=subprocess.STDOUT)
        try:
            wait_until(
                lambda: re.search(r'"devices_fresh": [4-9]\d', output.read_text()) is not None,
                "40 fresh devices",
                60,
            )
            yield FilledByDemo(folder, influxdb1.url)
        finally:
            process.kill()
            process.wait()
            subprocess.run(["pkill", "-9", "-f", str(folder)], check=False)


def test_every_panel_of_what_is_measured_gets_rows(demo: FilledByDemo) -> None:
    one_of_each = {device.device_class.id: device.id for device in demo.devices()}
    for device_class, device in one_of_each.items():  # so that there are values of bad quality to count
        demo.switch(FAULTS.get(device_class, "dead"), device)
    silent = demo.not_offered()
    assert len(silent) < len(PANELS) / 2
    deadline = time.monotonic() + 90
    while (empty := demo.empty_panels() - silent) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not empty
