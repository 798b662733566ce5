"""Servers that tests share: databases for the session, brokers for a module, for brokers retain messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from tests.servers import InfluxDB1, Mosquitto, Nats, PostgreSQL, VictoriaMetrics, running


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    """A running mosquitto; tests that kill it start their own with `running(Mosquitto)`."""
    with running(Mosquitto) as server:
        yield cast("Mosquitto", server)


@pytest.fixture(scope="module")
def nats() -> Iterator[Nats]:
    """A running nats-server with MQTT."""
    with running(Nats) as server:
        yield cast("Nats", server)


@pytest.fixture(scope="session")
def influxdb1() -> Iterator[InfluxDB1]:
    """A running InfluxDB 1.x; use a database of your own name in it."""
    with running(InfluxDB1) as server:
        yield cast("InfluxDB1", server)


@pytest.fixture(scope="session")
def victoria_metrics() -> Iterator[VictoriaMetrics]:
    """A running VictoriaMetrics; use measurement names of your own in it."""
    with running(VictoriaMetrics) as server:
        yield cast("VictoriaMetrics", server)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A running PostgreSQL; take a database with `new_database()`."""
    with running(PostgreSQL) as server:
        yield cast("PostgreSQL", server)
