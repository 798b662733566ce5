"""A million devices: places on the map, lists in order of id, what has changed. Progress of roll-ups.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from cloud.registry.cells import cell_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DEVICES = sa.table(
    "devices",
    sa.column("id", sa.String),
    sa.column("latitude", sa.Float),
    sa.column("longitude", sa.Float),
    sa.column("cell", sa.BigInteger),
)
PAGE = 10_000


def upgrade() -> None:
    op.add_column("devices", sa.Column("cell", sa.BigInteger()))
    op.add_column(
        "devices", sa.Column("changed_ms", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    place_known_devices()
    op.drop_index("ix_devices_device_class", "devices")
    op.drop_index("ix_devices_gateway", "devices")
    op.create_index("ix_devices_device_class_id", "devices", ["device_class", "id"])
    op.create_index("ix_devices_gateway_id", "devices", ["gateway", "id"])
    op.create_index("ix_devices_admission_id", "devices", ["admission", "id"])
    op.create_index("ix_devices_changed_ms_id", "devices", ["changed_ms", "id"])
    op.create_index("ix_devices_map", "devices", ["cell", "device_class", "online", "latitude", "longitude"])
    op.create_table(
        "rollup_progress",
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tier"),
    )
    op.create_table(
        "rollup_late",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device"),
    )


def place_known_devices() -> None:
    connection = op.get_bind()
    after = ""
    while True:
        page = connection.execute(
            sa.select(DEVICES.c.id, DEVICES.c.latitude, DEVICES.c.longitude)
            .where(DEVICES.c.id > after)
            .order_by(DEVICES.c.id)
            .limit(PAGE)
        ).all()
        if not page:
            return
        rows = [{"of": row.id, "at": cell_of(row.latitude, row.longitude)} for row in page]
        connection.execute(
            sa.update(DEVICES).where(DEVICES.c.id == sa.bindparam("of")).values(cell=sa.bindparam("at")), rows
        )
        after = page[-1].id
