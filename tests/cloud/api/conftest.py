"""The API over a real registry and store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.registry.database import open_registry
from tests.cloud.api.house import House


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry file to copy: its schema takes longer to make than most tests to run."""
    file = tmp_path_factory.mktemp("registry") / "registry.db"
    open_registry(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def bare(tmp_path: Path, empty_registry: Path) -> Iterator[House]:
    """An API that knows no device."""
    house = House(tmp_path, empty_registry)
    yield house
    house.close()


@pytest.fixture
def house(bare: House) -> House:
    """An API with a lamp and a meter."""
    bare.furnish()
    return bare
