"""A load against a real broker and ingest: rules of the wire kept, everything stored as it was made."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.store import open_store
from simulators.load.plan import device_id
from simulators.load.shape import shape_of
from telemetry.devices.library import Library
from telemetry.monitor.watch import watching
from telemetry.mqtt import Broker
from tests.servers import Mosquitto, wait_until
from tests.system.platform import KEGA, Process

GATEWAYS, DEVICES, METRICS = 12, 3, 6


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        yield Path(name)


def run_load(mosquitto: Mosquitto, *more: str) -> subprocess.CompletedProcess[str]:
    command = [*KEGA, "sim", "load", "--broker", mosquitto.url, "--gateways", str(GATEWAYS), "--json"]
    command += ["--devices-per-gateway", str(DEVICES), "--metrics", str(METRICS), "--jitter", "0.3", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


@pytest.mark.parametrize("sockets", [(), ("--connections", "3", "--processes", "2")])
def test_a_load_with_storms_keeps_the_rules_and_loses_nothing(
    mosquitto: Mosquitto, folder: Path, sockets: tuple[str, ...]
) -> None:
    settings = folder / "cloud.yaml"
    settings.write_text(
        f"broker: {{url: '{mosquitto.url}', protocol: 5}}\nstore: sqlite:///store.db\n"
        "registry: sqlite:///registry.db\nsecrets_dir: secrets\n"
    )
    cloud = Process("cloud", ["cloud", "run", "--only", "ingest", "--config", str(settings)], folder)
    cloud.start()
    try:
        wait_until(lambda: "subscribed" in cloud.log_tail(), "ingest", 60)
        with watching(Broker(mosquitto.url)) as monitor:
            done = run_load(mosquitto, "--every", "0.5", "--seconds", "4", "--storm", "1.5", *sockets)
    finally:
        cloud.kill()
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["lost"] == 0
    assert told["acknowledged"] == told["batches"] > GATEWAYS * DEVICES
    assert told["outages"]
    assert all(outage["back_s"] is not None for outage in told["outages"])
    if not sockets:  # of a shared connection only the first gateway has a will
        assert monitor.engine.violations == []
    assert len(stored_as_made(folder)) == told["batches"]


def stored_as_made(folder: Path) -> set[tuple[str, int]]:
    """Device and time of all that is stored, after each value was compared with the one that was measured."""
    shape = shape_of(Library.shipped().classes["streetlight"], METRICS, 1)
    store = open_store(f"sqlite:///{folder}/store.db")
    times: set[tuple[str, int]] = set()
    for gateway in range(GATEWAYS):
        for device in range(DEVICES):
            name = device_id(gateway, device)
            for index, each in enumerate(shape.measured):
                for sample in store.series(name, each.point.field, 0, 4_102_444_800_000, limit=100_000):
                    expected = shape.values(gateway, device, sample.time_ms)[index]
                    if sample.value != expected:
                        raise AssertionError(f"{name} {each.point.field} at {sample.time_ms}: {sample.value}")
                    times.add((name, sample.time_ms))
    store.close()
    return times


def test_without_ingest_everything_counts_as_lost_and_the_command_fails(mosquitto: Mosquitto) -> None:
    done = run_load(mosquitto, "--every", "0.5", "--seconds", "1", "--drain", "0.2")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["lost"] == told["batches"] > 0
    assert told["acknowledged_after_s"]["p50"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--broker", "tcp://h"], 2, "no broker address"),
        (["--broker", "mqtt://h", "--class", "boat"], 1, "no device class 'boat'"),
        (["--broker", "mqtt://h", "--gateways", "90000"], 1, "ulimit -n"),
        (["--broker", ","], 2, "names no broker"),
    ],
)
def test_what_cannot_be_borne_is_said_at_once(arguments: list[str], code: int, words: str) -> None:
    done = subprocess.run([*KEGA, "sim", "load", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert words in done.stderr
