"""Opening, migrating, and what happens when the database is not there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from cloud.errors import RegistryUnavailable, SettingsError
from cloud.registry import schema
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.tables import METADATA
from tests.servers import PostgreSQL, running


def test_migrations_end_where_the_tables_are(registry: SqlRegistry, url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        assert schema.current(connection) == schema.HEAD
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_head_is_the_newest_file() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_sqlite_is_durable_and_takes_many_readers(tmp_path: Path) -> None:
    registry = open_registry(f"sqlite:///{tmp_path}/r.db")
    with registry._reading() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    registry.close()
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_a_fresh_database_opened_by_many_at_once(tmp_path: Path, postgresql: PostgreSQL) -> None:
    for url in (f"sqlite:///{tmp_path}/fresh.db", postgresql.new_database()):
        failures: list[Exception] = []

        def open_it(url: str = url, failures: list[Exception] = failures) -> None:
            try:
                open_registry(url).close()
            except Exception as failure:
                failures.append(failure)

        threads = [threading.Thread(target=open_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []


def test_a_database_of_a_newer_kega_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/r.db"
    open_registry(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SettingsError, match="9999"):
        open_registry(url)


@pytest.mark.parametrize("url", ["mysql://localhost/kega", "nonsense", ""])
def test_an_unknown_database_is_a_fault_of_the_settings(url: str) -> None:
    with pytest.raises(SettingsError, match="registry"):
        open_registry(url)


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match=r"missing/r\.db"):
        open_registry(f"sqlite:///{tmp_path}/missing/r.db")


def test_calls_fail_while_postgresql_is_away_and_work_when_it_is_back() -> None:
    with running(PostgreSQL) as server:
        postgresql = cast("PostgreSQL", server)
        registry = open_registry(postgresql.new_database())
        registry.gateway_born("eg-1", "p060", time_ms=1, software="")
        postgresql.kill()
        for _ in range(2):
            with pytest.raises(RegistryUnavailable):
                registry.gateways_seen({"eg-1": 2})
        postgresql.start()
        registry.gateways_seen({"eg-1": 3})
        assert registry.gateways()[0].last_seen_ms == 3
        registry.close()


def test_a_password_is_never_shown() -> None:
    with pytest.raises(RegistryUnavailable) as failure:
        open_registry("postgresql+psycopg://kega:geheim@127.0.0.1:1/kega")
    assert "geheim" not in str(failure.value)
