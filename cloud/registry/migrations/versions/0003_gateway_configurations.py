"""Configurations of gateways: what was pushed, what gateways tell of it and of their health.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "configurations",
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("envelope", sa.String(), nullable=False),
        sa.Column("pushed_ms", sa.BigInteger(), nullable=False),
        sa.Column("pushed_by", sa.String(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "version"),
    )
    op.create_table(
        "gateway_reports",
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("told_ms", sa.BigInteger()),
        sa.Column("version", sa.BigInteger()),
        sa.Column("sha256", sa.String()),
        sa.Column("judged", sa.BigInteger()),
        sa.Column("state", sa.String()),
        sa.Column("error", sa.String()),
        sa.Column("health_ms", sa.BigInteger()),
        sa.Column("figures", sa.String()),
        sa.PrimaryKeyConstraint("gateway"),
    )
