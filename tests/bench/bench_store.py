"""The stores at size: 100 million values in SQLite, 10 million beside it in InfluxDB 1.6.7.

`make bench-store` (about 12 minutes, 4 GB below --dir, deleted afterwards); `--quick` with a fiftieth of it.
1,000 devices of 10 fields, a value a minute of each. Every figure stands beside its goal: a time reaches
it at a ratio of 1 or less, a rate at 1 or more.
"""

from __future__ import annotations

import argparse
import gc
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, cast

import orjson

from cloud.registry.database import open_registry
from cloud.rollup.history import History
from cloud.store import open_store
from cloud.store.port import Aggregate, Channel, Row, Store
from cloud.store.retention import Retention
from cloud.store.rollups import DAY_MS, HOUR_MS, Rollups, Tier, rollups_of
from cloud.store.sqlite import SqliteStore
from cloud.store.sqlite_retention import SqliteExpiry
from tests.bench.report import Figure, write
from tests.servers import InfluxDB1, running

COMMAND: Final = "make bench-store"
DEVICES: Final = 1000
FIELDS: Final = tuple(f"value_{number}" for number in range(10))
STEP_MS: Final = 60_000
NOW: Final = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS
COMMIT_EVERY_S: Final = 0.25
"""As ingest does at low load. A writer that never pauses starves others: SQLite's locks know no queue."""
NEEDED_BYTES: Final = 10_000_000_000
_random = random.Random(1)


def channels() -> list[Channel]:
    """One a device."""
    return [
        Channel("streetlight", "p060", f"eg-{n // 20:04}", f"sl-{n:06}", FIELDS, (float,) * len(FIELDS))
        for n in range(DEVICES)
    ]


