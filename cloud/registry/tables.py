"""The registry's tables, the same on SQLite and PostgreSQL.

Columns are named as the fields of the records.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    text,
)

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

ALARM_IS_OPEN: Final = text("(active OR NOT acknowledged)")
COMMAND_IS_OPEN: Final = text("ended_ms IS NULL")

_SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column of type INTEGER."""


class Text(TypeDecorator[str]):
    """Text of any length. What comes from outside may hold NUL, which PostgreSQL refuses: U+FFFD instead."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """The text as both databases take it."""
        return None if value is None else value.replace("\x00", "\ufffd")


def _ms(name: str, *, nullable: bool = True) -> Column[int]:
    """A time in UTC milliseconds."""
    return Column(name, BigInteger, nullable=nullable)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


GATEWAYS: Final = Table(
    "gateways",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("area"),
    Column("online", Boolean, nullable=False),
    _ms("born_ms"),
    _ms("died_ms"),
    _ms("last_seen_ms"),
    _text("software"),
    Column("spool_depth", BigInteger),
    Column("spool_dropped", BigInteger),
    _ms("rebirth_asked_ms"),
)

DEVICES: Final = Table(
    "devices",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("area"),
    _text("gateway"),
    _text("device_class"),
    _text("title"),
    _text("model"),
    Column("latitude", Float),
    Column("longitude", Float),
    _text("admission"),
    Column("online", Boolean, nullable=False),
    _ms("born_ms"),
    _ms("died_ms"),
    _ms("last_seen_ms"),
    Column("cell", BigInteger),  # place on the map, see cloud.registry.cells
    Column("changed_ms", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_devices_device_class_id", "device_class", "id"),
    Index("ix_devices_gateway_id", "gateway", "id"),
    Index("ix_devices_admission_id", "admission", "id"),
    Index("ix_devices_changed_ms_id", "changed_ms", "id"),
    Index("ix_devices_map", "cell", "device_class", "online", "latitude", "longitude"),
)

POINTS: Final = Table(
    "points",
    METADATA,
    Column("device", Text, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("place", Integer, nullable=False),  # order in the birth
    _text("field"),
    _text("type"),
    _text("unit"),
)

COMMANDS: Final = Table(
    "commands",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("area"),
    _text("gateway"),
    _text("device"),
    _text("metric"),
    _text("field"),
    _text("type"),
    _text("value"),  # JSON, which keeps true, 1, 1.0 and "1" apart
    _text("issuer"),
    _text("reason"),
    _text("state"),
    _text("error"),
    _ms("asked_ms", nullable=False),
    _ms("sent_ms"),
    _ms("ended_ms"),
    _ms("expires_ms", nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("revert_after_s", Float),
    Index("ix_commands_device", "device", "id"),
    Index("ix_commands_open", "id", sqlite_where=COMMAND_IS_OPEN, postgresql_where=COMMAND_IS_OPEN),
)

ALARMS: Final = Table(
    "alarms",
    METADATA,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    _text("device"),
    _text("gateway"),
    _text("rule"),
    _text("severity"),
    _text("text_vi"),
    _text("text_en"),
    _text("advice_vi"),
    _text("advice_en"),
    Column("value", Float),
    Column("limit", Float),
    Column("active", Boolean, nullable=False),
    Column("acknowledged", Boolean, nullable=False),
    _ms("raised_ms", nullable=False),
    _ms("cleared_ms"),
    _ms("acknowledged_ms"),
    _text("acknowledged_by"),
    _ms("shelved_until_ms"),
    Column("updated_ms", BigInteger, nullable=False, index=True),
    Index(
        "uq_alarms_open",
        "device",
        "rule",
        unique=True,
        sqlite_where=ALARM_IS_OPEN,
        postgresql_where=ALARM_IS_OPEN,
    ),
    Index("ix_alarms_device_rule", "device", "rule", "id"),
    sqlite_autoincrement=True,
)

DEAD_LETTERS: Final = Table(
    "dead_letters",
    METADATA,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    _ms("received_ms", nullable=False),
    _text("topic"),
    _text("reason"),
    _text("detail"),
    Column("size", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

DEAD_LETTER_COUNTS: Final = Table(
    "dead_letter_counts",
    METADATA,
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

ROLLUP_PROGRESS: Final = Table(
    "rollup_progress",
    METADATA,
    Column("tier", Text, primary_key=True),
    _ms("until_ms", nullable=False),
)

ROLLUP_LATE: Final = Table(
    "rollup_late",
    METADATA,
    Column("device", Text, primary_key=True),
    _ms("start_ms", nullable=False),
    _ms("end_ms", nullable=False),
    Column("times", BigInteger, nullable=False),
)

CONFIGURATIONS: Final = Table(
    "configurations",
    METADATA,
    Column("gateway", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    _text("sha256"),
    _text("text"),
    _text("envelope"),
    _ms("pushed_ms", nullable=False),
    _text("pushed_by"),
    _ms("sent_ms"),
    Column("attempts", Integer, nullable=False),
)

GATEWAY_REPORTS: Final = Table(
    "gateway_reports",
    METADATA,
    Column("gateway", Text, primary_key=True),
    _ms("told_ms"),
    Column("version", BigInteger),
    Column("sha256", Text),
    Column("judged", BigInteger),
    Column("state", Text),
    Column("error", Text),
    _ms("health_ms"),
    Column("figures", Text),  # JSON: metric → value
)

USERS: Final = Table(
    "users",
    METADATA,
    Column("name", Text, primary_key=True),
    _text("role"),
    _text("password_hash"),
    Column("disabled", Boolean, nullable=False),
)

TOKENS: Final = Table(
    "tokens",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("name"),
    _text("role"),
    Column("token_hash", Text, nullable=False, unique=True),
    _ms("created_ms", nullable=False),
    _ms("expires_ms"),
    _ms("last_used_ms"),
    Column("browser", Boolean, nullable=False),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    _ms("time_ms", nullable=False),
    _text("who"),
    _text("what"),
    Column("subject", Text, nullable=False, index=True),
    _text("detail"),
    sqlite_autoincrement=True,
)
