"""Ten thousand gateways: a cluster of nats-servers loses a node, one mosquitto restarts, births are paced.

Every gateway is a whole Sparkplug session of `kega sim load` on a socket of its own; ingest and supervisor
are the real ones. `GATEWAYS=1000` makes a shorter trial.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench.report import Figure, write
from tests.nats_cluster import nats_cluster
from tests.servers import InfluxDB1, Mosquitto, Server, running, wait_until
from tests.system.platform import Process

COMMAND = "make bench-cluster"
GATEWAYS = int(os.environ.get("GATEWAYS", "10000"))
ALLOWED_BACK_S = 60
ALLOWED_REBIRTHS = 20
PACED = 200
SECONDS = 75
JITTER_S = 20
ROLES = ("mosquitto", "ingest", "supervisor", "influxd")
_CONNECTED = {"supervisor": "host-online", "ingest": "subscribed"}
_TIME = re.compile(r"T\d\d:\d\d:\d\d")


def main() -> None:
    """All parts, and the figures."""
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        folder = Path(name)
        figures = [
            *node_lost(folder),
            *broker_restarted(folder),
            *births_paced(folder),
            *cost_of_a_value(folder),
        ]
    write("cluster", figures)


def node_lost(folder: Path) -> list[Figure]:
    """A third of all connections is lost at one moment."""
    with nats_cluster() as nodes:
        cloud = cloud_at(folder, "cluster", [node.url for node in nodes], [node.nats_url for node in nodes])
        before = resident_bytes(nodes)
        load = load_on(folder, "cluster-load", [node.url for node in nodes], "--command-qos", "0")
        memory = resident_bytes(nodes) - before
        time.sleep(10)
        nodes[1].kill()
        told = end_of(load)
        cloud.kill()
    return [
        *(outage_figures("one of three nodes killed", told)),
        Figure(
            "memory of three nats-servers for a connection",
            *(memory / GATEWAYS / 1e3, "kB", "100 kB", memory / GATEWAYS / 1e5, COMMAND),
        ),
        Figure(
            f"connections and births at the start ({GATEWAYS})",
            *(GATEWAYS / told["online_after_s"], "gateways/s", "300/s asked for"),
            *(GATEWAYS / told["online_after_s"] / 300, COMMAND),
        ),
    ]


def broker_restarted(folder: Path) -> list[Figure]:
    """All connections are lost at one moment."""
    with running(Mosquitto) as broker:
        assert isinstance(broker, Mosquitto)
        cloud = cloud_at(folder, "restart", [broker.url])
        before = resident_bytes([broker])
        load = load_on(folder, "restart-load", [broker.url])
        memory = resident_bytes([broker]) - before
        time.sleep(10)
        broker.kill()
        broker.start()
        told = end_of(load)
        cloud.kill()
    return [
        *(outage_figures("mosquitto restarted", told)),
        Figure(
            "memory of mosquitto for a connection",
            *(memory / GATEWAYS / 1e3, "kB", "100 kB", memory / GATEWAYS / 1e5, COMMAND),
        ),
    ]


def births_paced(folder: Path) -> list[Figure]:
    """A supervisor that starts late asks gateways it has never heard for their births."""
    with running(Mosquitto) as broker:
        assert isinstance(broker, Mosquitto)
        load = load_on(
            folder, "paced-load", [broker.url], "--gateways", str(PACED), "--every", "1", "--seconds", "15",
            *("--drain", "120"),
        )  # fmt: skip
        cloud = cloud_at(folder, "paced", [broker.url])
        told = end_of(load)
        seconds = Counter(
            found[0]
            for line in cloud.log_file.read_text().splitlines()
            if "rebirth-asked" in line and (found := _TIME.search(line)) is not None
        )
        cloud.kill()
    busiest = max(seconds.values())
    return [
        Figure(
            "rebirth requests in the busiest second",
            *(busiest, "requests", "20 allowed", busiest / ALLOWED_REBIRTHS, COMMAND),
        ),
        Figure(
            "gateways asked for a rebirth",
            *(sum(seconds.values()), "requests", "gateways unknown", sum(seconds.values()) / PACED, COMMAND),
        ),
        Figure(
            "batches lost with no supervisor", told["lost"], "batches", "batches made", told["lost"], COMMAND
        ),
    ]


def cost_of_a_value(folder: Path) -> list[Figure]:
    """Processor time of each process: what stands still, and what every value adds, from two steady loads."""
    slow_s, slow = steady(folder, "slow", 50)
    quick_s, quick = steady(folder, "quick", 500)
    figures = []
    for name in ROLES:
        a_value = (quick[name] - slow[name]) / (quick_s - slow_s)
        fixed = max(0.0, slow[name] - a_value * slow_s)
        figures += [
            Figure(
                f"{name}, processor time that 100,000 values add ({slow_s:.0f} to {quick_s:.0f} values/s)",
                *(a_value * 1e5, "s", "one core's second", a_value * 1e5, COMMAND),
            ),
            Figure(
                f"{name}, processor time a second without values",
                *(fixed, "s", "one core's second", fixed, COMMAND),
            ),
        ]
    return figures


def steady(folder: Path, name: str, gateways: int) -> tuple[float, dict[str, float]]:
    """Values a second of a load, and the share of a core that each process used meanwhile."""
    with running(Mosquitto) as broker, running(InfluxDB1) as store:
        assert isinstance(broker, Mosquitto)
        assert isinstance(store, InfluxDB1)
        url = f"influx1://127.0.0.1:{store.port}/kega"
        worker = cloud_at(folder, f"{name}-ingest", [broker.url], roles="ingest", store=url)
        host = cloud_at(folder, f"{name}-host", [broker.url], roles="supervisor", store=url)
        load = load_on(
            folder, f"{name}-load", [broker.url], "--gateways", str(gateways), "--devices-per-gateway", "2",
            *("--every", "1", "--seconds", "25"),
        )  # fmt: skip
        processes = zip(ROLES, (broker.process, worker.popen, host.popen, store.process), strict=True)
        pids = {role: each.pid for role, each in processes if each is not None}
        began, before = time.monotonic(), {role: cpu_seconds(pid) for role, pid in pids.items()}
        told = end_of(load)
        seconds = time.monotonic() - began
        used = {role: (cpu_seconds(pid) - before[role]) / seconds for role, pid in pids.items()}
        worker.kill()
        host.kill()
    return told["batches"] * told["values_a_batch"] / seconds, used


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def outage_figures(what: str, told: dict[str, Any]) -> list[Figure]:
    """How long all were away, and what was lost."""
    lost = sum(outage["connections"] for outage in told["outages"])
    back_s = max(outage["back_s"] for outage in told["outages"])
    after = told["acknowledged_after_s"]
    return [
        Figure(
            f"{what}: {lost} of {GATEWAYS} gateways away, all back and born after",
            *(back_s, "s", "60 s allowed", back_s / ALLOWED_BACK_S, COMMAND),
        ),
        Figure(
            f"{what}: gateways back a second",
            *(
                lost / back_s,
                "gateways/s",
                f"jitter of {JITTER_S} s",
                lost / back_s / (lost / JITTER_S),
                COMMAND,
            ),
        ),
        Figure(
            f"{what}: batches acknowledged",
            *(
                told["acknowledged"],
                "batches",
                "batches made",
                told["acknowledged"] / told["batches"],
                COMMAND,
            ),
        ),
        Figure(
            f"{what}: lost",
            *(told["lost"], "batches", "batches made", told["lost"] / told["batches"], COMMAND),
        ),
        Figure(
            f"{what}: scan to acknowledgement, half and 99 of 100 of all",
            *(after["p50"], "s", "99 of 100", after["p50"] / after["p99"], COMMAND),
        ),
    ]


def cloud_at(
    folder: Path,
    name: str,
    urls: list[str],
    nats_urls: list[str] | None = None,
    roles: str = "supervisor,ingest",
    store: str = "sqlite:///store.db",
) -> Process:
    """Roles of the cloud, connected; all of one broker share a registry."""
    place = folder / name
    place.mkdir()
    nats = "" if nats_urls is None else f"ingest: {{transport: nats, nats_url: '{','.join(nats_urls)}'}}\n"
    standbys = ", ".join(f"'{url}'" for url in urls[1:])
    (place / "cloud.yaml").write_text(
        f"broker: {{url: '{urls[0]}', protocol: 4, standby_urls: [{standbys}],"
        f" subscribe_qos: {0 if nats else 1}}}\n{nats}"
        f"store: '{store}'\nregistry: sqlite:///{folder / name.partition('-')[0]}.db\nsecrets_dir: secrets\n"
    )
    command = ["cloud", "run", "--only", roles, "--config", str(place / "cloud.yaml")]
    cloud = Process(name, command, place)
    cloud.start()
    wait_until(
        lambda: all(_CONNECTED[role] in cloud.log_file.read_text() for role in roles.split(",")), name, 60
    )
    return cloud


def load_on(folder: Path, name: str, urls: list[str], *more: str) -> Process:
    """A load whose gateways are all online."""
    load = Process(
        name,
        [
            *("sim", "load", "--json", "--gateways", str(GATEWAYS), "--devices-per-gateway", "1"),
            *("--every", "30", "--seconds", str(SECONDS), "--jitter", str(JITTER_S), "--connects", "300"),
            *("--drain", "120", *(part for url in urls for part in ("--broker", url)), *more),
        ],
        folder,
    )
    load.start()
    wait_until(lambda: "load-online" in load.log_file.read_text(), "all gateways", 300)
    return load


def end_of(load: Process) -> dict[str, Any]:
    """What the load came to."""
    assert load.popen is not None
    load.popen.wait(600)
    told: dict[str, Any] = json.loads(load.log_file.read_text().splitlines()[-1])
    return told


def resident_bytes(servers: list[Any] | list[Server]) -> int:
    """Resident memory of servers together."""
    total = 0
    for server in servers:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        total += int(status.split("VmRSS:")[1].split()[0]) * 1024
    return total


if __name__ == "__main__":
    main()
