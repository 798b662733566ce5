"""A whole platform of real processes for the system tests: simulator, gateways, cloud roles, monitor.

Everything is started by the product's own commands and can be killed at any moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cloud.store import open_store
from cloud.store.port import Sample, Store
from tests.servers import free_port, wait_until

KEGA = [sys.executable, "-m", "telemetry"]


def kega(*arguments: str, timeout_s: float = 60) -> str:
    """Standard output of a `kega` command that must succeed."""
    done = subprocess.run([*KEGA, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, f"kega {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


@dataclass
class Process:
    """One `kega` process that can be killed and started again."""

    name: str
    arguments: list[str]
    folder: Path
    popen: subprocess.Popen[bytes] | None = None

    @property
    def log_file(self) -> Path:
        """Where its output goes."""
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it; readiness is the caller's to wait for."""
        with self.log_file.open("ab") as log:
            self.popen = subprocess.Popen([*KEGA, *self.arguments], stdout=log, stderr=subprocess.STDOUT)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> int:
        if self.popen is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(sign)
        try:
            code = self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            code = self.popen.wait()
        self.popen = None
        return code

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.popen is not None and self.popen.poll() is None

    def log_tail(self) -> str:
        """The end of what it printed."""
        return self.log_file.read_text(errors="replace")[-3000:] if self.log_file.exists() else ""


@dataclass
class Platform:
    """A platform in one folder, against a broker and a store that the test brings."""

    folder: Path
    broker_url: str
    protocol: int
    store_url: str
    registry_url: str = ""
    shared_subscription: str | None = None
    gateways: int = 3
    processes: dict[str, Process] = field(default_factory=dict)
    http_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.registry_url = self.registry_url or f"sqlite:///{self.folder}/registry.db"

    # configuration

    def write_configs(self) -> None:
        """Fleet and gateway configurations from the product's own generator, and the cloud's settings."""
        kega(
            "sim", "fleet", "--out", str(self.folder), "--broker", self.broker_url,
            *("--protocol", str(self.protocol), "--gateways", str(self.gateways)),
            *("--devices", str(6 * self.gateways)),
        )  # fmt: skip
        for file in self.gateway_files():
            config = yaml.safe_load(file.read_text())
            config["spool"] = {**config.get("spool", {}), "keep_stored_days": 30}
            file.write_text(yaml.safe_dump(config, allow_unicode=True))
        settings = {
            "broker": {"url": self.broker_url, "protocol": self.protocol},
            "host_id": "kega-host",
            "store": self.store_url,
            "registry": self.registry_url,
            "http": {"host": "127.0.0.1", "port": self.http_port},
            "secrets_dir": str(self.folder / "secrets"),
            "ingest": {"shared_subscription": self.shared_subscription},
        }
        self.cloud_file.write_text(yaml.safe_dump(settings))

    @property
    def cloud_file(self) -> Path:
        """Settings of the cloud."""
        return self.folder / "cloud.yaml"

    def gateway_files(self) -> list[Path]:
        """Configurations of all gateways."""
        return sorted((self.folder / "gateways").glob("*.yaml"))

    # processes

    def start(self, name: str, *arguments: str) -> Process:
        """Start a named process."""
        process = Process(name, list(arguments), self.folder)
        self.processes[name] = process
        process.start()
        return process

    def start_simulator(self) -> None:
        """All devices of the fleet; returns when they can be reached."""
        self.start("sim", "sim", "run", "--config", str(self.folder / "sim.yaml"))
        control = self.folder / "sim.sock"
        wait_until(control.exists, f"simulator's control socket\n{self.processes['sim'].log_tail()}")

    def start_role(self, role: str, name: str | None = None) -> Process:
        """A process with one role of the cloud."""
        return self.start(name or role, "cloud", "run", "--config", str(self.cloud_file), "--only", role)

    def start_gateways(self) -> None:
        """One agent for each gateway."""
        for file in self.gateway_files():
            self.start(f"gateway-{file.stem}", "edge", "run", "--config", str(file))

    def end(self) -> None:
        """Stop all that runs."""
        for process in reversed(self.processes.values()):
            process.kill()

    # what happened

    def has_spool(self, file: Path) -> bool:
        """Whether the gateway has come so far as to make its spool."""
        return (file.parent / file.stem / "spool.db").exists()

    def spool_status(self, file: Path) -> dict[str, Any]:
        """`kega edge spool status` of a gateway."""
        status: dict[str, Any] = json.loads(kega("edge", "spool", "status", "--config", str(file), "--json"))
        return status

    def committed(self) -> dict[tuple[str, str, int], Any]:
        """Every reading that any gateway committed: (device, metric, time) → exported line."""
        readings: dict[tuple[str, str, int], Any] = {}
        for file in self.gateway_files():
            for line in kega("edge", "spool", "export", "--config", str(file)).splitlines():
                reading = json.loads(line)
                key = (reading["device"], reading["metric"], reading["time_ms"])
                assert key not in readings, f"committed twice: {key}"
                readings[key] = reading
        return readings

    def store(self) -> Store:
        """The store, for the test's own reading."""
        return open_store(self.store_url)

    def wait_for_drained_spools(self, timeout_s: float) -> None:
        """Return when every gateway's spool is acknowledged; names those that are not."""
        waiting: dict[str, Any] = {}

        def drained() -> bool:
            waiting.clear()
            for file in self.gateway_files():
                status = self.spool_status(file)
                if status["depth"]:
                    waiting[file.stem] = status
            return not waiting

        deadline = time.monotonic() + timeout_s
        while not drained():
            assert time.monotonic() < deadline, f"spools not acknowledged: {waiting}\n{self.log_tails()}"
            time.sleep(0.2)

    def log_tails(self) -> str:
        """The end of every log."""
        return "\n".join(f"--- {name}\n{process.log_tail()}" for name, process in self.processes.items())


def stored_samples(store: Store, device: str, field_name: str) -> dict[int, Sample]:
    """All samples of one series by time."""
    samples = store.series(device, field_name, 0, 4_102_444_800_000, limit=10_000_000)
    return {sample.time_ms: sample for sample in samples}


@contextlib.contextmanager
def platform(folder: Path, **options: Any) -> Iterator[Platform]:
    """A configured platform with nothing started; everything is killed at the end."""
    made = Platform(folder, **options)
    made.write_configs()
    try:
        yield made
    finally:
        made.end()
        if os.environ.get("KEGA_TEST_LOGS"):
            print(made.log_tails())
