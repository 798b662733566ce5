"""The first schema.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ALARM_IS_OPEN = sa.text("(active OR NOT acknowledged)")
COMMAND_IS_OPEN = sa.text("ended_ms IS NULL")


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("text_vi", sa.String(), nullable=False),
        sa.Column("text_en", sa.String(), nullable=False),
        sa.Column("advice_vi", sa.String(), nullable=False),
        sa.Column("advice_en", sa.String(), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("limit", sa.Float()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.Column("raised_ms", sa.BigInteger(), nullable=False),
        sa.Column("cleared_ms", sa.BigInteger()),
        sa.Column("acknowledged_ms", sa.BigInteger()),
        sa.Column("acknowledged_by", sa.String(), nullable=False),
        sa.Column("shelved_until_ms", sa.BigInteger()),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alarms_device_rule", "alarms", ["device", "rule", "id"])
    op.create_index("ix_alarms_updated_ms", "alarms", ["updated_ms"])
    op.create_index(
        "uq_alarms_open",
        "alarms",
        ["device", "rule"],
        unique=True,
        sqlite_where=ALARM_IS_OPEN,
        postgresql_where=ALARM_IS_OPEN,
    )
    op.create_table(
        "audit",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "commands",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger()),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_commands_device", "commands", ["device", "id"])
    op.create_index(
        "ix_commands_open", "commands", ["id"], sqlite_where=COMMAND_IS_OPEN, postgresql_where=COMMAND_IS_OPEN
    )
    op.create_table(
        "dead_letter_counts",
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reason"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("device_class", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sa.Column("admission", sa.String(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("born_ms", sa.BigInteger()),
        sa.Column("died_ms", sa.BigInteger()),
        sa.Column("last_seen_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_devices_device_class", "devices", ["device_class"])
    op.create_index("ix_devices_gateway", "devices", ["gateway"])
    op.create_table(
        "gateways",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("born_ms", sa.BigInteger()),
        sa.Column("died_ms", sa.BigInteger()),
        sa.Column("last_seen_ms", sa.BigInteger()),
        sa.Column("software", sa.String(), nullable=False),
        sa.Column("spool_depth", sa.BigInteger()),
        sa.Column("spool_dropped", sa.BigInteger()),
        sa.Column("rebirth_asked_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger()),
        sa.Column("last_used_ms", sa.BigInteger()),
        sa.Column("browser", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "points",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device", "metric"),
    )
