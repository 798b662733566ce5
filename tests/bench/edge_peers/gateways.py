"""The gateways that are compared: how each is configured for a load and started as its users start it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml

from tests.bench.edge_peers.load import Load

ROOT: Final = Path(__file__).parents[3]
THINGSBOARD_ENVIRONMENT: Final = ROOT / "var/bench/thingsboard"
AREA: Final = "p060"
GATEWAY: Final = "eg-0001"
_REGISTER: Final = {"type": "16uint", "functionCode": 3, "objectsCount": 1}
_TITLE: Final = {"vi": "Thanh ghi", "en": "Register"}


class Gateway(ABC):
    """One gateway's process: started, killed and started again on the same folder."""

    name = ""

    def __init__(self, folder: Path, load: Load, modbus_port: int, broker_port: int) -> None:
        self.folder = folder / self.name.replace(" ", "-")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.load = load
        self.modbus_port = modbus_port
        self.broker_port = broker_port
        self._process: subprocess.Popen[bytes] | None = None
        self.configure()

    @abstractmethod
    def configure(self) -> None:
        """Write what the gateway reads at its start."""

    @abstractmethod
    def command(self) -> tuple[list[str], dict[str, str]]:
        """Command line and additional environment."""

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Process id. Raises AssertionError where it has ended."""
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} has ended; see {self.folder}/log"
        return self._process.pid

    def start(self) -> None:
        """Begin, or begin again."""
        command, environment = self.command()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)


class Kega(Gateway):
    """`kega edge run`, every register a point of a class of the benchmark's."""

    name = "kega"

    def configure(self) -> None:
        """The gateway's YAML, and a library with one class and one profile."""
        registers = range(self.load.registers)
        points = [
            {"metric": f"Register/Number {register}", "type": "double", "title": _TITLE}
            for register in registers
        ]
        device_class = {
            "class": "bench_registers",
            "version": 1,
            "title": _TITLE,
            "northbound": "Device",
            "expected_every_s": self.load.period_s,
            "points": points,
        }
        profile = {
            "profile": "bench_registers",
            "title": "Registers",
            "class": "bench_registers",
            "evidence": "A",
            "driver": "modbus",
            "transports": ["modbus-tcp"],
            "points": [
                {
                    "key": f"register_{register}",
                    "fc": 3,
                    "address": register,
                    "type": "u16",
                    "canonical": {"point": f"Register/Number {register}"},
                }
                for register in registers
            ],
        }
        gateway = {
            "gateway": GATEWAY,
            "area": AREA,
            "broker": {
                "url": f"mqtt://127.0.0.1:{self.broker_port}",
                "reconnect_first_s": 1,
                "reconnect_longest_s": 2,
            },
            "state_dir": "state",
            "buses": [
                {
                    "id": "line",
                    "kind": "modbus-tcp",
                    "host": "127.0.0.1",
                    "port": self.modbus_port,
                    "timeout_s": self.load.timeout_s,
                }
            ],
            "devices": [
                {
                    "id": f"unit-{unit:02}",
                    "class": "bench_registers",
                    "instruments": [
                        {
                            "profile": "bench_registers",
                            "bus": "line",
                            "unit_id": unit,
                            "every_s": self.load.period_s,
                        }
                    ],
                }
                for unit in range(1, self.load.units + 1)
            ],
        }
        for path, content in (
            ("library/classes/bench_registers.yaml", device_class),
            ("library/profiles/bench_registers.yaml", profile),
            ("gateway.yaml", gateway),
        ):
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    def command(self) -> tuple[list[str], dict[str, str]]:
        """As the service unit starts it."""
        command = [sys.executable, "-m", "telemetry", "edge", "run", "--config", "gateway.yaml"]
        return command, {"KEGA_FIRMWARE_CONFIGS": str(self.folder / "library")}


class ThingsBoard(Gateway):
    """ThingsBoard IoT Gateway in its best mode: one wide range for each unit, storage in memory."""

    name = "ThingsBoard, wide, memory"
    storage: ClassVar[dict[str, Any]] = {
        "type": "memory",
        "read_records_count": 100,
        "max_records_count": 100_000,
    }

    def series(self) -> list[dict[str, Any]]:
        """What is read of each unit: all registers as one range."""
        everything = f"0-{self.load.registers - 1}"
        return [{**_REGISTER, "tag": "r_${address}", "address": everything, "maxRegistersPerRequest": 125}]

    def configure(self) -> None:
        """Its two JSON files; what is not named here is as it ships."""
        slaves = [
            {
                "host": "127.0.0.1",
                "port": self.modbus_port,
                "type": "tcp",
                "method": "socket",
                "timeout": self.load.timeout_s,
                "byteOrder": "BIG",
                "wordOrder": "BIG",
                "retries": 0,
                "pollPeriod": round(self.load.period_s * 1000),
                "unitId": unit,
                "deviceName": f"unit-{unit:02}",
                "deviceType": "default",
                "timeseries": self.series(),
                "attributes": [],
                "attributeUpdates": [],
                "rpc": [],
            }
            for unit in range(1, self.load.units + 1)
        ]
        connector = {"type": "modbus", "name": "Modbus", "configuration": "modbus.json"}
        shipped = json.loads((_thingsboard_configs() / "tb_gateway.json").read_text(encoding="utf-8"))
        shipped["thingsboard"].update(
            host="127.0.0.1",
            port=self.broker_port,
            remoteConfiguration=False,
            security={"type": "accessToken", "accessToken": "token"},
        )
        gateway = {**shipped, "storage": self.storage, "connectors": [connector]}
        config = self.folder / "config"
        config.mkdir(exist_ok=True)
        (self.folder / "data").mkdir(exist_ok=True)
        for name, content in (
            ("tb_gateway.json", gateway),
            ("modbus.json", {"name": "Modbus", "master": {"slaves": slaves}}),
        ):
            (config / name).write_text(json.dumps(content), encoding="utf-8")
        (config / "logs.json").write_bytes((_thingsboard_configs() / "logs.json").read_bytes())

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Its own entry point, in its own environment."""
        entry = "from thingsboard_gateway.tb_gateway import main; main()"
        return (
            [str(THINGSBOARD_ENVIRONMENT / "bin/python"), "-c", entry],
            {"TB_GW_CONFIG_DIR": str(self.folder / "config")},
        )


class ThingsBoardTags(ThingsBoard):
    """The same with a tag for each register, as its user interface makes them: a request for each."""

    name = "ThingsBoard, tags, memory"

    def series(self) -> list[dict[str, Any]]:
        """What is read of each unit: every register by itself."""
        return [
            {**_REGISTER, "tag": f"r_{register}", "address": register}
            for register in range(self.load.registers)
        ]


class ThingsBoardSqlite(ThingsBoard):
    """The same with its storage in SQLite."""

    name = "ThingsBoard, wide, SQLite"
    storage: ClassVar[dict[str, Any]] = {
        "type": "sqlite",
        "data_file_path": "./data/",
        "messages_ttl_check_in_hours": 1,
        "messages_ttl_in_days": 7,
    }


def _thingsboard_configs() -> Path:
    found = sorted(THINGSBOARD_ENVIRONMENT.glob("lib/python3*/site-packages/thingsboard_gateway/config"))
    assert found, f"{THINGSBOARD_ENVIRONMENT} has no ThingsBoard gateway: run `make bench-edge`"
    return found[0]
