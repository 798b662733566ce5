"""Devices on the map: counted by cell, or one by one in a part of the map."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, Select, and_, case, column, func, literal_column, select, values

from cloud.registry.cells import LEVELS, Box, ranges_of
from cloud.registry.devices import device_columns, device_of
from cloud.registry.port import CellCount, DeviceRecord
from cloud.registry.tables import DEVICES
from cloud.registry.transactions import Transactions


class DeviceMap(Transactions):
    """The part of the registry that knows where devices are."""

    def map_cells(self, level: int, box: Box | None = None) -> list[CellCount]:
        """All cells of the level with a device; those of a part of the map where it is given."""
        # a number in the text: PostgreSQL would not see that two parameters are the same
        shift = literal_column(str(2 * (LEVELS - level)), Integer)
        cell = DEVICES.c.cell.bitwise_rshift(shift)
        query = select(
            cell,
            DEVICES.c.device_class,
            func.count(),
            func.sum(case((DEVICES.c.online, 1), else_=0)).cast(Integer),
            func.avg(DEVICES.c.latitude),
            func.avg(DEVICES.c.longitude),
        ).where(DEVICES.c.cell.is_not(None))
        if box is not None:
            query = _within(query, box)
        with self._reading() as connection:
            rows = connection.execute(query.group_by(cell, DEVICES.c.device_class)).all()
        return [CellCount(*row) for row in rows]

    def devices_in(
        self, box: Box, *, device_class: str | None = None, limit: int = 1000
    ) -> list[DeviceRecord]:
        """Up to `limit` devices in a part of the map, without their points."""
        query = _within(select(*device_columns()), box).where(
            DEVICES.c.latitude.between(box.south, box.north), DEVICES.c.longitude.between(box.west, box.east)
        )
        if device_class is not None:
            query = query.where(DEVICES.c.device_class == device_class)
        with self._reading() as connection:
            return [device_of(row) for row in connection.execute(query.limit(limit))]


def _within(query: Select[Any], box: Box) -> Select[Any]:
    """Joined with the box's ranges: of many conditions in an OR SQLite would look up the table row by row."""
    ranges = values(column("first", BigInteger), column("beyond", BigInteger), name="r").data(ranges_of(box))
    each = ranges.cte("ranges")
    return query.join_from(
        each, DEVICES, and_(DEVICES.c.cell >= each.c.first, DEVICES.c.cell < each.c.beyond)
    )
