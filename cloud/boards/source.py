"""Grafana's data source for the store, and the files by which Grafana provisions it and the boards.

Secrets never enter these files: Grafana reads them from its environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from cloud.boards.errors import NoInfluxDB

SOURCE_UID: Final = "kega-store"
FOLDER_UID: Final = "kega"
PASSWORD_VARIABLE: Final = "KEGA_STORE_PASSWORD"  # noqa: S105, the name of a variable
TOKEN_VARIABLE: Final = "KEGA_STORE_TOKEN"  # noqa: S105


@dataclass(frozen=True, slots=True)
class DataSource:
    """An InfluxDB that answers InfluxQL, as Grafana must know it."""

    url: str
    database: str
    user: str = ""
    secret_variable: str = ""
    """Environment variable of Grafana that holds password or token; empty where none is needed."""

    @property
    def uses_token(self) -> bool:
        """Whether the secret is a token in a header rather than a password."""
        return self.secret_variable == TOKEN_VARIABLE

    def settings(self, secret: str | None = None) -> dict[str, Any]:
        """The data source as file and API take it; without `secret` it names the variable that holds it."""
        data: dict[str, Any] = {"dbName": self.database, "httpMode": "POST"}
        source: dict[str, Any] = {
            "name": "kega",
            "uid": SOURCE_UID,
            "type": "influxdb",
            "access": "proxy",
            "url": self.url,
            "isDefault": True,
            "jsonData": data,
        }
        if self.user:
            source["user"] = self.user
        if self.secret_variable:
            text = f"${self.secret_variable}" if secret is None else secret
            if self.uses_token:
                data["httpHeaderName1"] = "Authorization"
                source["secureJsonData"] = {"httpHeaderValue1": f"Token {text}"}
            else:
                source["secureJsonData"] = {"password": text}
        return source


def data_source(store_url: str) -> DataSource:
    """The data source for the `store` of the cloud's settings.

    Raises:
        NoInfluxDB: it is none that answers InfluxQL.
    """
    parts = urlsplit(store_url)
    kind, _, transport = parts.scheme.partition("+")
    if kind not in ("influx1", "influx2") or not parts.hostname:
        raise NoInfluxDB(
            f"boards read from InfluxDB, and the store {parts.scheme or store_url!r} is none: "
            "give --store-url influx1://host:8086/database or influx2+http://host:8086/?bucket=…"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{transport or 'http'}://{host}:{parts.port or 8086}"
    options = parse_qs(parts.query)
    if kind == "influx1":
        database = unquote(parts.path.strip("/")) or "kega"
        user = unquote(parts.username or "")
        return DataSource(url, database, user, PASSWORD_VARIABLE if user else "")
    bucket = options.get("bucket", [""])[0]
    if not bucket:
        raise NoInfluxDB(
            "the store's URL names no bucket: write influx2+http://host:8086/?bucket=kega&org=kega"
        )
    has_token = any(key in options for key in ("token", "token_file"))
    return DataSource(url, bucket, "", TOKEN_VARIABLE if has_token else "")


def source_file(source: DataSource) -> dict[str, Any]:
    """Content of `provisioning/datasources/kega.yaml`."""
    return {"apiVersion": 1, "datasources": [{**source.settings(), "orgId": 1, "editable": False}]}


def provider_file(boards_folder: str) -> dict[str, Any]:
    """Content of `provisioning/dashboards/kega.yaml`; `boards_folder` is where Grafana finds the boards."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "kega",
                "orgId": 1,
                "folder": "kega",
                "folderUid": FOLDER_UID,
                "type": "file",
                "disableDeletion": False,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 30,
                "options": {"path": boards_folder, "foldersFromFilesStructure": False},
            }
        ],
    }
