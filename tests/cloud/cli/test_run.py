"""`kega cloud run` as a process: starts, says the password once, answers, and ends cleanly."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Mosquitto, free_port, wait_until

KEGA = [sys.executable, "-c", "from telemetry.cli import main; main()"]


class Cloud:
    """A settings file, and processes that run it."""

    def __init__(self, folder: Path, broker: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "cloud.yaml"
        self.config.write_text(
            f'broker: {{url: "{broker}"}}\n'
            'store: "sqlite:///var/store.db"\n'
            'registry: "sqlite:///var/registry.db"\n'
            f"http: {{port: {self.port}}}\n"
        )
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*KEGA, "cloud", "run", "--config", str(self.config), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.processes.append(process)
        return process

    def ask(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def answers(self) -> bool:
        try:
            status, body = self.ask("api/v1/health")
        except OSError:
            return False
        return status == 200 and json.loads(body)["checks"]["broker"]["status"] == "ok"

    def stop(self, process: subprocess.Popen[str], sign: int = signal.SIGTERM) -> tuple[str, str]:
        process.send_signal(sign)
        return process.communicate(timeout=30)


@pytest.fixture
def cloud(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Cloud]:
    made = Cloud(tmp_path, mosquitto.url)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_first_start_answers_and_ends_cleanly(cloud: Cloud) -> None:
    process = cloud.start("--only", "api,ingest", "--log-json")
    wait_until(cloud.answers, "the API")
    status, page = cloud.ask("")
    assert status == 200
    assert b"<form" in page
    with socket.create_connection(("127.0.0.1", cloud.port)) as silent:
        # A connection that never says anything must not hold the end back.
        out, log = cloud.stop(process)
        assert silent.fileno() > 0
    assert process.returncode == 0
    password = re.search(r"the password (\S+)", out)
    assert password is not None
    assert password[1] not in log
    events = [json.loads(line) for line in log.splitlines()]
    assert [each["event"] for each in events if each["logger"] == "cloud.run"] == [
        "cloud-started",
        "cloud-stops",
    ]
    assert not [each for each in events if each["level"] in ("error", "critical")], log

    again = cloud.start("--only", "api")
    wait_until(cloud.answers, "the API again")
    out, _ = cloud.stop(again, signal.SIGINT)
    assert out == ""
    assert again.returncode == 0


def test_ingest_alone_opens_no_port_and_makes_no_user(cloud: Cloud) -> None:
    process = cloud.start("--only", "ingest")
    assert process.stderr is not None
    line = next(line for line in process.stderr if "subscribed" in line)
    assert "ingest" in line
    with pytest.raises(OSError, match="refused"):
        cloud.ask("api/v1/health")
    out, _ = cloud.stop(process)
    assert out == ""
    assert process.returncode == 0


def test_port_in_use(cloud: Cloud) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", cloud.port))
        other.listen()
        process = cloud.start("--only", "api")
        _, log = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"Error: http: 127.0.0.1:{cloud.port} is in use by another program: stop it" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("sqlite:///var/store.db", "mysql://h/kega", 1, "cloud.yaml:2: store: scheme 'mysql' is unknown"),
        (
            "sqlite:///var/registry.db",
            "sqlite:////proc/kega/registry.db",
            1,
            "registry: folder /proc/kega cannot be written",
        ),
        (
            "sqlite:///var/registry.db",
            "postgresql+psycopg://kega@127.0.0.1:1/kega",
            3,
            "Error: ",
        ),
        ("broker:", "brokers:", 1, "brokers: is not a known field"),
    ],
)
def test_settings_that_cannot_work(cloud: Cloud, old: str, new: str, code: int, says: str) -> None:
    cloud.config.write_text(cloud.config.read_text().replace(old, new))
    process = cloud.start("--only", "api")
    _, log = process.communicate(timeout=60)
    assert process.returncode == code, log
    assert says in log
    assert "Traceback" not in log
