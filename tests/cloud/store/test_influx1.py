"""A real InfluxDB 1.6.7: lines that it refuses, its death and return, and logins."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cloud.store import open_store
from cloud.store.port import Rejected, Sample, Scan, Store, StoreUnavailable
from telemetry.readings import Value
from tests.cloud.store.v2_front import V2Front
from tests.servers import InfluxDB1, running

BEGIN = 1_760_000_000_000


@pytest.fixture
def store(influxdb1: InfluxDB1) -> Iterator[Store]:
    store = open_store(f"influx1://127.0.0.1:{influxdb1.port}/one{time.monotonic_ns()}")
    yield store
    store.close()


def scan(device: str, step: int, value: Value) -> Scan:
    return Scan("streetlight", "p060", "eg-1", device, BEGIN + step, {"power_active": value})


def test_lines_of_a_conflicting_type_are_told_and_all_others_stay(store: Store) -> None:
    assert list(store.write([scan("sl-1", 0, 1.0)])) == []
    bad = {7, 8, 500, 999}
    scans = [scan("sl-1", step, "text" if step in bad else float(step)) for step in range(1000)]
    rejected: list[Rejected] = list(store.write(scans))
    assert sorted(each.scan.time_ms - BEGIN for each in rejected) == sorted(bad)
    assert all("type conflict" in each.reason for each in rejected)
    assert store.count(0, 10**13) == 1000 - len(bad)


def test_a_batch_of_nothing_but_refused_lines_ends(store: Store) -> None:
    store.write([scan("sl-1", 0, 1.0)])
    assert len(store.write([scan("sl-1", step, True) for step in range(200)])) == 200
    assert store.count(0, 10**13) == 1


def test_more_lines_than_one_request_takes(store: Store) -> None:
    assert list(store.write([scan("sl-1", step, float(step)) for step in range(12_000)])) == []
    assert store.count(0, 10**13) == 12_000
    assert store.series("sl-1", "power_active", 0, 10**13, limit=3) == [
        Sample(BEGIN + step, float(step)) for step in range(3)
    ]


def test_what_was_written_survives_kill_9_of_the_server() -> None:
    with running(InfluxDB1) as server:
        assert isinstance(server, InfluxDB1)
        store = open_store(f"influx1://127.0.0.1:{server.port}/kega")
        for step in range(50):
            assert list(store.write([scan("sl-1", step, float(step))])) == []
        server.kill()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            store.write([scan("sl-1", 50, 50.0)])
        for read in (
            store.ping,
            store.latest,
            lambda: store.count(0, 1),
            lambda: store.series("sl-1", "a", 0, 1),
        ):
            with pytest.raises(StoreUnavailable):
                read()
        server.start()
        assert list(store.write([scan("sl-1", 50, 50.0)])) == []
        assert store.count(0, 10**13) == 51
        store.close()


def test_a_refused_login_is_told(v2_front: V2Front) -> None:
    place = v2_front.url.removeprefix("http://")
    store = open_store(f"influx1://user:wrong@{place}/kega")
    with pytest.raises(StoreUnavailable, match="refuses the login"):
        store.write([scan("sl-1", 0, 1.0)])
    store.close()
