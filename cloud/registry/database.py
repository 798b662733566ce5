"""The registry on SQLite or PostgreSQL: opened, brought to the newest schema, and closed."""

from __future__ import annotations

from sqlalchemy import select

from cloud.registry.accounts import Accounts
from cloud.registry.alarms import Alarms
from cloud.registry.commands import Commands
from cloud.registry.configurations import Configurations
from cloud.registry.dead_letters import DeadLetters
from cloud.registry.devices import GatewaysAndDevices
from cloud.registry.map import DeviceMap
from cloud.registry.rollups import RollupRecords
from cloud.registry.schema import migrate
from cloud.registry.tables import USERS
from cloud.registry.transactions import make_engine
from telemetry.clock import Clock, SystemClock


class SqlRegistry(
    GatewaysAndDevices, DeviceMap, Commands, Configurations, Alarms, DeadLetters, Accounts, RollupRecords
):
    """`cloud.registry.port.Registry` in one database. Thread-safe; blocking; one transaction a call.

    Every call raises `cloud.errors.RegistryUnavailable` when the database does not answer.
    """

    def migrate(self) -> None:
        """Bring the database to the newest schema; of several processes one does it, the others wait."""
        with self._writing() as connection:
            migrate(connection)

    def ping(self) -> None:
        """Return if the database answers."""
        with self._reading() as connection:
            connection.execute(select(USERS.c.name).limit(1))

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()


def open_registry(url: str, clock: Clock | None = None) -> SqlRegistry:
    """The registry at `url` (`sqlite:///…` or `postgresql+psycopg://…`), created or migrated as needed.

    Raises:
        SettingsError: the URL is of no known database, or the database is of a newer kega.
        RegistryUnavailable: the database does not answer.
    """
    registry = SqlRegistry(make_engine(url), clock or SystemClock())
    registry.migrate()
    return registry
