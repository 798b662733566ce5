"""`init-store` towards every kind of server: what it makes, and that a repetition changes nothing."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cloud.errors import SettingsError
from cloud.store import open_store
from cloud.store.http import HttpServer
from cloud.store.port import Aggregate, Sample, Scan, StoreUnavailable
from cloud.store.retention import Retention
from cloud.store.rollups import DAY_MS, HOUR_MS, Tier, rollups_of
from cloud.store.servers import Kind, identify
from cloud.store.setup import Did, set_up
from cloud.store.sqlite import SqliteStore
from tests.cloud.store.influx_fronts import Front2, Front3
from tests.servers import InfluxDB1, Mosquitto, VictoriaMetrics

YEAR = Retention(raw_days=400, rollup_days=3650)
NOW = time.time_ns() // 1_000_000


def unique() -> str:
    return f"s{time.monotonic_ns()}"


@pytest.fixture
def front2(influxdb1: InfluxDB1) -> Iterator[Front2]:
    front = Front2(influxdb1.url)
    yield front
    front.close()


@pytest.fixture
def front3(influxdb1: InfluxDB1) -> Iterator[Front3]:
    front = Front3(influxdb1.url)
    yield front
    front.close()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("secret\n")
    return file


def did(url: str, retention: Retention) -> dict[str, Did]:
    return {step.what: step.did for step in set_up(url, retention).steps}


def rows(server: InfluxDB1, statement: str) -> list[list[object]]:
    asked = urlencode({"q": statement})
    with urllib.request.urlopen(f"{server.url}/query?{asked}") as answer:
        return [
            row
            for each in json.load(answer)["results"]
            for s in each.get("series", ())
            for row in s["values"]
        ]


def test_influxdb_1_has_databases_and_retention_afterwards(influxdb1: InfluxDB1) -> None:
    name = unique()
    url = f"influx1://127.0.0.1:{influxdb1.port}/{name}"
    assert did(url, YEAR) == {
        f"database {name}": Did.MADE,
        f"retention of {name}": Did.CHANGED,
        f"database {name}_rollups": Did.MADE,
        f"retention of {name}_rollups": Did.CHANGED,
    }
    assert set(did(url, YEAR).values()) == {Did.KEPT}
    [policy] = rows(influxdb1, f'SHOW RETENTION POLICIES ON "{name}"')
    assert policy[1] == "9600h0m0s"
    assert did(url, Retention())[f"retention of {name}"] is Did.CHANGED
    assert set(did(url, Retention()).values()) == {Did.KEPT}


@pytest.mark.parametrize("name", ['a "b"', "x'; DROP DATABASE y; --", "Đèn"])
def test_odd_names_of_databases_are_data(influxdb1: InfluxDB1, name: str) -> None:
    from urllib.parse import quote

    url = f"influx1://127.0.0.1:{influxdb1.port}/{quote(name, safe='')}"
    did(url, YEAR)
    assert set(did(url, YEAR).values()) == {Did.KEPT}
    assert [name] in rows(influxdb1, "SHOW DATABASES")


def test_what_is_beyond_the_retention_is_refused_and_the_rest_stored(influxdb1: InfluxDB1) -> None:
    url = f"influx1://127.0.0.1:{influxdb1.port}/{unique()}"
    set_up(url, Retention(raw_days=30))
    store = open_store(url)
    scans = [
        Scan("streetlight", "p", "g", "sl-1", NOW - days * DAY_MS, {"power_active": float(days)})
        for days in range(60)
    ]
    rejected = store.write(scans)
    assert all("retention policy" in each.reason for each in rejected)
    assert {each.scan.time_ms for each in rejected} == {
        s.time_ms for s in scans if s.time_ms < NOW - 30 * DAY_MS
    } | ({NOW - 30 * DAY_MS})
    assert store.count(0, 10**13) == 60 - len(rejected)
    store.close()


def test_sqlite_refuses_alike(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    assert did(url, Retention(raw_days=30)) == {
        f"file {tmp_path}/store.db": Did.MADE,
        "retention": Did.CHANGED,
    }
    assert set(did(url, Retention(raw_days=30)).values()) == {Did.KEPT}
    store = SqliteStore(tmp_path / "store.db")
    assert store.retention() == Retention(30, None)
    old, new = (Scan("streetlight", "p", "g", "sl-1", NOW - d * DAY_MS, {"a": 1.0}) for d in (60, 1))
    [rejected] = store.write([old, new])
    assert rejected.scan is old
    assert "retention policy" in rejected.reason
    assert store.count(0, 10**13) == 1
    store.close()


def test_influxdb_2_has_buckets_and_mappings_afterwards(front2: Front2, token: Path) -> None:
    name = unique()
    url = f"influx2+{front2.url}/?bucket={name}&org=kega&token_file={token}"
    assert set(did(url, YEAR).values()) == {Did.MADE}
    assert set(did(url, YEAR).values()) == {Did.KEPT}
    assert front2.buckets[name]["retentionRules"] == [{"type": "expire", "everySeconds": 400 * 86_400}]
    assert {each["database"] for each in front2.mappings} == {name, f"{name}_rollups"}
    changed = did(url, Retention(raw_days=30))
    assert (changed[f"bucket {name}"], changed[f"bucket {name}_rollups"]) == (Did.CHANGED, Did.CHANGED)
    assert front2.buckets[f"{name}_rollups"]["retentionRules"] == []


def test_influxdb_2_needs_the_organization(front2: Front2, token: Path) -> None:
    for org in ("", "&org=nobody"):
        with pytest.raises(SettingsError, match="organization"):
            set_up(f"influx2+{front2.url}/?bucket=kega{org}&token_file={token}", YEAR)


def test_influxdb_3_has_databases_afterwards(front3: Front3, token: Path) -> None:
    name = unique()
    url = f"influx2+{front3.url}/?bucket={name}&token_file={token}"
    assert set(did(url, YEAR).values()) == {Did.MADE}
    assert front3.databases == {name: "400d", f"{name}_rollups": "3650d"}
    assert set(did(url, YEAR).values()) == {Did.LEFT}
    assert set(did(url, Retention()).values()) == {Did.KEPT}


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_that_was_made_so_is_written_read_and_rolled_up(
    front2: Front2, front3: Front3, token: Path, version: int
) -> None:
    front = front2 if version == 2 else front3
    url = f"influx2+{front.url}/?bucket={unique()}&org=kega&token_file={token}"
    set_up(url, YEAR)
    store = open_store(url)
    begin = NOW // HOUR_MS * HOUR_MS - 5 * HOUR_MS
    scans = [
        Scan(
            "streetlight",
            "p",
            "g",
            "sl-1",
            begin + n * 600_000,
            {"power_active": n / 2, "lamp_on": n % 2 == 0},
        )
        for n in range(12)
    ] + [Scan("streetlight", "p", "g", "sl-2", begin, {"energy_total": 5})]
    assert list(store.write(scans)) == []
    assert store.latest()["sl-1"]["power_active"] == Sample(begin + 11 * 600_000, 5.5)
    assert store.latest(["sl-2"]) == {"sl-2": {"energy_total": Sample(begin, 5)}}
    rollups = rollups_of(store)
    assert rollups is not None
    assert rollups.roll_up(Tier.HOUR, begin, begin + 2 * HOUR_MS) == 2
    [(_, first), _] = rollups.summaries("sl-1", "lamp_on", Tier.HOUR, begin, begin + 2 * HOUR_MS)
    assert (first.values, first.total) == (6, 3.0)
    hours = store.series(
        "sl-1", "power_active", begin, begin + 2 * HOUR_MS, every_ms=HOUR_MS, aggregate=Aggregate.MAX
    )
    assert [each.value for each in hours] == [2.5, 5.5]
    store.close()


def test_victoriametrics_says_what_a_person_must_do(victoria_metrics: VictoriaMetrics) -> None:
    ready = set_up(f"influx2+{victoria_metrics.url}/?bucket=kega", YEAR)
    assert ready.server == "VictoriaMetrics"
    assert {step.did for step in ready.steps} == {Did.LEFT}
    assert "-retentionPeriod=400d" in ready.steps[0].detail


def test_servers_are_told_apart(
    influxdb1: InfluxDB1, front2: Front2, front3: Front3, victoria_metrics: VictoriaMetrics
) -> None:
    login = {"Authorization": "Token secret"}
    found = [
        identify(HttpServer(url, headers)).kind
        for url, headers in (
            (influxdb1.url, {}),
            (front2.url, login),
            (front3.url, login),
            (victoria_metrics.url, {}),
        )
    ]
    assert found == [Kind.INFLUX1, Kind.INFLUX2, Kind.INFLUX3, Kind.VICTORIA]


def test_a_server_that_refuses_is_told_and_no_token_shown(front2: Front2, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("hunter2")
    with pytest.raises(StoreUnavailable, match="refuses the login") as raised:
        set_up(f"influx2+{front2.url}/?bucket=kega&org=kega&token_file={tmp_path}/wrong", YEAR)
    assert "hunter2" not in str(raised.value)


def test_something_else_is_told(mosquitto: Mosquitto) -> None:
    with pytest.raises(StoreUnavailable):
        set_up(f"influx1://127.0.0.1:{mosquitto.port}/kega", YEAR)
