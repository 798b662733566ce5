"""The demo: time until every device is fresh, until a lamp is done and its failure an alarm, and memory."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from simulators.demo.client import Client
from tests.bench.report import Figure, write
from tests.servers import free_port, wait_until
from tests.system.platform import KEGA, kega

COMMAND = "make bench-demo"
ALLOWED_READY_S = 60
ALLOWED_BYTES = 600e6
ALLOWED_ALARM_S = 10
ALLOWED_LAMP_S = 3
RUN_S = 60


def main() -> None:
    """Run the demo for a minute, switch a lamp, break it, and report."""
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        folder, output, port = Path(name) / "demo", Path(name) / "demo.out", free_port()
        command = [*KEGA, "demo", "--json", "--folder", str(folder), "--port", str(port)]
        with output.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=sys.stderr)
        end = time.monotonic() + RUN_S
        wait_until(lambda: (lines(output) or [{}])[-1].get("devices_fresh", 0) >= 45, "fresh devices", 90)
        lamp_s, alarm_s = switch_and_break_a_lamp(folder, port)
        time.sleep(max(0.0, end - time.monotonic()))
        process.send_signal(signal.SIGINT)
        process.wait(120)
        summary = lines(output)[-1]
    ready, memory = summary["ready_after_s"], summary["memory_peak_bytes"]
    write(
        "demo",
        [
            Figure("all devices fresh", ready, "s", "60 s allowed", ready / ALLOWED_READY_S, COMMAND),
            Figure("lamp done, read back", lamp_s, "s", "3 s allowed", lamp_s / ALLOWED_LAMP_S, COMMAND),
            Figure("lamp out to alarm", alarm_s, "s", "10 s allowed", alarm_s / ALLOWED_ALARM_S, COMMAND),
            Figure(
                "memory of all processes (PSS, peak)",
                *(memory / 1e6, "MB", "600 MB allowed", memory / ALLOWED_BYTES, COMMAND),
            ),
            Figure(
                "readings stored",
                *(summary["stored"], "readings", "readings produced"),
                *(summary["stored"] / summary["produced"], COMMAND),
            ),
        ],
    )


def lines(output: Path) -> list[dict[str, Any]]:
    """What the demo printed so far."""
    return [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]


def switch_and_break_a_lamp(folder: Path, port: int) -> tuple[float, float]:
    """Seconds from asking for a lamp until it is done, and from its failure until the alarm is listed."""
    token = kega(
        *("cloud", "token", "new", "--config", str(folder / "cloud.yaml")),
        *("--name", "bench", "--role", "admin", "--json"),
    )
    api = Client(f"http://127.0.0.1:{port}", json.loads(token)["token"])
    lamp = next(item["device"] for item in api.get("readings/latest", **{"class": "streetlight"})["items"])
    wait_until(lambda: bool(api.get(f"devices/{lamp}")["admission"] == "accepted"), "lamp accepted", 60)
    begin = time.monotonic()
    asked = api.post("commands", {"device": lamp, "point": "lamp_on", "value": True, "reason": "bench"})
    wait_until(lambda: bool(api.get(f"commands/{asked['id']}")["state"] == "done"), "lamp done", 60)
    lamp_s = time.monotonic() - begin
    begin = time.monotonic()
    kega("sim", "fault", "lamp-out", lamp, "--control", str(folder / "sim.sock"))
    wait_until(
        lambda: any("lamp-out" in each["rule"] for each in api.get("alarms", device=lamp)["items"]),
        "the alarm",
        120,
    )
    return lamp_s, time.monotonic() - begin


if __name__ == "__main__":
    main()
