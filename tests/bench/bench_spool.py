"""The spool: a week without a line, the drain beside live data, what flash must bear, commits a second.

50 devices × 20 points at 60 s, as a gateway of a district has them. The values wander as measured ones do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edge.spool.batches import NewBatch, encode_batch
from edge.spool.database import SpoolDatabase
from edge.spool.figures import SpoolLimits
from edge.spool.spool import Spool
from edge.uplink.definitions import DeviceDefinition
from telemetry.clock import SystemClock
from telemetry.devices.classes import Point, Text
from telemetry.mqtt import Broker, Link, open_link
from telemetry.readings import Batch, Reading, ValueType
from telemetry.sparkplug.ack import ACK_METRIC, make_ack, parse_batch_id
from telemetry.sparkplug.payload import DataType, Metric, Payload, decode, encode
from telemetry.sparkplug.topics import Topic, Verb
from tests.bench.report import Figure, write
from tests.edge.uplink.gateway import QUICK, gateway_on
from tests.edge.uplink.host import AREA, GATEWAY
from tests.servers import Mosquitto, running

COMMAND: Final = "make bench-spool"
DEVICES: Final = tuple(f"ws-{number:06d}" for number in range(50))
POINTS: Final = 20
EVERY_S: Final = 60
WEEK: Final = 7 * 86_400 // EVERY_S
START_MS: Final = 1_790_000_000_000
MINUTE_MS: Final = 60_000
_NAMES: Final = [
    "Power/Active",
    "Power/Voltage",
    "Power/Current",
    "Power/Factor",
    "Power/Frequency",
    "Driver/Temperature",
    "Air/Temperature",
    "Air/Humidity",
    "Air/Pressure",
    "Wind/Speed",
    "Wind/Gust",
    "Wind/Direction",
    "Solar/Irradiance",
    "Solar/Illuminance",
    "Air/PM10",
    "Soil/Conductivity",
    "Soil/Acidity",
    "Battery/Voltage",
    "Energy/Total",
    "Rain/Total",
]
_COUNTERS: Final = frozenset(_NAMES[-2:])


class Station:
    """One device whose values wander."""

    def __init__(self, device: str, chance: random.Random) -> None:
        self.device = device
        self._chance = chance
        self._levels = [chance.uniform(1, 400) for _ in range(POINTS)]

    def scan(self, time_ms: int) -> NewBatch:
        readings = []
        for place, name in enumerate(_NAMES):
            self._levels[place] += self._chance.gauss(0, 0.5)
            if name in _COUNTERS:
                self._levels[place] += 1.0
                total = int(1000 * abs(self._levels[place]))
                readings.append(Reading(self.device, name, ValueType.INT64, total, time_ms))
            else:
                level = round(self._levels[place], 2)
                readings.append(Reading(self.device, name, ValueType.DOUBLE, level, time_ms))
        return encode_batch(Batch(self.device, tuple(readings)))


def stations() -> list[Station]:
    chance = random.Random(1)
    return [Station(device, chance) for device in DEVICES]


def written_bytes() -> int:
    """What this process has had written to the disk so far, by the kernel's count."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes:")).split()[1])


def week_of_outage(file: Path, minutes: int) -> tuple[float, int, int]:
    """Fill a spool as an outage does; returns bytes used, bytes as they travel, and readings dropped."""
    database = SpoolDatabase.open(file, SpoolLimits())
    plain = 0
    every = stations()
    for minute in range(minutes):
        time_ms = START_MS + minute * MINUTE_MS
        batches = [station.scan(time_ms + place) for place, station in enumerate(every)]
        plain += sum(len(batch.metrics) for batch in batches)
        database.commit(batches, [], time_ms)
    figures = database.figures()
    database.close()
    return float(figures.bytes_used), plain, figures.dropped


