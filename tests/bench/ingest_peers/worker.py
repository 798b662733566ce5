"""kega's ingest as a bench starts it: real processes by the product's own command."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from cloud.registry.database import open_registry
from cloud.registry.port import DeviceBirth
from telemetry.devices.library import shipped_configs
from tests.bench.ingest_peers.fleet import AREA, CLASS, device_id, gateway_id, write_class
from tests.bench.ingest_peers.process import cpu_s, peak_rss_mb
from tests.bench.ingest_peers.sender import Outcome, Plan
from tests.servers import wait_until
from tests.system.platform import KEGA


class Ingest:
    """Settings, registry with the whole fleet, and any number of worker processes."""

    def __init__(self, folder: Path, broker_url: str, store_url: str, gateways: int, extra: str = "") -> None:
        self.folder = folder
        self.store_url = store_url
        write_class(folder / "configs", shipped_configs())
        self.config = folder / "cloud.yaml"
        self.config.write_text(
            f"broker: {{url: '{broker_url}', protocol: 5}}\nstore: '{store_url}'\n"
            f"registry: 'sqlite:///{folder}/registry.db'\nsecrets_dir: secrets\n{extra}"
        )
        registry = open_registry(f"sqlite:///{folder}/registry.db")
        for index in range(gateways):
            registry.device_born(
                DeviceBirth(device_id(index), AREA, gateway_id(index), CLASS, "", "", None, None, (), 1)
            )
        registry.close()
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, core: int | None = None) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it is subscribed."""
        log = self.folder / f"ingest-{len(self.processes)}.log"
        command = [*KEGA, "cloud", *(arguments or ("run", "--only", "ingest")), "--config", str(self.config)]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        env = {**os.environ, "KEGA_FIRMWARE_CONFIGS": str(self.folder / "configs")}
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream, env=env)
        self.processes.append(process)
        wait_until(lambda: b"subscribed" in log.read_bytes() or process.poll() is not None, "ingest")
        assert process.poll() is None, log.read_text()
        return process

    def cpu_s(self) -> float:
        """CPU seconds of all workers that live."""
        return sum(cpu_s(process.pid) for process in self.processes if process.poll() is None)

    def peak_rss_mb(self) -> float:
        """Highest memory of the largest worker."""
        return max(peak_rss_mb(process.pid) for process in self.processes if process.poll() is None)

    def end(self) -> None:
        """Stop all workers."""
        for process in self.processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def ingest(folder: Path, broker_url: str, store_url: str, gateways: int, extra: str = "") -> Iterator[Ingest]:
    """Workers that end with the block."""
    folder.mkdir()
    made = Ingest(folder, broker_url, store_url, gateways, extra)
    try:
        yield made
    finally:
        made.end()


def start_sending(plan: Plan) -> subprocess.Popen[bytes]:
    """A fleet at work, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.ingest_peers.sender", json.dumps(asdict(plan))],
        stdout=subprocess.PIPE,
    )


def outcome_of(process: subprocess.Popen[bytes]) -> Outcome:
    """What came of it, once it has ended."""
    output, _ = process.communicate()
    assert process.returncode == 0, "the sender failed"
    return Outcome(**json.loads(output))


def begin_ms(messages: int, step_ms: int) -> int:
    """Time of the first message, so that the last one is of now."""
    return time.time_ns() // 1_000_000 - messages * step_ms
