"""The schema's versions: what the database has, and the steps to the newest (`migrations/versions`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from cloud.errors import SettingsError

HEAD: Final = "0004"
"""The newest version; a test holds it to the files of `migrations/versions`."""
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x6B656761
"""Key of the advisory lock on PostgreSQL: `kega` in ASCII."""


def migrate(connection: Connection) -> None:
    """Bring the database to `HEAD` inside the transaction of `connection`.

    Raises:
        SettingsError: the database was written by a newer kega.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    if current(connection) == HEAD:
        return
    # Imported here: alembic costs 0.3 s, and most starts find the newest schema in place.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SettingsError(
            f"registry: its schema {current(connection)} is unknown to this kega: {error}. "
            "Install the kega that wrote it, or restore the backup from before its upgrade."
        ) from error


def current(connection: Connection) -> str | None:
    """The version that the database has; None where it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
