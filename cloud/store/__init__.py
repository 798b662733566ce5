"""Time-series stores: the port, its implementations, and the one that a URL names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from cloud.errors import SettingsError
from cloud.store.port import Store


def open_store(url: str) -> Store:
    """The store that `url` names; it need not answer yet.

    * `sqlite:///relative/path.db`, `sqlite:////absolute/path.db`
    * `influx1://user:password@host:8086/database` (`influx1+https://…` with TLS): InfluxDB 1.x
    * `influx2+http://host:8086/?bucket=…&org=…&token_file=…` (`influx2+https://…`): InfluxDB 2.x and 3 by
      influxdb-client, and VictoriaMetrics, which needs no token

    Raises:
        SettingsError: the URL is wrong; the message shows how to write it, and never a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"store: the URL cannot be read: {error}") from None
    match parts.scheme:
        case "sqlite":
            return _open_sqlite(url)
        case "influx1" | "influx1+https":
            from cloud.store.influx1 import open_influx1

            return open_influx1(parts, port or 8086)
        case "influx2+http" | "influx2+https":
            from cloud.store.influx2 import open_influx2

            return open_influx2(parts)
    raise SettingsError(
        f"store: scheme {parts.scheme!r} is unknown: use sqlite:///path, influx1://host:8086/database or "
        "influx2+http://host:8086/?bucket=…"
    )


def _open_sqlite(url: str) -> Store:
    from cloud.store.sqlite import SqliteStore

    path = url.removeprefix("sqlite:///")
    if path == url or not path:
        raise SettingsError(
            "store: the sqlite URL names no file: write sqlite:///var/store.db, or sqlite:////srv/kega/store.db"
        )
    return SqliteStore(Path(path))
