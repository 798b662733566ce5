"""`kega cloud ingest --workers 2`: workers share the data, a killed one is replaced, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.registry.database import open_registry
from cloud.registry.port import DeviceBirth
from cloud.store import open_store
from telemetry.mqtt import Broker, open_link
from tests.bench.ingest_peers.process import children
from tests.cloud.ingest.conftest import Gateway
from tests.cloud.ingest.wire import AREA, DEVICE, GATEWAY, data, double, now_ms, topic
from tests.servers import Mosquitto, Nats, Server, running, wait_until
from tests.system.platform import Process

MESSAGES = 3000


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        yield Path(name)


def settings(folder: Path, server: Server) -> Path:
    file = folder / "cloud.yaml"
    ingest = "{}"
    if isinstance(server, Nats):
        ingest = f"{{transport: nats, nats_url: 'nats://127.0.0.1:{server.client_port}', queue_group: g}}"
    protocol = 4 if isinstance(server, Nats) else 5
    file.write_text(
        f"broker: {{url: '{server.url}', protocol: {protocol}}}\ningest: {ingest}\n"  # type: ignore[attr-defined]
        "store: sqlite:///store.db\nregistry: sqlite:///registry.db\nsecrets_dir: secrets\n"
    )
    registry = open_registry(f"sqlite:///{folder}/registry.db")
    registry.device_born(DeviceBirth(DEVICE, AREA, GATEWAY, "streetlight", "", "", None, None, (), now_ms()))
    registry.close()
    return file


async def send_until_acknowledged(broker: Broker, crew: Process, begin: int) -> int:
    """All messages, again and again what is not acknowledged, while workers are killed; returns how many."""
    killed = 0
    async with open_link(broker, "gateway-crew-test") as link:
        await link.subscribe(f"spBv1.0/{AREA}/NCMD/{GATEWAY}")
        gateway = Gateway(link)
        listening = asyncio.create_task(gateway.listen())
        payloads = {
            number: data(double("Power/Active", float(number), begin + number), batch=number)
            for number in range(MESSAGES)
        }
        async with asyncio.timeout(90):
            while len(gateway.acked) < MESSAGES:
                missing = [number for number in payloads if number not in gateway.acked][:600]
                for number in missing:
                    link.publish(topic(), payloads[number])
                if killed < 2 and len(gateway.acked) > killed * MESSAGES // 4:
                    workers = crew_of(crew)
                    if len(workers) == 2:
                        os.kill(workers[killed % 2], signal.SIGKILL)
                        killed += 1
                await asyncio.sleep(0.4)
        listening.cancel()
    return killed


def crew_of(crew: Process) -> list[int]:
    assert crew.popen is not None
    return children(crew.popen.pid)[1:]


@pytest.mark.parametrize("kind", [Mosquitto, Nats])
def test_nothing_is_lost_when_workers_of_a_crew_are_killed(kind: type[Server], folder: Path) -> None:
    with running(kind) as server:
        file = settings(folder, server)
        crew = Process("crew", ["cloud", "ingest", "--workers", "2", "--config", str(file)], folder)
        crew.start()
        try:
            wait_until(lambda: crew.log_file.read_text().count("subscribed") == 2, "two workers", 60)
            begin = now_ms() - 60_000
            broker = Broker(server.url, 4)  # type: ignore[attr-defined]
            killed = asyncio.run(send_until_acknowledged(broker, crew, begin))
            assert killed >= 1
            wait_until(
                lambda: crew.log_file.read_text().count("worker-started") == 2 + killed, "new workers", 60
            )
            workers = crew_of(crew)
            assert crew.stop() == 0
            assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
        finally:
            crew.kill()
        store = open_store(f"sqlite:///{folder}/store.db")
        samples = store.series(DEVICE, "power_active", begin, begin + MESSAGES)
        store.close()
        assert [sample.value for sample in samples] == [float(number) for number in range(MESSAGES)]


def test_workers_end_when_their_crew_is_killed(folder: Path) -> None:
    with running(Mosquitto) as server:
        file = settings(folder, server)
        crew = Process("crew", ["cloud", "ingest", "--workers", "2", "--config", str(file)], folder)
        crew.start()
        wait_until(lambda: crew.log_file.read_text().count("subscribed") == 2, "two workers", 60)
        workers = crew_of(crew)
        assert len(workers) == 2
        crew.kill()
        try:
            wait_until(lambda: not any(is_alive(pid) for pid in workers), "the workers' end", 60)
        finally:
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
