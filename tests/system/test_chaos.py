"""Nothing that a gateway committed is lost, whatever is killed: rule X-ACK-8."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from telemetry.devices.classes import field_name
from telemetry.monitor.watch import watching
from telemetry.mqtt import Broker
from tests.servers import InfluxDB1, Mosquitto, Nats, PostgreSQL, Server, running, wait_until
from tests.system.platform import Platform, platform, stored_samples

KILLS = 32


@contextmanager
def stopped_sqlite(file: Path) -> Iterator[None]:
    """The embedded database as good as stopped: nobody else can write to it."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=30)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextmanager
def stopped_server(server: Server) -> Iterator[None]:
    """A database server that is not there."""
    server.kill()
    try:
        yield
    finally:
        server.start()


def run_chaos(
    site: Platform, broker: Server, stop_database: Callable[[], Any], seed: int, kills: int, every_s: float
) -> None:
    """Kill `kills` random processes; the database is away for a fifth of the time."""
    chance = random.Random(seed)
    victims = [name for name in site.processes if name.startswith(("gateway-", "ingest", "supervisor"))]
    done = 0
    outage: Any = None
    outage_until = 0.0
    next_outage = time.monotonic() + 2 * every_s
    restarts: list[tuple[float, Callable[[], None]]] = []
    next_kill = time.monotonic() + every_s
    while done < kills or restarts or outage is not None:
        now = time.monotonic()
        for due, restart in [each for each in restarts if each[0] <= now]:
            restarts.remove((due, restart))
            restart()
        if outage is None and done < kills and now >= next_outage:
            outage = stop_database()
            outage.__enter__()
            outage_until = now + 2 * every_s
        elif outage is not None and now >= outage_until:
            outage.__exit__(None, None, None)
            outage = None
            next_outage = now + 8 * every_s
        if done < kills and now >= next_kill:
            done += 1
            next_kill = now + every_s
            back = now + chance.uniform(0.1, every_s)
            if chance.random() < 0.25:
                if broker.process is not None:
                    broker.kill()
                    restarts.append((back, broker.start))
            else:
                victim = site.processes[chance.choice(victims)]
                if victim.is_alive:
                    victim.kill()
                    restarts.append((back, victim.start))
        time.sleep(0.02)


def assert_nothing_lost(site: Platform) -> int:
    """Compare every committed reading with the store; returns how many there were."""
    committed = site.committed()
    assert committed, f"the gateways committed nothing\n{site.log_tails()}"
    store = site.store()
    try:
        lost: list[Any] = []
        different: list[Any] = []
        series: dict[tuple[str, str], dict[int, Any]] = {}
        for (device, metric, time_ms), line in committed.items():
            field = field_name(metric)
            samples = series.setdefault((device, field), {})
            if not samples:
                samples.update(stored_samples(store, device, field))
            sample = samples.get(time_ms)
            if sample is None:
                lost.append(line)
            elif sample.value != line["value"] or int(sample.quality) != line["quality"]:
                different.append((line, sample))
        assert not lost, f"{len(lost)} of {len(committed)} lost, such as {lost[:3]}\n{site.log_tails()}"
        assert not different, f"{len(different)} of {len(committed)} differ, such as {different[:3]}"
        stored = sum(len(samples) for samples in series.values())
        assert stored == len(committed), f"{stored} stored for {len(committed)} committed"
        devices = sorted({device for device, _, _ in committed})  # gateways have values of their own
        assert store.count(0, 4_102_444_800_000, devices) == len(committed)
    finally:
        store.close()
    return len(committed)


def chaos(
    broker_kind: type[Server], store_kind: str, folder: Path, seed: int, kills: int, every_s: float
) -> None:
    """The whole run on one pair of broker and store; the registry of a mosquitto site is on PostgreSQL."""
    on_mosquitto = broker_kind is Mosquitto
    sqlite_file = folder / "store.db"
    with running(broker_kind) as broker, running(InfluxDB1) as influx, running(PostgreSQL) as postgresql:
        influx_url = f"influx1://127.0.0.1:{influx.port}/kega"  # type: ignore[attr-defined]
        with (
            platform(
                folder,
                broker_url=broker.url,  # type: ignore[attr-defined]
                protocol=5 if on_mosquitto else 4,
                store_url=f"sqlite:///{sqlite_file}" if store_kind == "sqlite" else influx_url,
                registry_url=postgresql.new_database() if on_mosquitto else "",  # type: ignore[attr-defined]
                shared_subscription="ingest" if on_mosquitto else None,
            ) as site,
            watching(Broker(site.broker_url, protocol=site.protocol), host_id="kega-host") as monitor,
        ):
            site.start_simulator()
            site.start_role("supervisor")
            site.start_role("ingest", "ingest-1")
            if on_mosquitto:
                site.start_role("ingest", "ingest-2")
            site.start_gateways()
            wait_for_first_acknowledgements(site)
            stop = (
                (lambda: stopped_sqlite(sqlite_file))
                if store_kind == "sqlite"
                else (lambda: stopped_server(influx))
            )
            run_chaos(site, broker, stop, seed, kills, every_s)
            for process in site.processes.values():
                assert process.is_alive, f"{process.name} is not running\n{process.log_tail()}"
            site.processes["sim"].kill()  # no device answers any more, so the spools run empty
            site.wait_for_drained_spools(90)
            for file in site.gateway_files():
                assert site.processes[f"gateway-{file.stem}"].stop() == 0
            assert_nothing_lost(site)
            assert monitor.engine.messages > 100
            assert not monitor.engine.violations, [str(each) for each in monitor.engine.violations[:10]]


def wait_for_first_acknowledgements(site: Platform) -> None:
    """Return when every gateway has seen an acknowledgement."""

    def acknowledged() -> bool:
        return all(site.has_spool(file) and site.spool_status(file)["acked"] for file in site.gateway_files())

    wait_until(acknowledged, f"acknowledgements for all gateways\n{site.log_tails()}", 60)


@pytest.fixture
def site_folder() -> Iterator[Path]:
    """A short path: unix sockets and ptys live in it."""
    with tempfile.TemporaryDirectory(prefix="kega-") as folder:
        yield Path(folder)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("broker", "store"), [(Mosquitto, "influx1"), (Nats, "sqlite")])
def test_no_committed_reading_is_lost_whatever_is_killed(
    broker: type[Server], store: str, site_folder: Path
) -> None:
    """Over 30 kill -9 of gateways, broker, ingest and supervisor; the database away a fifth of the time."""
    chaos(broker, store, site_folder, seed=20261122, kills=KILLS, every_s=1.2)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("broker", [Mosquitto, Nats])
@pytest.mark.parametrize("store", ["influx1", "sqlite"])
def test_no_committed_reading_is_lost_in_a_long_run(
    broker: type[Server], store: str, site_folder: Path
) -> None:
    """The same for ten minutes on every pair of broker and store."""
    chaos(broker, store, site_folder, seed=random.SystemRandom().randrange(1 << 32), kills=300, every_s=2.0)
