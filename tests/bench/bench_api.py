"""The API at size: a million devices registered, 100 million values stored, asked over HTTP.

`make bench-api` (about 10 minutes, 5 GB below --dir, deleted afterwards); `--quick` with a fiftieth of it.
The real process (`kega cloud run --only api`), once with a SQLite registry and once with PostgreSQL. Goal of
every answer: 200 ms (p95); a ratio of 1 or less reaches it.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import httpx
from sqlalchemy import insert

from cloud.identity.tokens import new_token
from cloud.registry.cells import cell_of
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import Role
from cloud.registry.tables import DEVICES, GATEWAYS, POINTS
from tests.bench.bench_store import FIELDS, NOW, fill_sqlite, milliseconds, p95
from tests.bench.report import Figure, write
from tests.servers import Mosquitto, PostgreSQL, answers, free_port, running, wait_until

COMMAND: Final = "make bench-api"
GOAL_MS: Final = 200.0
A_GATEWAY: Final = 100
CLASSES: Final = ("streetlight", "water_meter", "air_station", "truck")
NEEDED_BYTES: Final = 12_000_000_000
_random = random.Random(1)


def rows(devices: int) -> Iterator[dict[str, object]]:
    """Devices over a province, in order of id."""
    now_ms = time.time_ns() // 1_000_000
    for n in range(devices):
        latitude, longitude = 10.6 + _random.random() * 1.2, 107.4 + _random.random() * 1.6
        yield {
            "id": f"sl-{n:06}",
            "area": "p060",
            "gateway": f"eg-{n // A_GATEWAY:06}",
            "device_class": CLASSES[n % len(CLASSES)] if n >= 1000 else "streetlight",
            "title": f"Cột đèn {n}",
            "model": "Eastron SDM120",
            "latitude": latitude,
            "longitude": longitude,
            "admission": "accepted",
            "online": n % 10 != 0,
            "born_ms": now_ms,
            "last_seen_ms": now_ms,
            "cell": cell_of(latitude, longitude),
            "changed_ms": now_ms - 3_600_000,
        }


def fill_registry(registry: SqlRegistry, devices: int) -> None:
    """Straight into the tables: births would take as long as they do in the field."""
    page: list[dict[str, object]] = []
    with registry._writing() as connection:
        connection.execute(
            insert(GATEWAYS),
            [
                {"id": f"eg-{n:06}", "area": "p060", "online": True, "software": "0.1.0"}
                for n in range(-(-devices // A_GATEWAY))
            ],
        )
    for row in rows(devices):
        page.append(row)
        if len(page) == 20_000:
            _add(registry, page)
            page = []
    if page:
        _add(registry, page)


def _add(registry: SqlRegistry, page: list[dict[str, object]]) -> None:
    points = [
        {
            "device": row["id"],
            "metric": f"Value/{place}",
            "place": place,
            "field": FIELDS[place],
            "type": "double",
            "unit": "W",
        }
        for row in page
        for place in range(3)
    ]
    with registry._writing() as connection:
        connection.execute(insert(DEVICES), page)
        connection.execute(insert(POINTS), points)


def figures(name: str, folder: Path, registry_url: str, devices: int, times: int) -> list[Figure]:
    """What the API's process answers over this registry."""
    begun = time.perf_counter()
    registry = open_registry(registry_url)
    fill_registry(registry, devices)
    made = new_token("bench", Role.VIEWER, now_ms=time.time_ns() // 1_000_000, days=1)
    registry.add_token(made.record, by="bench")
    registry.close()
    print(f"{name}: {devices} devices in {time.perf_counter() - begun:.0f} s", flush=True)
    with running(Mosquitto) as broker:
        port = free_port()
        config = folder / f"{name}.yaml"
        config.write_text(
            f"broker: {{url: '{cast('Mosquitto', broker).url}'}}\nstore: sqlite:///store.db\n"
            f"registry: '{registry_url}'\nsecrets_dir: secrets\nhttp: {{port: {port}}}\n"
        )
        with (folder / f"{name}.log").open("wb") as log:
            api = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "telemetry",
                    "cloud",
                    "run",
                    "--only",
                    "api",
                    "--config",
                    str(config),
                ],
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/api/v1/health"), f"{name}: the API", 300)
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}/api/v1",
                headers={"Authorization": f"Bearer {made.secret}"},
                timeout=60,
            ) as client:
                _settle(client)
                return list(_ask(name, client, devices, times))
        finally:
            api.terminate()
            api.wait(30)


