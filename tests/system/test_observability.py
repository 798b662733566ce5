"""Every process of the cloud answers Prometheus, and health tells degraded from dead."""

from __future__ import annotations

import json
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import InfluxDB1, Mosquitto, PostgreSQL, free_port, running, wait_until
from tests.system.platform import KEGA, Process

ROLES = ("api", "supervisor", "ingest", "rollup")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        yield Path(name)


def fetched(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def figures(port: int) -> dict[str, float]:
    lines = fetched(f"http://127.0.0.1:{port}/metrics")[1].splitlines()
    pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def write_settings(folder: Path, broker: Mosquitto, **more: Any) -> Path:
    file = folder / "cloud.yaml"
    settings = {
        "broker": {"url": broker.url},
        "store": "sqlite:///store.db",
        "registry": "sqlite:///registry.db",
        "secrets_dir": "secrets",
        **more,
    }
    file.write_text(json.dumps(settings))
    return file


def test_every_process_has_figures_of_its_roles(folder: Path) -> None:
    with running(Mosquitto) as broker:
        assert isinstance(broker, Mosquitto)
        config = write_settings(folder, broker, http={"port": free_port()})
        ports = {role: free_port() for role in ROLES}
        processes = {
            role: Process(
                role,
                ["cloud", "run", "--only", role, "--config", str(config), "--metrics-port", str(port)],
                folder,
            )
            for role, port in ports.items()
        }
        try:
            for role, port in ports.items():  # one after the other: a later one's socket may take a free port
                processes[role].start()
                wanted = f'kega_role_up{{role="{role}"}}'
                process = processes[role]
                wait_until(lambda p=process: "metrics-listen" in p.log_tail() or not p.is_alive, role, 90)  # type: ignore[misc]
                assert process.is_alive, process.log_tail()
                wait_until(lambda p=port, w=wanted: figures(p).get(w) == 1, f"{role} up", 90)  # type: ignore[misc]
            for role in ("supervisor", "rollup"):
                leader = f'kega_leader{{role="{role}"}}'
                port = ports[role]
                wait_until(lambda p=port, w=leader: figures(p).get(w) == 1, "a leader", 60)  # type: ignore[misc]
            wait_until(
                lambda: (
                    figures(ports["ingest"]).get("kega_ingest_connected") == 1
                    and figures(ports["supervisor"]).get("kega_host_connected") == 1
                ),
                "connections",
                60,
            )
            load = [
                "sim",
                "load",
                "--broker",
                broker.url,
                "--gateways",
                "5",
                "--seconds",
                "1",
                "--every",
                "0.5",
            ]
            subprocess.run([*KEGA, *load], check=True, capture_output=True, timeout=120)
            told = figures(ports["ingest"])
        finally:
            for process in processes.values():
                process.kill()
    assert told["kega_ingest_acknowledgement_lag_seconds_count"] >= 5
    worst = [name for name in told if name.startswith("kega_ingest_acknowledgement_lag_worst_seconds{")]
    assert len(worst) == 5
    assert told["kega_ingest_write_seconds_count"] >= 1
    assert told["process_resident_memory_bytes"] > 1e6


def test_health_tells_degraded_from_dead(folder: Path) -> None:
    port = free_port()
    api = Process("api", ["cloud", "run", "--only", "api", "--config", str(folder / "cloud.yaml")], folder)

    def is_now(status: int, word: str, **checks: str) -> bool:
        found, body = fetched(f"http://127.0.0.1:{port}/api/v1/health")
        told = json.loads(body) if body else {}
        return (found, told.get("status")) == (status, word) and all(
            told["checks"][name]["status"] == expected for name, expected in checks.items()
        )

    with running(Mosquitto) as broker, running(InfluxDB1) as store, running(PostgreSQL) as registry:
        assert isinstance(broker, Mosquitto)
        assert isinstance(store, InfluxDB1)
        assert isinstance(registry, PostgreSQL)
        write_settings(
            folder,
            broker,
            http={"port": port},
            registry=registry.new_database(),
            store=f"influx1://127.0.0.1:{store.port}/kega",
        )
        load = Process(
            "load",
            [
                *("sim", "load", "--broker", broker.url, "--gateways", "3", "--devices-per-gateway", "1"),
                *("--every", "1", "--seconds", "600"),
            ],
            folder,
        )
        api.start()
        try:
            wait_until(lambda: is_now(200, "ok", registry="ok", store="ok", broker="ok"), "health", 90)
            load.start()  # and no worker that stores it
            wait_until(lambda: is_now(200, "degraded", ingest="degraded"), "worker missed", 90)
            store.kill()
            wait_until(lambda: is_now(200, "degraded", store="dead", broker="ok"), "store missed", 60)
            broker.kill()
            wait_until(lambda: is_now(200, "degraded", broker="dead", registry="ok"), "broker missed", 60)
            registry.kill()
            wait_until(lambda: is_now(503, "dead", registry="dead"), "registry missed", 60)
        finally:
            api.kill()
            load.kill()


def test_a_port_that_is_taken_ends_the_process_with_the_next_step(folder: Path) -> None:
    with running(Mosquitto) as broker:
        assert isinstance(broker, Mosquitto)
        config = write_settings(folder, broker, metrics={"port": broker.port})
        command = [*KEGA, "cloud", "run", "--only", "ingest", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "cannot be listened on" in done.stderr
    assert "--metrics-port" in done.stderr
