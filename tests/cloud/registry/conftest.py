"""The registry on both databases: every test of the contract runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.tables import METADATA
from tests.servers import PostgreSQL


class SetClock:
    """A clock that stands where the test sets it."""

    def __init__(self, now_ms: int = 1_000_000) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def postgresql_url(postgresql: PostgreSQL) -> str:
    """One migrated database, emptied before each test: creating one takes too long."""
    url = postgresql.new_database()
    open_registry(url).close()
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite registry of the newest schema, to be copied."""
    file = tmp_path_factory.mktemp("registry") / "registry.db"
    open_registry(f"sqlite:///{file}").close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> str:
    if request.param == "sqlite":
        shutil.copy(migrated_file, tmp_path / "registry.db")
        return f"sqlite:///{tmp_path}/registry.db"
    postgresql_url: str = request.getfixturevalue("postgresql_url")
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        tables = ", ".join(f'"{name}"' for name in METADATA.tables)
        connection.exec_driver_sql(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
    engine.dispose()
    return postgresql_url


@pytest.fixture
def registry(url: str, clock: SetClock) -> Iterator[SqlRegistry]:
    opened = open_registry(url, clock)
    yield opened
    opened.close()