@dataclass(slots=True)
class Peer:
    """Hears, acknowledges every second as ingest does, and notes how late live data is."""

    link: Link
    live_ms: list[float]
    history: int = 0

    async def run(self, rest_s: float = 0.5) -> None:
        waiting: dict[str, list[int]] = {}
        told_at = time.monotonic()
        async for message in self.link.messages():
            if "/DDATA/" in message.topic:
                self._take(message.payload, waiting)
            if time.monotonic() - told_at >= rest_s:
                told_at = time.monotonic()
                for epoch, numbers in waiting.items():
                    self._acknowledge(epoch, numbers)
                waiting.clear()

    def _take(self, data: bytes, waiting: dict[str, list[int]]) -> None:
        payload = decode(data)
        if payload.metrics[0].is_historical:
            self.history += 1
        else:
            self.live_ms.append(time.time() * 1000 - (payload.metrics[0].time_ms or 0))
        batch = parse_batch_id(payload.uuid)
        assert batch is not None
        waiting.setdefault(batch.epoch, []).append(batch.number)

    def _acknowledge(self, epoch: str, numbers: list[int]) -> None:
        metric = Metric(ACK_METRIC, DataType.STRING, str(make_ack(epoch, numbers)), 1)
        payload = encode(Payload(int(time.time() * 1000), (metric,)))
        self.link.publish(str(Topic(AREA, Verb.NCMD, GATEWAY)), payload)


@contextlib.asynccontextmanager
async def peer_on(broker: Broker) -> AsyncIterator[Peer]:
    async with open_link(broker, f"peer-{time.monotonic_ns()}", queue_size=100_000) as link:
        await link.subscribe("spBv1.0/#")
        peer = Peer(link, [])
        task = asyncio.create_task(peer.run())
        try:
            yield peer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def definition(device: str) -> DeviceDefinition:
    text = Text(vi="Thử", en="Test")
    points = {
        name: Point(metric=name, type=ValueType.INT64 if name in _COUNTERS else ValueType.DOUBLE, title=text)
        for name in _NAMES
    }
    return DeviceDefinition(device, "weather_station", 1, device, "bench", points=points)


@dataclass(frozen=True, slots=True)
class Drain:
    """What came of draining for a while."""

    batches_per_s: float
    live_p50_ms: float
    live_p99_ms: float
    live_max_ms: float


async def drain(broker: Broker, folder: Path, seconds: float, live_every_s: float) -> Drain:
    """Connect with a full spool, and go on measuring all devices in turn, for `seconds`."""
    settings = replace(QUICK, resend_first_s=5.0, births_rate=20.0)
    async with (
        peer_on(broker) as peer,
        gateway_on(
            broker,
            folder,
            DEVICES,
            settings=settings,
            definition=definition,
            commit_every_s=0.25,
            graceful=False,
        ) as gateway,
    ):
        for device in DEVICES:
            gateway.uplink.device_up(device)
        async with asyncio.timeout(60):
            while not (gateway.uplink.is_online and peer.history > 10):
                await asyncio.sleep(0.05)
        await asyncio.sleep(3)
        peer.live_ms.clear()
        before, began = peer.history, time.monotonic()
        every = stations()
        count = 0
        while (now := time.monotonic()) - began < seconds:
            count += 1
            await gateway.spool.put(every[count % len(every)].scan(round(time.time() * 1000)))
            await asyncio.sleep(max(0.0, began + count * live_every_s - now))
        rate = (peer.history - before) / (time.monotonic() - began)
        await asyncio.sleep(3)
        cuts = statistics.quantiles(peer.live_ms, n=100, method="inclusive")
        assert len(peer.live_ms) >= 0.95 * count, f"{len(peer.live_ms)} of {count} live batches came live"
        return Drain(rate, statistics.median(peer.live_ms), cuts[98], max(peer.live_ms))


async def flash_per_day(folder: Path, seconds: float) -> float:
    """Bytes written a day while 50 devices are spooled and acknowledged in their ordinary rhythm."""
    spool = Spool(folder / "spool.db", SpoolLimits(), SystemClock())
    unacked: list[int] = []
    spool.start(on_commit=lambda batches: unacked.extend(batch.number for batch in batches))
    await spool.ready()
    every = stations()
    for station in every:
        await spool.put_durably(station.scan(round(time.time() * 1000)))
    await spool.flush()
    pause_s = EVERY_S / len(DEVICES)
    began, before, count = time.monotonic(), written_bytes(), 0
    while time.monotonic() - began < seconds:
        count += 1
        await spool.put(every[count % len(every)].scan(round(time.time() * 1000)))
        await asyncio.sleep(pause_s)
        if unacked:
            spool.acknowledge(make_ack(spool.epoch, unacked))
            unacked.clear()
    written = written_bytes() - before
    passed = time.monotonic() - began
    await spool.close()
    return written * 86_400 / passed


