"""Connections and transactions of the registry, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cloud.errors import Refused, RegistryUnavailable, SettingsError
from cloud.registry.tables import AUDIT
from telemetry.clock import Clock
from telemetry.sqlite import switch_to_wal

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a writer of SQLite waits for another."""
POOL_TIMEOUT_S: Final = 10
_WRITES: Final = "kega_writes"
_POSTGRESQL_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "kega",
    "options": "-c statement_timeout=15000 -c lock_timeout=10000",
}


def make_engine(url: str) -> Engine:
    """The engine for `url`; connects when it is first used.

    Raises:
        SettingsError: the URL is of no database that the registry knows.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(
            f"registry: {url!r} is no database URL; use sqlite:///… or postgresql+psycopg://…"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        engine = create_engine(parsed, pool_timeout=POOL_TIMEOUT_S)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
            connect_args=_POSTGRESQL_OPTIONS,
        )
    raise SettingsError(f"registry: {backend} is not supported; use sqlite:///… or postgresql+psycopg://…")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # None switches off the driver's own BEGIN, which comes too late for a transaction that reads first.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    switch_to_wal(connection, within_s=BUSY_TIMEOUT_MS / 1000)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Transactions:
    """What the parts of the registry share: an engine, one transaction a call, and the audit trail."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})
        self._clock = clock

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._translated(), self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise self._unavailable(error) from error
        except DataError as error:
            raise Refused(f"the registry's database cannot keep this: {error.orig}") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise self._unavailable(error) from error
            raise

    def _unavailable(self, error: Exception) -> RegistryUnavailable:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()
        return RegistryUnavailable(
            f"registry {self._engine.url.render_as_string(hide_password=True)} does not answer: "
            f"{cause[0] if cause else type(error).__name__}. Check the database; the call may be repeated."
        )

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that may say ON CONFLICT, which both dialects spell alike."""
        return postgresql.insert(table) if self._engine.dialect.name == "postgresql" else sqlite.insert(table)

    def _note(self, connection: Connection, who: str, what: str, subject: str, detail: str) -> None:
        """An audit row in the transaction of the decision itself."""
        row = {
            "time_ms": self._clock.now_ms(),
            "who": who,
            "what": what,
            "subject": subject,
            "detail": detail,
        }
        connection.execute(AUDIT.insert(), row)
