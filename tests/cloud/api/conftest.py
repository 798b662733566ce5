"""The API over a real registry and store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.api.house import House


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
