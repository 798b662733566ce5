"""InfluxDB 1.x: written by `/write`, read by InfluxQL."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote

from cloud.errors import SettingsError
from cloud.settings import read_secret
from cloud.store.checks import split
from cloud.store.http import HttpServer
from cloud.store.influx_rollups import DATABASE_SUFFIX, InfluxRollups
from cloud.store.influxql import InfluxQL, quote_name
from cloud.store.influxql_reader import InfluxQLReader
from cloud.store.line_protocol import LineEncoder
from cloud.store.port import Aggregate, Rejected, Row, Sample, Scan, StoreUnavailable
from cloud.store.refusals import Refusal, refusal_of, write_all

LINES_A_REQUEST: Final = 5000
PRECISION: Final = "ms"
"""Spelt alike by all versions. Microseconds are not: 1.x wants `u`, and takes `us` for nanoseconds."""


class Influx1Store:
    """`cloud.store.port.Store` on an InfluxDB 1.x server; makes the database where it is missing.

    A write has reached the server's WAL when it returns. A value that is written again with another quality
    at the same time counts as bad: lines cannot take fields away.
    """

    def __init__(self, server: HttpServer, database: str) -> None:
        self._server = server
        self._database = database
        self._encoder = LineEncoder()
        raw = InfluxQL(server, database)
        self._reader = InfluxQLReader(raw)
        self.rollups = InfluxRollups(raw, InfluxQL(server, database + DATABASE_SUFFIX), self._write_rollups)

    def write(self, scans: Sequence[Scan | Row]) -> Sequence[Rejected]:
        """Store `scans`; see the port."""
        good, rejected = split(scans)
        lines = [(scan, self._encoder.line(scan)) for scan in good]
        for first in range(0, len(lines), LINES_A_REQUEST):
            part = lines[first : first + LINES_A_REQUEST]
            refused = write_all(part, self._write, lambda item: item[0].time_ms)
            rejected += [Rejected(scan, reason) for (scan, _), reason in refused]
        return rejected

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, dict[str, Sample]]:
        """Newest sample of every field; see the port."""
        return self._reader.latest(devices)

    def series(
        self,
        device: str,
        field: str,
        start_ms: int,
        end_ms: int,
        *,
        every_ms: int | None = None,
        aggregate: Aggregate = Aggregate.MEAN,
        limit: int = 100_000,
    ) -> list[Sample]:
        """Samples of one field in a time range; see the port."""
        return self._reader.series(
            device, field, start_ms, end_ms, every_ms=every_ms, aggregate=aggregate, limit=limit
        )

    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """Number of stored values; see the port."""
        return self._reader.count(start_ms, end_ms, devices)

    def ping(self) -> None:
        """Return if the server answers; see the port."""
        answer = self._server.get("/ping", {})
        if answer.status != 204:
            raise StoreUnavailable(f"store {self._server.url} answers /ping with {answer.status}")

    def close(self) -> None:
        """Close all connections."""
        self._server.close()

    def _write(self, lines: Sequence[tuple[Scan | Row, bytes]]) -> Refusal:
        return self._post(self._database, b"\n".join(line for _, line in lines))

    def _write_rollups(self, body: bytes) -> None:
        refusal = self._post(self._database + DATABASE_SUFFIX, body)
        if refusal.reason and "retention" not in refusal.reason:
            raise StoreUnavailable(f"store {self._server.url} refuses roll-ups: {refusal.reason}")

    def _post(self, database: str, body: bytes) -> Refusal:
        parameters = {"db": database, "precision": PRECISION}
        answer = self._server.post("/write", parameters, body)
        if answer.status == 404 and "database not found" in answer.error:
            self._create_database(database)
            answer = self._server.post("/write", parameters, body)
        if answer.status == 204:
            return Refusal()
        if answer.status in (400, 413):
            return refusal_of(answer.body)
        raise StoreUnavailable(f"store {self._server.url} answers {answer.status}: {answer.error}")

    def _create_database(self, database: str) -> None:
        statement = f"CREATE DATABASE {quote_name(database)}"
        answer = self._server.post("/query", {"q": statement}, b"")
        if answer.status != 200 or "error" in answer.json().get("results", [{}])[0]:
            raise StoreUnavailable(
                f"database {database!r} is missing on {self._server.url} and cannot be made: "
                f"{answer.error}. "
                "Make it with `kega cloud init-store`, or use an administrator's login once"
            )


def open_influx1(parts: SplitResult, port: int) -> Influx1Store:
    """The store that an `influx1` URL names.

    Raises:
        SettingsError: the URL names no host or database, or its password file cannot be read.
    """
    database = database_of(parts)
    return Influx1Store(server_of(parts, port), database)


def database_of(parts: SplitResult) -> str:
    """The database of an `influx1` URL. Raises SettingsError."""
    database = unquote(parts.path.strip("/"))
    if not parts.hostname or not database or "/" in database:
        raise SettingsError("store: the influx1 URL needs a host and one database: influx1://host:8086/kega")
    return database


def server_of(parts: SplitResult, port: int) -> HttpServer:
    """The server of an `influx1` URL, with its login. Raises SettingsError."""
    scheme = "https" if parts.scheme.endswith("https") else "http"
    hostname = parts.hostname or ""
    host = f"[{hostname}]" if ":" in hostname else hostname
    headers: dict[str, str] = {}
    if parts.username:
        login = f"{unquote(parts.username)}:{_password(parts)}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    return HttpServer(f"{scheme}://{host}:{port}", headers)


def _password(parts: SplitResult) -> str:
    files = parse_qs(parts.query).get("password_file")
    return read_secret(Path(files[0])) if files else unquote(parts.password or "")
