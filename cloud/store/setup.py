"""Making what a store needs: databases, buckets, mappings and retention. Safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import orjson

from cloud.errors import SettingsError
from cloud.store.http import Answer, HttpServer
from cloud.store.influx_rollups import DATABASE_SUFFIX
from cloud.store.influxql import quote_name
from cloud.store.port import StoreUnavailable
from cloud.store.retention import Retention
from cloud.store.rollups import DAY_MS
from cloud.store.servers import Kind, identify

JSON: Final = "application/json"
_RAW_SHARD: Final = "1d"
_ROLLUP_SHARD: Final = "28d"
_DAY_S: Final = DAY_MS // 1000


class Did(StrEnum):
    """What became of a thing."""

    MADE = "made"
    CHANGED = "changed"
    KEPT = "kept"
    """It was as wanted."""
    LEFT = "left"
    """It is not as wanted, and only a person can change it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the store needs."""

    what: str
    did: Did
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """A store that is ready, and what was done for it."""

    server: str
    steps: tuple[Step, ...]


def set_up(url: str, retention: Retention) -> Ready:
    """Make the store of `url` ready, and keep things in it as long as `retention` says.

    Raises:
        SettingsError: the URL is wrong, or the login may not do it.
        StoreUnavailable: the server does not answer, or refuses a step.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _set_up_sqlite(Path(url.removeprefix("sqlite:///")), retention)
    if parts.scheme.startswith("influx1"):
        from cloud.store.influx1 import database_of, server_of

        name, org = database_of(parts), ""
        server = server_of(parts, parts.port or 8086)
    else:
        from cloud.store.influx2 import address_of

        address = address_of(parts)
        name, org = address.bucket, address.org
        headers = {"Authorization": f"Token {address.token}"} if address.token else {}
        server = HttpServer(address.url, headers)
    try:
        found = identify(server)
        steps = _STEPS[found.kind](server, name, org, retention)
    finally:
        server.close()
    return Ready(f"{found.kind.value} {found.version}".strip(), tuple(steps))


def _set_up_sqlite(file: Path, retention: Retention) -> Ready:
    from cloud.store.sqlite import SqliteStore

    existed = file.exists()
    store = SqliteStore(file)
    try:
        before = store.retention()
        if before != retention:
            store.set_retention(retention)
    finally:
        store.close()
    changed = Did.KEPT if before == retention else Did.CHANGED
    return Ready(
        "SQLite",
        (
            Step(f"file {file}", Did.KEPT if existed else Did.MADE),
            Step(
                "retention",
                changed,
                f"values {_told(retention.raw_days)}, roll-ups {_told(retention.rollup_days)}",
            ),
        ),
    )


def _databases(name: str, retention: Retention) -> list[tuple[str, int | None, str]]:
    return [
        (name, retention.raw_days, _RAW_SHARD),
        (name + DATABASE_SUFFIX, retention.rollup_days, _ROLLUP_SHARD),
    ]


def _set_up_influx1(server: HttpServer, name: str, _org: str, retention: Retention) -> list[Step]:
    known = {row[0] for row in _rows(server, "SHOW DATABASES")}
    steps: list[Step] = []
    for database, days, shard in _databases(name, retention):
        quoted = quote_name(database)
        if database not in known:
            _rows(server, f"CREATE DATABASE {quoted}")
        steps.append(Step(f"database {database}", Did.KEPT if database in known else Did.MADE))
        policies = _rows(server, f"SHOW RETENTION POLICIES ON {quoted}")
        policy = next((dict(zip(_POLICY, row, strict=False)) for row in policies if row[4]), None)
        if policy is None:
            raise StoreUnavailable(f"database {database!r} has no default retention policy: make one")
        wanted = "0s" if days is None else f"{days * 24}h0m0s"
        detail = f"{policy['name']}: {_told(days)}"
        if policy["duration"] == wanted:
            steps.append(Step(f"retention of {database}", Did.KEPT, detail))
            continue
        duration = "INF" if days is None else f"{days}d"
        shards = f" SHARD DURATION {shard}" if days is None or days >= 2 * int(shard[:-1]) else ""
        change = f"ALTER RETENTION POLICY {quote_name(str(policy['name']))} ON {quoted}"
        _rows(server, f"{change} DURATION {duration}{shards}")
        steps.append(Step(f"retention of {database}", Did.CHANGED, detail))
    return steps


_POLICY: Final = ("name", "duration", "shardGroupDuration", "replicaN", "default")


def _rows(server: HttpServer, statement: str) -> list[list[Any]]:
    answer = server.post("/query", {"q": statement}, b"")
    told = answer.json() if answer.body else {}
    results = told.get("results", []) if isinstance(told, dict) else []
    failure = "" if answer.status == 200 else answer.error
    failure = failure or next((each["error"] for each in results if "error" in each), "")
    if failure:
        raise _refused(server, statement, failure)
    return [row for result in results for each in result.get("series", ()) for row in each.get("values", ())]


