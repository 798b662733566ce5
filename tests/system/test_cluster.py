"""A cluster of three nats-servers under load loses a node: every gateway comes back, nothing is lost."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.store import open_store
from simulators.load.plan import device_id
from tests.nats_cluster import NatsNode, nats_cluster
from tests.servers import wait_until
from tests.system.platform import Process

GATEWAYS, DEVICES, METRICS = 120, 1, 4


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        yield Path(name)


def settings(folder: Path, nodes: list[NatsNode]) -> Path:
    file = folder / "cloud.yaml"
    file.write_text(
        f"broker: {{url: '{nodes[0].url}', protocol: 4, subscribe_qos: 0,"
        f" standby_urls: ['{nodes[1].url}']}}\n"
        "store: sqlite:///store.db\nregistry: sqlite:///registry.db\nsecrets_dir: secrets\n"
        f"ingest: {{transport: nats, nats_url: '{','.join(node.nats_url for node in nodes)}'}}\n"
    )
    return file


def test_one_node_of_three_is_killed_under_load(folder: Path) -> None:
    with nats_cluster() as nodes:
        config = settings(folder, nodes)
        cloud = Process(
            "cloud", ["cloud", "run", "--only", "supervisor,ingest", "--config", str(config)], folder
        )
        load = Process("load", arguments(nodes), folder)
        cloud.start()
        try:
            wait_until(lambda: "subscribed" in log(cloud) and "host-online" in log(cloud), "the cloud", 60)
            load.start()
            wait_until(lambda: "load-online" in log(load), "all gateways", 90)
            nodes[0].kill()  # the one that the supervisor uses
            assert load.popen is not None
            code = load.popen.wait(150)
            wait_until(lambda: log(cloud).count("host-online") >= 2, f"elsewhere:\n{cloud.log_tail()}", 90)
        finally:
            cloud.kill()
            load.kill()
    told = json.loads(load.log_file.read_text().splitlines()[-1])
    assert code == 0, told
    assert (told["lost"], told["acknowledged"]) == (0, told["batches"])
    assert sum(outage["connections"] for outage in told["outages"]) >= GATEWAYS // 3
    assert all(outage["back_s"] is not None for outage in told["outages"])
    store = open_store(f"sqlite:///{folder}/store.db")
    stored = sum(
        len(store.series(device_id(gateway, 0), "lamp_level", 0, 4_102_444_800_000, limit=10_000))
        for gateway in range(GATEWAYS)
    )
    store.close()
    assert stored == told["batches"]


def log(process: Process) -> str:
    return process.log_file.read_text()


def arguments(nodes: list[NatsNode]) -> list[str]:
    return [
        *("sim", "load", "--json", "--gateways", str(GATEWAYS), "--devices-per-gateway", str(DEVICES)),
        *("--metrics", str(METRICS), "--every", "1", "--seconds", "6", "--jitter", "1", "--drain", "90"),
        *("--command-qos", "0", *(part for node in nodes for part in ("--broker", node.url))),
    ]