def milliseconds(work: Callable[[], object], times: int) -> list[float]:
    """How long `work` took, sorted."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1000)
    return sorted(found)


def p95(found: list[float]) -> float:
    """Of sorted figures."""
    return found[min(len(found) - 1, int(len(found) * 0.95))]


def fill_sqlite(file: Path, scans: int) -> None:
    """`scans` scans of every device up to NOW, device by device: the order that the file has."""
    store = SqliteStore(file)
    store.write([Row(each, NOW - STEP_MS, [1.0] * len(FIELDS)) for each in channels()])
    store.close()
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -65536")
    shape = connection.execute("SELECT id FROM shape").fetchone()[0]
    texts = [orjson.dumps([round(_random.uniform(0, 1000), 2) for _ in FIELDS]).decode() for _ in range(4096)]
    insert = "INSERT OR REPLACE INTO scan (device, time_ms, shape, vals) VALUES (?, ?, ?, ?)"
    ids = [row[0] for row in connection.execute("SELECT id FROM device ORDER BY id")]
    for device in ids:
        connection.execute("BEGIN")
        begin = NOW - scans * STEP_MS
        connection.executemany(
            insert,
            ((device, begin + n * STEP_MS, shape, texts[(device * 7 + n) % 4096]) for n in range(scans)),
        )
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def fill_influx(store: Store, scans: int) -> None:
    """The same, in order of time."""
    known = channels()
    for first in range(0, scans, 5):
        store.write(
            [
                Row(each, NOW - (scans - n) * STEP_MS, [round(_random.uniform(0, 1000), 2) for _ in FIELDS])
                for n in range(first, min(first + 5, scans))
                for each in known
            ]
        )


def read_figures(name: str, store: Store, values: int, times: int) -> list[Figure]:
    """What boards ask, at this size."""
    known = [each.device for each in channels()]
    gc.collect()
    gc.freeze()  # as the API's process does at its start

    def one(field: str) -> object:
        return store.series(_random.choice(known), field, NOW - DAY_MS, NOW)

    def whole_device() -> object:
        device = _random.choice(known)
        return [store.series(device, field, NOW - DAY_MS, NOW) for field in FIELDS]

    def by_10_minutes() -> object:
        asked = (_random.choice(known), "value_3", NOW - DAY_MS, NOW)
        return store.series(*asked, every_ms=600_000, aggregate=Aggregate.MEAN)

    size = f"{name}, {values / 1e6:g} M values"
    found = [
        (f"{size}: 24 h of a device, one point, p95", p95(milliseconds(lambda: one("value_3"), times)), 50),
        (f"{size}: 24 h of a device, all 10 points, p95", p95(milliseconds(whole_device, times // 3)), 500),
        (f"{size}: 24 h by 10 minutes, p95", p95(milliseconds(by_10_minutes, times)), 50),
        (
            f"{size}: last values of 1,000 devices (10,000 values), p95",
            p95(milliseconds(lambda: store.latest(known), max(times // 3, 10))),
            20,
        ),
    ]
    return [
        Figure(what, value, "ms", f"goal {goal} ms", value / goal, COMMAND) for what, value, goal in found
    ]


def rollup_figures(name: str, store: Store, folder: Path, days: int, times: int) -> list[Figure]:
    """Making roll-ups, and a long range from them beside the same from values."""
    rollups = cast("Rollups", rollups_of(store))
    begun = time.perf_counter()
    rollups.roll_up(Tier.HOUR, NOW - DAY_MS, NOW - DAY_MS + HOUR_MS)
    an_hour_s = time.perf_counter() - begun
    devices = [each.device for each in channels()[:50]]
    for day in range(days):
        begin = NOW - (day + 1) * DAY_MS
        rollups.roll_up(Tier.HOUR, begin, begin + DAY_MS, devices)
        rollups.roll_up(Tier.DAY, begin, begin + DAY_MS, devices)
    registry = open_registry(f"sqlite:///{folder}/{name}-registry.db")
    for tier in Tier:
        registry.set_rollup_progress(tier.value, NOW)
    history = History(store, registry)

    def ask(source: Store | History) -> list[float]:
        return milliseconds(
            lambda: source.series(
                _random.choice(devices), "value_3", NOW - days * DAY_MS, NOW, every_ms=HOUR_MS
            ),
            times,
        )

    rolled, plain = p95(ask(history)), p95(ask(store))
    registry.close()
    return [
        Figure(
            f"{name}: {days} days by the hour from roll-ups, p95",
            rolled,
            "ms",
            f"{name} from values",
            rolled / plain,
            COMMAND,
        ),
        Figure(
            f"{name}: {days} days by the hour from roll-ups, p95",
            rolled,
            "ms",
            "goal 50 ms",
            rolled / 50,
            COMMAND,
        ),
        Figure(
            f"{name}: one hour of 1,000 devices rolled up",
            an_hour_s,
            "s",
            "an hour",
            an_hour_s / 3600,
            COMMAND,
        ),
    ]


def write_figures(name: str, store: Store, batches: int) -> list[Figure]:
    """Values a second on top of what is there, by one writer."""
    known = channels()
    found = []
    at = NOW
    for scans in (1, 10):
        rows = []
        for _ in range(batches):
            batch = []
            for _ in range(scans):
                at += 1000
                batch += [Row(each, at, [_random.uniform(0, 1000) for _ in FIELDS]) for each in known]
            rows.append(batch)
        begun = time.perf_counter()
        for batch in rows:
            store.write(batch)
        rate = batches * scans * DEVICES * len(FIELDS) / (time.perf_counter() - begun)
        found.append(
            Figure(
                f"{name}: written on top, batches of {scans * 10_000} values",
                rate,
                "values/s",
                "goal 100,000/s",
                rate / 100_000,
                COMMAND,
            )
        )
    return found


def retention_figures(store: SqliteStore) -> list[Figure]:
    """A day of a thousand devices goes while another connection writes."""
    oldest = store.rollups.oldest_ms()
    assert oldest is not None
    days = (NOW - oldest) // DAY_MS
    store.set_retention(Retention(raw_days=days - 1))
    waits: list[float] = []
    channel = channels()[0]

    def write_on() -> None:
        at = NOW + DAY_MS // 2
        while not expiry.done():
            at += 1000
            time.sleep(COMMIT_EVERY_S)
            waits.extend(milliseconds(lambda at=at: store.write([Row(channel, at, [1.0] * 10)]), 1))  # type: ignore[misc]

    with ThreadPoolExecutor(1) as pool:
        expiry = pool.submit(SqliteExpiry(store.file).expire, NOW)
        write_on()
    gone = expiry.result()
    waits.sort()
    return [
        Figure(
            f"sqlite: {gone.rows * 10} values expire, longest slice",
            gone.longest_s * 1000,
            "ms",
            "goal 250 ms",
            gone.longest_s * 1000 / 250,
            COMMAND,
        ),
        Figure("sqlite: a writer meanwhile, p95", p95(waits), "ms", "goal 250 ms", p95(waits) / 250, COMMAND),
    ]


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="A fiftieth of the values; writes no result file."
    )
    parser.add_argument("--dir", type=Path, default=None, help="Where the store is made; deleted afterwards.")
    asked = parser.parse_args()
    scans, influx_scans, times = (2880, 1440, 30) if asked.quick else (10_000, 1_000, 200)
    if asked.dir is not None:
        asked.dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="kega-bench-store-", dir=asked.dir))
    try:
        if shutil.disk_usage(folder).free < NEEDED_BYTES:
            sys.exit(f"{folder}: fewer than 10 GB are free: give another folder with --dir")
        figures = sqlite_figures(folder, scans, times)
        with running(InfluxDB1) as server:
            store = open_store(f"influx1://127.0.0.1:{cast('InfluxDB1', server).port}/kega")
            fill_influx(store, influx_scans)
            values = influx_scans * DEVICES * len(FIELDS)
            figures += read_figures("influxdb", store, values, max(times // 4, 10))
            figures += rollup_figures("influxdb", store, folder, 1, 10)
            store.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.quick:
        for figure in figures:
            told = f"{figure.metric}: {figure.value:.4g} {figure.unit}"
            print(f"{figure.ratio:8.3g} × {figure.reference:<30} {told}")
    else:
        write("store", figures)


def sqlite_figures(folder: Path, scans: int, times: int) -> list[Figure]:
    """The embedded store from filling to retention."""
    file = folder / "store.db"
    values = scans * DEVICES * len(FIELDS)
    begun = time.perf_counter()
    fill_sqlite(file, scans)
    size = file.stat().st_size / 1e9
    print(f"{values / 1e6:g} M values in {time.perf_counter() - begun:.0f} s, {size:.2f} GB", flush=True)
    store = SqliteStore(file)
    days = scans * STEP_MS // DAY_MS - 1
    figures = read_figures("sqlite", store, values, times)
    figures += rollup_figures("sqlite", store, folder, max(days, 1), times // 2)
    figures += write_figures("sqlite", store, 20)
    figures += retention_figures(store)
    bytes_a_value = file.stat().st_size / values
    figures.append(
        Figure(
            "sqlite: bytes a value", bytes_a_value, "B", "narrow rows, 30.8 B", 30.8 / bytes_a_value, COMMAND
        )
    )
    store.close()
    return figures


if __name__ == "__main__":
    main()
