"""Fixtures of the simulators' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.inputs import make_world
from simulators.province import Province
from simulators.settings import SimSettings
from simulators.world.world import World
from tests.simulators.support import SetClock, device, lighting, serving, settings


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def world_settings() -> SimSettings:
    stations = [
        device(
            f"aq-{number:06d}",
            "air_station",
            {"profile": "xy_md02", "line": "tcp", "unit_id": 1 + number},
            air_station=number,
        )
        for number in range(12)
    ]
    return settings(Path("/nowhere"), [{"id": "tcp", "kind": "modbus-tcp", "port": 0}], stations)


@pytest.fixture(scope="session")
def world(world_settings: SimSettings) -> World:
    return make_world(world_settings)


@pytest.fixture
def lamps(tmp_path: Path, clock: SetClock) -> Iterator[Province]:
    with serving(lighting(tmp_path), clock) as province:
        yield province
