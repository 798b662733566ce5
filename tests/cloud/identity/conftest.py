"""A registry for accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.registry.database import SqlRegistry, open_registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    opened = open_registry(f"sqlite:///{tmp_path}/registry.db")
    yield opened
    opened.close()
