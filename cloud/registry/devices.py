"""Gateways and devices: what births told of them, and what people decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, bindparam, case, delete, or_, select, tuple_, update

from cloud.registry.cells import cell_of
from cloud.registry.port import Admission, DeviceBirth, DeviceRecord, GatewayRecord, PointRecord
from cloud.registry.tables import DEVICES, GATEWAYS, POINTS
from cloud.registry.transactions import Transactions

_GATEWAY_COLUMNS = tuple(GATEWAYS.c)
_TOLD_BY_BIRTH = (
    *("area", "gateway", "device_class", "title", "model", "latitude", "longitude"),
    *("online", "born_ms", "cell", "changed_ms"),
)
_NOT_TOLD = ("born_ms", "died_ms", "cell", "changed_ms")
_DEVICE_COLUMNS = tuple(column for column in DEVICES.c if column.name not in _NOT_TOLD)


class GatewaysAndDevices(Transactions):
    """The part of the registry that knows gateways and devices."""

    def gateway_born(self, gateway: str, area: str, *, time_ms: int, software: str) -> None:
        """The gateway is online."""
        told = {"area": area, "online": True, "born_ms": time_ms, "software": software}
        insert = self._insert(GATEWAYS).values(id=gateway, last_seen_ms=time_ms, **told)
        with self._writing() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=told))
            _seen(connection, GATEWAYS, {gateway: time_ms})

    def gateway_died(self, gateway: str, *, time_ms: int) -> None:
        """The gateway is offline, and so are all its devices."""
        offline = {"online": False, "died_ms": time_ms}
        changed = {**offline, "changed_ms": self._clock.now_ms()}
        with self._writing() as connection:
            connection.execute(update(GATEWAYS).where(GATEWAYS.c.id == gateway).values(offline))
            connection.execute(
                update(DEVICES).where(DEVICES.c.gateway == gateway, DEVICES.c.online).values(changed)
            )

    def gateways_seen(self, seen: Mapping[str, int]) -> None:
        """Gateway → time of its newest message; written in batches."""
        if seen:
            with self._writing() as connection:
                _seen(connection, GATEWAYS, seen)

    def rebirths_asked(self, areas: Mapping[str, str], *, time_ms: int) -> None:
        """The gateways (with their areas) are about to be asked for a rebirth; a restarted host must know."""
        told = {"rebirth_asked_ms": time_ms}
        # In order of id, so that two writers never wait for each other crosswise.
        rows = [
            {"id": gateway, "area": area, "online": False, "software": "", **told}
            for gateway, area in sorted(areas.items())
        ]
        insert = self._insert(GATEWAYS).on_conflict_do_update(index_elements=["id"], set_=told)
        with self._writing() as connection:
            connection.execute(insert, rows)

    def gateway_spool(self, gateway: str, *, depth: int | None, dropped: int | None) -> None:
        """What the gateway says of its spool; None leaves the old figure."""
        told = {"spool_depth": depth, "spool_dropped": dropped}
        known = {name: figure for name, figure in told.items() if figure is not None}
        if known:
            with self._writing() as connection:
                connection.execute(update(GATEWAYS).where(GATEWAYS.c.id == gateway).values(known))

    def device_born(self, birth: DeviceBirth) -> None:
        """Register the device (as DISCOVERED if it is new) and mark it online."""
        self.devices_born([birth])

    def devices_born(self, births: Sequence[DeviceBirth]) -> None:
        """The same for many at once, in one transaction; of births of one device the last counts."""
        by_id = {birth.id: birth for birth in sorted(births, key=lambda birth: birth.id)}
        if not by_id:
            return
        insert = self._insert(DEVICES)
        new = insert.excluded
        told = {name: new[name] for name in _TOLD_BY_BIRTH}
        seen = case(
            (DEVICES.c.last_seen_ms > new.last_seen_ms, DEVICES.c.last_seen_ms), else_=new.last_seen_ms
        )
        upsert = insert.on_conflict_do_update(index_elements=["id"], set_={**told, "last_seen_ms": seen})
        with self._writing() as connection:
            now_ms = self._clock.now_ms()
            connection.execute(upsert, [_device_row(birth, now_ms) for birth in by_id.values()])
            known = _points(connection, list(by_id))
            declared = {device: _declared(birth) for device, birth in by_id.items()}
            changed = [device for device, points in declared.items() if known.get(device, ()) != points]
            if changed:
                connection.execute(delete(POINTS).where(POINTS.c.device.in_(changed)))
            rows = [
                {
                    "device": device,
                    "place": place,
                    "metric": point.metric,
                    "field": point.field,
                    "type": point.type,
                    "unit": point.unit,
                }
                for device in changed
                for place, point in enumerate(declared[device])
            ]
            if rows:
                connection.execute(POINTS.insert(), rows)

    def device_died(self, device: str, *, time_ms: int) -> None:
        """The device is offline."""
        with self._writing() as connection:
            connection.execute(
                update(DEVICES)
                .where(DEVICES.c.id == device)
                .values(online=False, died_ms=time_ms, changed_ms=self._clock.now_ms())
            )

    def devices_seen(self, seen: Mapping[str, int]) -> None:
        """Device → time of its newest message; written in batches."""
        if seen:
            with self._writing() as connection:
                _seen(connection, DEVICES, seen)

    def all_offline(self, *, time_ms: int) -> None:
        """The host lost its own connection: nothing is known to be online."""
        with self._writing() as connection:
            offline = {"online": False, "died_ms": time_ms}
            connection.execute(update(GATEWAYS).where(GATEWAYS.c.online).values(offline))
            offline["changed_ms"] = self._clock.now_ms()
            connection.execute(update(DEVICES).where(DEVICES.c.online).values(offline))

    def gateways(self) -> list[GatewayRecord]:
        """All gateways in order of id."""
        with self._reading() as connection:
            rows = connection.execute(select(*_GATEWAY_COLUMNS).order_by(GATEWAYS.c.id)).all()
        return [GatewayRecord(**row._mapping) for row in rows]  # noqa: SLF001, SQLAlchemy's public name

    def devices(
        self,
        *,
        device_class: str | None = None,
        gateway: str | None = None,
        admission: Admission | None = None,
        after: str = "",
        limit: int = 1000,
    ) -> list[DeviceRecord]:
        """Devices in order of id, beginning behind `after`; without their points."""
        query = select(*_DEVICE_COLUMNS).where(DEVICES.c.id > after).order_by(DEVICES.c.id).limit(limit)
        if device_class is not None:
            query = query.where(DEVICES.c.device_class == device_class)
        if gateway is not None:
            query = query.where(DEVICES.c.gateway == gateway)
        if admission is not None:
            query = query.where(DEVICES.c.admission == admission.value)
        with self._reading() as connection:
            return [device_of(row) for row in connection.execute(query)]

    def devices_changed(
        self, *, since_ms: int, after: tuple[int, str] | None = None, limit: int = 1000
    ) -> tuple[list[DeviceRecord], tuple[int, str] | None]:
        """Devices that were born, died, moved or were decided upon since then; and where to go on, if at all.

        Ordered by the time of the change as the writing process's clock told it.
        """
        columns = (*_DEVICE_COLUMNS, DEVICES.c.changed_ms)
        query = select(*columns).order_by(DEVICES.c.changed_ms, DEVICES.c.id).limit(limit)
        query = query.where(DEVICES.c.changed_ms >= since_ms)
        if after is not None:
            query = query.where(tuple_(DEVICES.c.changed_ms, DEVICES.c.id) > after)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        found = [device_of(row) for row in rows]
        return found, (rows[-1].changed_ms, rows[-1].id) if len(rows) == limit else None

    def device(self, device: str) -> DeviceRecord | None:
        """The device with its points, or None."""
        with self._reading() as connection:
            row = connection.execute(select(*_DEVICE_COLUMNS).where(DEVICES.c.id == device)).one_or_none()
            return None if row is None else device_of(row, _points(connection, [device]).get(device, ()))

    def set_admission(self, device: str, admission: Admission, *, by: str) -> bool:
        """Whether the device exists; the decision is audited."""
        with self._writing() as connection:
            known = connection.execute(
                update(DEVICES)
                .where(DEVICES.c.id == device)
                .values(admission=admission.value, changed_ms=self._clock.now_ms())
                .returning(DEVICES.c.id)
            ).one_or_none()
            if known is not None:
                self._note(connection, by, f"device-{admission.value}", device, "")
        return known is not None


def _seen(connection: Connection, table: Table, seen: Mapping[str, int]) -> None:
    newer = or_(table.c.last_seen_ms.is_(None), table.c.last_seen_ms < bindparam("seen_ms"))
    statement = (
        update(table)
        .where(table.c.id == bindparam("seen_id"), newer)
        .values(last_seen_ms=bindparam("seen_ms"))
    )
    # In order of id, so that two writers never wait for each other crosswise.
    rows = [{"seen_id": key, "seen_ms": time_ms} for key, time_ms in sorted(seen.items())]
    connection.execute(statement, rows)


def _points(connection: Connection, devices: list[str]) -> dict[str, tuple[PointRecord, ...]]:
    query = select(POINTS.c.device, POINTS.c.metric, POINTS.c.field, POINTS.c.type, POINTS.c.unit)
    points: dict[str, list[PointRecord]] = {}
    for device, *told in connection.execute(
        query.where(POINTS.c.device.in_(devices)).order_by(POINTS.c.device, POINTS.c.place)
    ):
        points.setdefault(device, []).append(PointRecord(*told))
    return {device: tuple(declared) for device, declared in points.items()}


def _declared(birth: DeviceBirth) -> tuple[PointRecord, ...]:
    """The points of a birth; of a metric that it names twice the last counts."""
    return tuple({point.metric: point for point in birth.points}.values())


def _device_row(birth: DeviceBirth, now_ms: int) -> dict[str, object]:
    return {
        "id": birth.id,
        "area": birth.area,
        "gateway": birth.gateway,
        "device_class": birth.device_class,
        "title": birth.title,
        "model": birth.model,
        "latitude": birth.latitude,
        "longitude": birth.longitude,
        "admission": Admission.DISCOVERED.value,
        "online": True,
        "born_ms": birth.time_ms,
        "last_seen_ms": birth.time_ms,
        "cell": cell_of(birth.latitude, birth.longitude),
        "changed_ms": now_ms,
    }


def device_columns() -> tuple[Column[Any], ...]:
    """The columns of a device that are told."""
    return _DEVICE_COLUMNS


def device_of(row: Row[Any], points: tuple[PointRecord, ...] = ()) -> DeviceRecord:
    """The device of a row with the columns of `device_columns`."""
    told = {name: value for name, value in row._mapping.items() if name not in _NOT_TOLD}  # noqa: SLF001, SQLAlchemy's public name
    return DeviceRecord(**{**told, "admission": Admission(told["admission"])}, points=points)
