"""Servers of the store tests beside the shared ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloud.store.v2_front import V2Front
from tests.servers import InfluxDB1


@pytest.fixture(scope="session")
def v2_front(influxdb1: InfluxDB1) -> Iterator[V2Front]:
    """`/api/v2/write` and `/query` as InfluxDB 2.x offers them; the token is `secret`."""
    front = V2Front(influxdb1.url)
    yield front
    front.close()
