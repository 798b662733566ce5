"""A registry for accounts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.registry.database import SqlRegistry, open_registry


@pytest.fixture
def registry(tmp_path: Path, empty_registry: Path) -> Iterator[SqlRegistry]:
    shutil.copy(empty_registry, tmp_path / "registry.db")
    opened = open_registry(f"sqlite:///{tmp_path}/registry.db")
    yield opened
    opened.close()