def _settle(client: httpx.Client) -> None:
    """Wait until the live view has taken in what it takes: the last device it keeps has its values."""
    wait_until(
        lambda: bool(client.get("readings/latest", params={"device": "sl-000999"}).json()["items"]),
        "the live view",
        300,
    )


def _ask(name: str, client: httpx.Client, devices: int, times: int) -> Iterator[Figure]:
    def get(path: str, **asked: object) -> None:
        answer = client.get(path, params=asked)  # type: ignore[arg-type]
        answer.raise_for_status()

    def page() -> None:
        get("devices", after=f"sl-{_random.randrange(devices):06}", limit=100)

    def page_of_class() -> None:
        get(
            "devices",
            **{"class": _random.choice(CLASSES)},
            after=f"sl-{_random.randrange(devices):06}",
            limit=100,
        )

    def page_of_discovered() -> None:
        get("devices", admission="discovered", limit=100)

    def map_far() -> None:
        get("devices/map", bbox="107.3,10.5,109.1,11.9", zoom=_random.randrange(7, 11))

    def map_near() -> None:
        west, south = 107.4 + _random.random() * 1.5, 10.6 + _random.random() * 1.1
        span = _random.choice([0.02, 0.1])
        get("devices/map", bbox=f"{west},{south},{west + span},{south + span}", zoom=16 if span < 0.1 else 13)

    def one_device() -> None:
        get(f"devices/sl-{_random.randrange(devices):06}")

    def latest() -> None:
        get("readings/latest", device=[f"sl-{_random.randrange(1000):06}" for _ in range(50)])

    def a_day() -> None:
        device = f"sl-{_random.randrange(1000):06}"
        get("readings", device=device, point="value_1", **{"from": NOW - 86_400_000, "to": NOW})

    def a_day_by_10_minutes() -> None:
        device = f"sl-{_random.randrange(1000):06}"
        get("readings", device=device, point="value_1", every="10m", **{"from": NOW - 86_400_000, "to": NOW})

    asked: dict[str, Callable[[], None]] = {
        "list, 100 of any class": page,
        "list, 100 of a class": page_of_class,
        "list of discovered": page_of_discovered,
        "map of the province": map_far,
        "map of a district": map_near,
        "one device": one_device,
        "latest of 50 devices": latest,
        "range, 24 h of one point": a_day,
        "range, 24 h by 10 minutes": a_day_by_10_minutes,
    }
    for what, call in asked.items():
        call()
        value = p95(milliseconds(call, times))
        told = f"{name}, {devices} devices: {what}, p95"
        yield Figure(told, value, "ms", f"goal {GOAL_MS:g} ms", value / GOAL_MS, COMMAND)


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="A fiftieth of it; writes no result file.")
    parser.add_argument(
        "--dir", type=Path, default=None, help="Where the files are made; deleted afterwards."
    )
    asked = parser.parse_args()
    devices, scans, times = (20_000, 1440, 30) if asked.quick else (1_000_000, 10_000, 100)
    if asked.dir is not None:
        asked.dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="kega-bench-api-", dir=asked.dir))
    try:
        if shutil.disk_usage(folder).free < NEEDED_BYTES:
            sys.exit(f"{folder}: fewer than 12 GB are free: give another folder with --dir")
        fill_sqlite(folder / "store.db", scans)
        found = figures("sqlite registry", folder, f"sqlite:///{folder}/registry.db", devices, times)
        with running(PostgreSQL) as server:
            url = cast("PostgreSQL", server).new_database()
            found += figures("postgresql registry", folder, url, devices, times)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.quick:
        for figure in found:
            told = f"{figure.metric}: {figure.value:.4g} {figure.unit}"
            print(f"{figure.ratio:8.3g} × {figure.reference:<30} {told}")
    else:
        write("api", found)


if __name__ == "__main__":
    main()