def _set_up_influx2(server: HttpServer, name: str, org: str, retention: Retention) -> list[Step]:
    if not org:
        raise SettingsError("store: InfluxDB 2.x needs the organization: add org=… to the store's URL")
    orgs = _get(server, "/api/v2/orgs", {"org": org}, "orgs")
    if not orgs:
        raise SettingsError(
            f"store: organization {org!r} is unknown on {server.url}, or the token may not see it"
        )
    org_id = str(orgs[0]["id"])
    steps: list[Step] = []
    for bucket, days, _ in _databases(name, retention):
        rules = [] if days is None else [{"type": "expire", "everySeconds": days * _DAY_S}]
        found = _get(server, "/api/v2/buckets", {"name": bucket, "orgID": org_id}, "buckets")
        if not found:
            made = _send(
                server, "POST", "/api/v2/buckets", {"orgID": org_id, "name": bucket, "retentionRules": rules}
            )
            bucket_id = str(made["id"])
            steps.append(Step(f"bucket {bucket}", Did.MADE, _told(days)))
        else:
            bucket_id = str(found[0]["id"])
            kept = [each.get("everySeconds", 0) for each in found[0].get("retentionRules", [])]
            if [each for each in kept if each] == [each["everySeconds"] for each in rules]:
                steps.append(Step(f"bucket {bucket}", Did.KEPT, _told(days)))
            else:
                _send(server, "PATCH", f"/api/v2/buckets/{quote(bucket_id)}", {"retentionRules": rules})
                steps.append(Step(f"bucket {bucket}", Did.CHANGED, _told(days)))
        steps.append(_map_bucket(server, bucket, bucket_id, org_id))
    return steps


def _map_bucket(server: HttpServer, bucket: str, bucket_id: str, org_id: str) -> Step:
    """InfluxQL reads a bucket by a database of this name."""
    what = f"mapping of database {bucket}"
    known = _get(server, "/api/v2/dbrps", {"orgID": org_id, "db": bucket}, "content")
    for each in known:
        if each.get("bucketID") == bucket_id and each.get("default"):
            return Step(what, Did.KEPT, "virtual" if each.get("virtual") else "")
    body = {
        "orgID": org_id,
        "bucketID": bucket_id,
        "database": bucket,
        "retention_policy": "autogen",
        "default": True,
    }
    _send(server, "POST", "/api/v2/dbrps", body)
    return Step(what, Did.MADE)


def _set_up_influx3(server: HttpServer, name: str, _org: str, retention: Retention) -> list[Step]:
    listed = server.get("/api/v3/configure/database", {"format": "json"})
    if listed.status != 200:
        raise _refused(server, "list the databases", listed.error)
    known = {str(each.get("iox::database", "")) for each in listed.json()}
    steps: list[Step] = []
    for database, days, _ in _databases(name, retention):
        if database in known:
            detail = f"{_told(days)} wanted; version 3 Core sets a retention only when a database is made"
            steps.append(Step(f"database {database}", Did.LEFT if days is not None else Did.KEPT, detail))
            continue
        body: dict[str, Any] = {"db": database}
        if days is not None:
            body["retention_period"] = f"{days}d"
        _send(server, "POST", "/api/v3/configure/database", body)
        steps.append(Step(f"database {database}", Did.MADE, _told(days)))
    return steps


def _set_up_victoria(_server: HttpServer, _name: str, _org: str, retention: Retention) -> list[Step]:
    days = retention.raw_days
    flag = "-retentionPeriod=100y" if days is None else f"-retentionPeriod={days}d"
    return [
        Step("retention", Did.LEFT, f"start the server with {flag}: it is a flag of its own"),
        Step("roll-ups", Did.LEFT, "not kept: the server reads long ranges of its values itself"),
    ]


_STEPS: Final = {
    Kind.INFLUX1: _set_up_influx1,
    Kind.INFLUX2: _set_up_influx2,
    Kind.INFLUX3: _set_up_influx3,
    Kind.VICTORIA: _set_up_victoria,
}


def _get(server: HttpServer, path: str, parameters: dict[str, str], key: str) -> list[dict[str, Any]]:
    answer = server.get(path, parameters)
    if answer.status == 404:
        return []
    if answer.status != 200:
        raise _refused(server, f"GET {path}", answer.error)
    found: list[dict[str, Any]] = answer.json().get(key) or []
    return found


def _send(server: HttpServer, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    text = orjson.dumps(body)
    answer: Answer
    if method == "POST":
        answer = server.post(path, {}, text, content_type=JSON)
    else:
        answer = server.patch(path, text, content_type=JSON)
    if answer.status not in (200, 201, 204):
        raise _refused(server, f"{method} {path}", answer.error)
    told: dict[str, Any] = answer.json() if answer.body.startswith(b"{") else {}
    return told


def _refused(server: HttpServer, what: str, why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"store {server.url} refuses {what[:120]!r}: {why}. Does the login have the right?"
    )


def _told(days: int | None) -> str:
    return "kept for ever" if days is None else f"kept {days} days"
