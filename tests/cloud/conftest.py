"""What tests of several rooms of the cloud tier share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry file to copy: its schema takes longer to make than most tests to run."""
    from cloud.registry.database import open_registry  # the boards' environment has no SQLAlchemy

    file = tmp_path_factory.mktemp("registry") / "registry.db"
    open_registry(f"sqlite:///{file}").close()
    return file
