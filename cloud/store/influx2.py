"""Stores written by influxdb-client through `/api/v2/write`: InfluxDB 2.x and 3, and VictoriaMetrics.

What serves is found out when it first answers: InfluxDB is read by InfluxQL, VictoriaMetrics by its own API.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import SplitResult, parse_qs

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from cloud.errors import SettingsError
from cloud.settings import read_secret
from cloud.store.checks import split
from cloud.store.http import HttpServer
from cloud.store.influx_rollups import DATABASE_SUFFIX, InfluxRollups
from cloud.store.influxql import InfluxQL
from cloud.store.influxql_reader import InfluxQLReader
from cloud.store.line_protocol import LineEncoder
from cloud.store.port import Aggregate, Rejected, Row, Sample, Scan, StoreUnavailable
from cloud.store.refusals import Refusal, refusal_of, write_all
from cloud.store.servers import Found, Kind, identify
from cloud.store.victoria import VictoriaReader

LINES_A_REQUEST: Final = 5000
_TIMEOUT_MS: Final = 60_000

_log = logging.getLogger(__name__)


class Reader(Protocol):
    """The reading half of a store."""

    def latest(self, devices: Sequence[str] | None) -> dict[str, dict[str, Sample]]: ...
    def series(
        self,
        device: str,
        name: str,
        start_ms: int,
        end_ms: int,
        *,
        every_ms: int | None,
        aggregate: Aggregate,
        limit: int,
    ) -> list[Sample]: ...
    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None) -> int: ...


@dataclass(frozen=True, slots=True)
class _Dialect:
    found: Found
    encoder: LineEncoder
    reader: Reader
    rollups: InfluxRollups | None


class Influx2Store:
    """`cloud.store.port.Store` on a server with `/api/v2/write`.

    On VictoriaMetrics every value is a float, texts are left out (it would store them as 0), and what was
    written in its last seconds before a kill -9 may be lost: it keeps those in memory.
    """

    def __init__(self, url: str, bucket: str, org: str, token: str) -> None:
        self._url = url
        self._bucket = bucket
        self._client = InfluxDBClient(url=url, token=token, org=org, timeout=_TIMEOUT_MS)
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._server = HttpServer(url, {"Authorization": f"Token {token}"} if token else {})
        self._found: _Dialect | None = None
        self._finding = threading.Lock()
        self._told_of_texts = False

    @property
    def rollups(self) -> InfluxRollups | None:
        """Roll-ups on InfluxDB; None on VictoriaMetrics. Raises StoreUnavailable while nothing answers."""
        return self._dialect().rollups

    def write(self, scans: Sequence[Scan | Row]) -> Sequence[Rejected]:
        """Store `scans`; see the port."""
        encoder = self._dialect().encoder
        good, rejected = split(scans)
        lines = [(scan, line) for scan in good if (line := encoder.line(scan))]
        if encoder.texts_left_out and not self._told_of_texts:
            self._told_of_texts = True
            _log.warning(
                "texts-not-stored", extra={"store": self._url, "cause": "VictoriaMetrics keeps numbers only"}
            )
        for first in range(0, len(lines), LINES_A_REQUEST):
            part = lines[first : first + LINES_A_REQUEST]
            refused = write_all(part, self._write, lambda item: item[0].time_ms)
            rejected += [Rejected(scan, reason) for (scan, _), reason in refused]
        return rejected

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, dict[str, Sample]]:
        """Newest sample of every field; see the port."""
        return self._dialect().reader.latest(devices)

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
        return self._dialect().reader.series(
            device, field, start_ms, end_ms, every_ms=every_ms, aggregate=aggregate, limit=limit
        )

    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """Number of stored values; see the port."""
        return self._dialect().reader.count(start_ms, end_ms, devices)

    def ping(self) -> None:
        """Return if the server answers; see the port."""
        answer = self._server.get("/ping", {})
        if answer.status not in (200, 204):
            raise StoreUnavailable(f"store {self._url} answers /ping with {answer.status}")

    def close(self) -> None:
        """Close all connections."""
        self._writer.close()  # type: ignore[no-untyped-call]
        self._client.close()  # type: ignore[no-untyped-call]
        self._server.close()

    def _dialect(self) -> _Dialect:
        with self._finding:
            if self._found is None:
                self._found = self._find_dialect()
                told = self._found.found
                _log.info(
                    "store-found", extra={"store": self._url, "kind": told.kind, "version": told.version}
                )
            return self._found

    def _find_dialect(self) -> _Dialect:
        found = identify(self._server)
        if found.kind is Kind.INFLUX1:
            raise StoreUnavailable(
                f"store {self._url} is InfluxDB {found.version}, which has no /api/v2/write: "
                "name it as influx1://host:8086/…"
            )
        if found.kind is Kind.VICTORIA:
            encoder = LineEncoder(class_tag=True, texts=False)
            return _Dialect(found, encoder, VictoriaReader(self._server), None)
        several = found.kind is Kind.INFLUX2
        raw = InfluxQL(self._server, self._bucket, several=several)
        rolled = InfluxQL(self._server, self._bucket + DATABASE_SUFFIX, several=several)
        rollups = InfluxRollups(raw, rolled, self._write_rollups)
        return _Dialect(found, LineEncoder(), InfluxQLReader(raw), rollups)

    def _write(self, lines: Sequence[tuple[Scan | Row, bytes]]) -> Refusal:
        return self._post(self._bucket, b"\n".join(line for _, line in lines))

    def _write_rollups(self, body: bytes) -> None:
        bucket = self._bucket + DATABASE_SUFFIX
        refusal = self._post(bucket, body)
        if refusal.reason and "retention" not in refusal.reason:
            raise StoreUnavailable(
                f"store {self._url}, bucket {bucket!r}, refuses roll-ups: {refusal.reason}"
            )

    def _post(self, bucket: str, body: bytes) -> Refusal:
        try:
            self._writer.write(bucket=bucket, record=body, write_precision=WritePrecision.MS)  # type: ignore[arg-type]
        except ApiException as error:
            if error.status in (400, 413, 422):
                told = error.body or error.message or error.reason or ""
                return refusal_of(told if isinstance(told, bytes) else str(told).encode())
            raise StoreUnavailable(
                f"store {self._url}, bucket {bucket!r}, answers {error.status}: "
                f"{error.message or error.reason}. Is it made? See `kega cloud init-store`"
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreUnavailable(f"store {self._url} cannot be reached: {error}") from error
        return Refusal()


@dataclass(frozen=True, slots=True)
class Address:
    """What an `influx2+http` URL names."""

    url: str
    bucket: str
    org: str
    token: str


def address_of(parts: SplitResult) -> Address:
    """The parts of the URL, with the token read from its file.

    Raises:
        SettingsError: the URL names no host or bucket, or its token file cannot be read.
    """
    told = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    unknown = told.keys() - {"bucket", "org", "token_file"}
    if not parts.hostname or "bucket" not in told or unknown or parts.username:
        raise SettingsError(
            "store: the influx2 URL needs a host and a bucket, and knows org and token_file beside: "
            "influx2+http://host:8086/?bucket=kega&org=kega&token_file=/etc/kega/influx-token"
        )
    scheme = parts.scheme.removeprefix("influx2+")
    token = read_secret(Path(told["token_file"])) if "token_file" in told else ""
    url = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return Address(url, told["bucket"], told.get("org", ""), token)


def open_influx2(parts: SplitResult) -> Influx2Store:
    """The store that an `influx2+http` URL names. Raises SettingsError."""
    address = address_of(parts)
    return Influx2Store(address.url, address.bucket, address.org, address.token)
