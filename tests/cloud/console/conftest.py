"""A province in memory, and people who are logged in to its API."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloud.console.client import Api
from tests.cloud.console.fake_api import Province, fake_api


@pytest.fixture
def province() -> Province:
    return Province()


@pytest.fixture
def log_in(province: Province) -> Callable[[str], Api]:
    """An API client of a person who is logged in."""
    app = fake_api(province)

    def client(name: str) -> Api:
        session = f"session-{len(province.sessions)}"
        province.sessions[session] = name
        return Api(app, session)

    return client
