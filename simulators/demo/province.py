"""The demo from first process to last: what is started when, and what is counted at the end."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from simulators.demo.broker import EmbeddedBroker, embedded_broker
from simulators.demo.client import ApiError, Client
from simulators.demo.processes import KEGA, Child, Children
from simulators.demo.status import Status, Summary
from simulators.fleet import write_fleet
from telemetry.errors import KegaError

START_TIMEOUT_S: Final = 90.0
PAST: Final = timedelta(days=3)
PAST_EVERY: Final = "10m"
DRAIN_TIMEOUT_S: Final = 30.0
QUIET_S: Final = 3.0
"""Spools that stayed empty so long have nothing more to hand over."""
GATEWAYS: Final = 6
DEVICES: Final = 45


class DemoError(KegaError):
    """The demo cannot start or go on."""


@dataclass(slots=True)
class Province:
    """The running demo. `start` returns when the API answers; call `step` again and again, then `end`."""

    folder: Path
    http_port: int
    seed: int = 1
    store: str | None = None
    """URL of the store; None is SQLite in the folder."""
    children: Children = field(init=False)
    api: Client = field(init=False)
    link: str = ""
    ready_after_s: float | None = None
    _started: float = field(default_factory=time.monotonic)
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _gateway_files: list[Path] = field(default_factory=list)
    _devices: int = 0
    _restarts: int = 0
    _memory_peak: int | None = None
    _stored_before: tuple[float, int] = (0.0, 0)
    _past: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.children = Children(self.folder)
        self.api = Client(f"http://127.0.0.1:{self.http_port}")

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    @property
    def _cloud_file(self) -> Path:
        return self.folder / "cloud.yaml"

    # starting

    def start(self, say: Callable[[str], None]) -> None:
        """Start everything.

        Raises:
            DemoError: a port is taken, or a process does not come up; the message holds its last words.
        """
        if _listens(self.http_port):
            raise DemoError(
                f"port {self.http_port} is in use by another program. "
                "Choose another: KEGA_PORT=8081 make demo"
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        mqtt_port = _free_port()
        broker = embedded_broker(mqtt_port, _free_port(), self.folder)
        say("broker …")
        self._await(self.children.start("broker", broker.command), lambda: _listens(mqtt_port))
        say("simulated devices …")
        self._start_devices(broker)
        say("cloud …")
        self._start_cloud(broker)
        say("gateways …")
        for file in self._gateway_files:
            self.children.start(f"gateway-{file.stem}", [*KEGA, "edge", "run", "--config", str(file)])

    def _start_devices(self, broker: EmbeddedBroker) -> None:
        fleet = write_fleet(
            self.folder,
            broker_url=broker.url,
            protocol=broker.protocol,
            seed=self.seed,
            gateways=GATEWAYS,
            devices=DEVICES,
        )
        self._gateway_files = list(fleet.gateway_files)
        self._devices = fleet.device_count
        child = self.children.start("sim", [*KEGA, "sim", "run", "--config", str(fleet.sim_file)])
        self._await(child, fleet.control_socket.exists)

    def _start_cloud(self, broker: EmbeddedBroker) -> None:
        settings = {
            "broker": {"url": broker.url, "protocol": broker.protocol},
            "host_id": "kega-demo",
            "store": self.store or f"sqlite:///{self.folder}/store.db",
            "registry": f"sqlite:///{self.folder}/registry.db",
            "http": {"host": "127.0.0.1", "port": self.http_port},
            "secrets_dir": str(self.folder / "secrets"),
        }
        self._cloud_file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        child = self.children.start("cloud", [*KEGA, "cloud", "run", "--config", str(self._cloud_file)])
        self._await(child, self._api_answers)
        self.api = Client(self.api.base_url, self._new_token("demo-admin", "admin"))
        browser = self._new_token("demo-console", "operator", "--browser")
        self.link = f"{self.api.base_url}/sign-in?token={browser}"

    def _new_token(self, name: str, role: str, *options: str) -> str:
        answer = _kega(
            *("cloud", "token", "new", "--config", str(self._cloud_file)),
            *("--name", name, "--role", role, "--days", "1", "--json", *options),
        )
        token: str = json.loads(answer)["token"]
        return token

    def _api_answers(self) -> bool:
        try:
            self.api.get("health")
        except ApiError:
            return False
        return True

    def _await(self, child: Child, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            if not child.is_alive or time.monotonic() > deadline:
                raise DemoError(
                    f"{child.name} did not start. Its last words ({child.log_file}):\n{child.last_words()}"
                )
            time.sleep(0.1)

    # running

    def step(self) -> Status:
        """Revive what died, accept new devices, load the past once all is fresh, and look at everything."""
        self._restarts += len(self.children.revive())
        memory = self.children.memory_bytes()
        self._memory_peak = max(filter(None, (self._memory_peak, memory)), default=None)
        try:
            return self._look(memory)
        except ApiError:  # the cloud is being started again
            return self._status(memory=memory)

    def _look(self, memory: int | None) -> Status:
        self._accept_discovered()
        gateways = self.api.get("gateways")["items"]
        latest = self.api.get("readings/latest")["items"]
        fresh = sum(1 for item in latest if item["fresh"])
        if self.ready_after_s is None and fresh >= self._devices:
            self.ready_after_s = self.seconds
            self._load_past()
        alarms = self.api.get("alarms", open="true")["items"]
        return self._status(
            memory=memory,
            stored=int(self.api.metric("kega_ingest_stored_values_total")),
            online=sum(1 for gateway in gateways if gateway["online"]),
            fresh=fresh,
            depth=sum(gateway["spool_depth"] or 0 for gateway in gateways),
            alarms=[f"{alarm['device']}: {alarm['text']['vi']} / {alarm['text']['en']}" for alarm in alarms],
        )

    def _status(
        self,
        *,
        memory: int | None,
        stored: int | None = None,
        online: int = 0,
        fresh: int = 0,
        depth: int = 0,
        alarms: list[str] | None = None,
    ) -> Status:
        before, count = self._stored_before
        stored = count if stored is None else stored
        rate = max(0, stored - count) / max(0.1, self.seconds - before)
        self._stored_before = (self.seconds, stored)
        return Status(
            seconds=self.seconds,
            readings_stored=stored,
            readings_per_s=rate,
            gateways_online=online,
            gateways=len(self._gateway_files),
            devices_fresh=fresh,
            devices=self._devices,
            spool_depth=depth,
            open_alarms=alarms or [],
            memory_bytes=memory,
            restarts=self._restarts,
        )

    def _accept_discovered(self) -> None:
        """In the demo nobody stands by to accept devices, so it accepts its own."""
        for device in self.api.get("devices", admission="discovered", limit="1000")["items"]:
            self.api.post(f"devices/{device['id']}/accept")

    def _load_past(self) -> None:
        """Give each gateway, by its spool, what its devices would have measured before the start."""
        end = self._started_at
        log = (self.folder / "past.log").open("wb")
        with log:
            self._past = subprocess.Popen(  # noqa: S603, our own command
                [
                    *KEGA,
                    *("sim", "history", "--config", str(self.folder / "sim.yaml")),
                    *("--from", (end - PAST).isoformat(), "--to", end.isoformat(), "--every", PAST_EVERY),
                    *("--out", str(self.folder / "past"), "--import"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    # ending

    def end(self) -> Summary:
        """Stop devices, let the gateways hand over what they hold, stop the rest and count every reading."""
        if self._past is not None:
            self._past.terminate()
            self._past.wait()
        gateways = [child for child in self.children.all if child.name.startswith("gateway-")]
        self.children.end([child for child in self.children.all if child.name == "sim"])
        self._wait_for_empty_spools()
        self.children.end(gateways)
        self.children.end([child for child in self.children.all if child.name == "cloud"])
        self.children.end_all()
        spools = self._spools()
        produced = sum(status["committed"] for status in spools)
        waiting = sum(status["waiting_readings"] for status in spools)
        stored = self._stored()
        return Summary(
            seconds=self.seconds,
            produced=produced,
            stored=stored,
            waiting=waiting,
            lost=produced - stored - waiting,
            restarts=self._restarts,
            memory_peak_bytes=self._memory_peak,
            ready_after_s=self.ready_after_s,
        )

    def _stored(self) -> int:
        """Values of devices in the store; the gateways' figures about themselves are no readings."""
        files = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in self._gateway_files]
        devices = [
            option for file in files for each in file["devices"] for option in ("--device", each["id"])
        ]
        answer = _kega(
            *("cloud", "store", "count", "--config", str(self._cloud_file)),
            *("--from", "2020-01-01T00:00:00Z", "--json", *devices),
        )
        values: int = json.loads(answer)["values"]
        return values

    def _spools(self) -> list[dict[str, Any]]:
        return [
            json.loads(_kega("edge", "spool", "status", "--config", str(file), "--json"))
            for file in self._gateway_files
        ]

    def _wait_for_empty_spools(self) -> None:
        """Gateways notice over some seconds that their devices are gone, and report that too."""
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        committed, quiet_since = -1, time.monotonic()
        while time.monotonic() < min(deadline, quiet_since + QUIET_S):
            self.children.revive()
            spools = self._spools()
            count = sum(status["committed"] for status in spools)
            if count != committed or any(status["depth"] for status in spools):
                committed, quiet_since = count, time.monotonic()


def _kega(*arguments: str) -> str:
    done = subprocess.run([*KEGA, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise DemoError(f"kega {' '.join(arguments[:3])} failed: {done.stderr.strip()}")
    return done.stdout


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