def naive_flash_per_day(file: Path, minutes: int) -> float:
    """The same readings, each a row and a commit of its own, and deleted one by one once acknowledged."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE reading "
            "(id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT, metric TEXT, value, time_ms)"
        )
        before = written_bytes()
        for minute in range(minutes):
            for row in _rows(minute):
                connection.execute(
                    "INSERT INTO reading (device, metric, value, time_ms) VALUES (?,?,?,?)", row
                )
            for (number,) in connection.execute("SELECT id FROM reading").fetchall():
                connection.execute("DELETE FROM reading WHERE id = ?", (number,))
        written = written_bytes() - before
    return written * 1440 / minutes


def _rows(minute: int) -> Iterator[tuple[str, str, float, int]]:
    for device in DEVICES:
        for name in _NAMES:
            yield device, name, 1.5, START_MS + minute * MINUTE_MS


async def commits_per_s(folder: Path, seconds: float, *, group_s: float) -> float:
    """Batches of 20 readings made durable a second, handed over as fast as they are taken."""
    spool = Spool(folder / "spool.db", SpoolLimits(), SystemClock(), commit_every_s=group_s)
    numbers: list[int] = []
    spool.start(on_commit=lambda batches: numbers.extend(batch.number for batch in batches))
    await spool.ready()
    batch = stations()[0].scan(START_MS)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        await spool.put(batch)
        if len(numbers) > 500:
            spool.acknowledge(make_ack(spool.epoch, numbers))
            numbers.clear()
    await spool.flush(30)
    committed = (await spool.figures()).committed / POINTS
    passed = time.monotonic() - began
    await spool.close()
    return committed / passed


def one_by_one_per_s(file: Path, seconds: float) -> float:
    """The same batches, each put in a transaction of its own that acknowledges the one before it."""
    database = SpoolDatabase.open(file, SpoolLimits())
    batch = stations()[0].scan(START_MS)
    began, count, last = time.monotonic(), 0, 0
    while time.monotonic() - began < seconds:
        (committed,) = database.commit([batch], [make_ack(database.epoch, [last])], START_MS)
        last = committed.number
        count += 1
    passed = time.monotonic() - began
    database.close()
    return count / passed


def main() -> None:
    """Measure and report."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="a trial: a tenth of the week, short windows")
    quick = options.parse_args().quick
    figures: list[Figure] = []

    def figure(metric: str, value: float, unit: str, reference: str, reference_value: float) -> None:
        figures.append(Figure(metric, value, unit, reference, value / reference_value, COMMAND))

    # Not /tmp: it may be a file system in memory, where nothing is ever written to a disk.
    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kega-bench-", dir="var") as name:
        folder = Path(name)
        minutes = WEEK // 10 if quick else WEEK
        used, plain, dropped = week_of_outage(folder / "spool.db", minutes)
        assert dropped == 0, f"{dropped} readings did not fit"
        whole = used * WEEK / minutes
        figure("a week without a line on disk", whole / 1e6, "MB", "the default bound", 500)
        figure(
            "bytes a batch on disk",
            used / minutes / len(DEVICES),
            "B",
            "as it travels",
            plain / minutes / len(DEVICES),
        )
        with running(Mosquitto) as server:
            assert isinstance(server, Mosquitto)
            drained = asyncio.run(drain(Broker(server.url), folder, 20 if quick else 90, 0.1))
        figure(
            "drained beside live data", drained.batches_per_s, "batches/s", "the rate that it is held to", 100
        )
        days = len(DEVICES) * WEEK / drained.batches_per_s / 3600
        figure("a week drains in", days, "h", "a day", 24)
        figure("live data, p50", drained.live_p50_ms, "ms", "2 s", 2000)
        figure("live data, p99", drained.live_p99_ms, "ms", "2 s", 2000)
        figure("live data, longest", drained.live_max_ms, "ms", "2 s", 2000)
        for each in ("flash", "group"):
            (folder / each).mkdir()
        naive = naive_flash_per_day(folder / "naive.db", 1 if quick else 5)
        flash = asyncio.run(flash_per_day(folder / "flash", 30 if quick else 180))
        figure("written to flash a day", flash / 1e6, "MB", "a commit for each reading", naive / 1e6)
        single = one_by_one_per_s(folder / "single.db", 3 if quick else 10)
        grouped = asyncio.run(commits_per_s(folder / "group", 3 if quick else 10, group_s=0.25))
        figure("batches of 20 readings committed", grouped, "1/s", "each in its own transaction", single)
    write("spool", figures)


if __name__ == "__main__":
    main()
