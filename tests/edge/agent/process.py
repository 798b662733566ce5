"""The real agent as a process of its own, on a real Modbus TCP device of the test's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

DEVICE = "sl-000001"


def write_config(
    folder: Path, broker: dict[str, Any], modbus_port: int, *, spool: dict[str, Any] | None = None
) -> Path:
    """A gateway with one lamp: a meter and a relay on one Modbus TCP line."""
    file = folder / "gateway.yaml"
    content = {
        "gateway": "eg-0001",
        "area": "p060",
        "broker": {"reconnect_first_s": 0.2, "reconnect_longest_s": 0.5, **broker},
        "state_dir": "state",
        "spool": {"commit_every_ms": 20, "keep_stored_days": 60, **(spool or {})},
        "buses": [
            {
                "id": "cabinet",
                "kind": "modbus-tcp",
                "host": "127.0.0.1",
                "port": modbus_port,
                "timeout_s": 0.5,
            }
        ],
        "devices": [
            {
                "id": DEVICE,
                "class": "streetlight",
                "title": "Cột đèn 1",
                "latitude": 10.93,
                "longitude": 108.1,
                "settle_s": {"Lamp/On": 1.0},
                "instruments": [
                    {"profile": "eastron_sdm120", "bus": "cabinet", "unit_id": 1, "every_s": 0.2},
                    {"profile": "waveshare_relay8", "bus": "cabinet", "unit_id": 10, "every_s": 0.2},
                ],
            }
        ],
    }
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return file


class AgentProcess:
    """`kega edge run`, its log, and its end."""

    def __init__(self, config: Path) -> None:
        self._log = config.with_suffix(".log")
        with self._log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "telemetry", "edge", "run", "--config", str(config), "--log-json"],
                stderr=stream,
                stdout=stream,
                start_new_session=True,
            )

    def events(self) -> list[dict[str, Any]]:
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self, timeout_s: float = 20) -> int:
        self.process.terminate()
        return self.process.wait(timeout_s)

    def resident_mb(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def until_event(self, name: str, timeout_s: float = 15) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for event in self.events():
                if event["event"] == name:
                    return event
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no event {name!r} in:\n{self.log()}")


def kega(*arguments: str) -> tuple[int, str, str]:
    """Run a `kega` command; returns exit code, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "telemetry", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
