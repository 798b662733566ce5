"""Alarms, at most one open for each device and rule. How they change is decided in `cloud.alarms.life`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from sqlalchemy import Connection, Select, select, update

from cloud.alarms import life
from cloud.errors import Refused, RegistryUnavailable
from cloud.registry.port import AlarmRecord, NewAlarm
from cloud.registry.tables import ALARM_IS_OPEN, ALARMS
from cloud.registry.transactions import Transactions

_RAISE_TRIES: Final = 5


class Alarms(Transactions):
    """The part of the registry that keeps alarms."""

    def raise_alarm(self, alarm: NewAlarm) -> int:
        """Open the alarm, or find it open already (then it is active again); returns its id."""
        with self._writing() as connection:
            for _ in range(_RAISE_TRIES):
                known = _one(connection, _of(alarm.device, alarm.rule).where(ALARM_IS_OPEN).with_for_update())
                if known is not None:
                    _save(connection, known, life.raised(known, alarm, now_ms=self._clock.now_ms()))
                    return known.id
                opened = self._open(connection, alarm)
                if opened is not None:
                    return opened
                # Another process opened it between the two statements: look again.
        raise RegistryUnavailable(
            f"alarm {alarm.rule} of {alarm.device} is opened and closed all the time by others; try again"
        )

    def _open(self, connection: Connection, alarm: NewAlarm) -> int | None:
        before = _one(connection, _of(alarm.device, alarm.rule).order_by(ALARMS.c.id.desc()).limit(1))
        row = asdict(life.opened(alarm, before=before, now_ms=self._clock.now_ms()))
        del row["id"]
        insert = self._insert(ALARMS).values(row)
        return connection.execute(
            insert.on_conflict_do_nothing(
                index_elements=["device", "rule"], index_where=ALARM_IS_OPEN
            ).returning(ALARMS.c.id)
        ).scalar_one_or_none()

    def clear_alarm(self, device: str, rule: str, *, time_ms: int) -> bool:
        """The condition has ended; whether an active alarm was there."""
        with self._writing() as connection:
            alarm = _one(connection, _of(device, rule).where(ALARMS.c.active).with_for_update())
            if alarm is None:
                return False
            after = life.cleared(alarm, time_ms=time_ms, now_ms=self._clock.now_ms())
            return _save(connection, alarm, after)

    def acknowledge_alarm(self, alarm_id: int, *, by: str, time_ms: int) -> AlarmRecord | None:
        """The alarm afterwards, or None where there is none; the first acknowledgement counts."""
        now_ms = self._clock.now_ms()
        return self._decided(
            alarm_id,
            lambda alarm: life.acknowledged(alarm, by=by, time_ms=time_ms, now_ms=now_ms),
            by=by,
            what="alarm-acknowledged",
            detail="",
        )

    def shelve_alarm(self, alarm_id: int, *, until_ms: int, by: str, reason: str) -> AlarmRecord | None:
        """The alarm afterwards, or None where there is none; a time gone by takes it back.

        Raises:
            Refused: the alarm is closed.
        """
        now_ms = self._clock.now_ms()

        def shelve(alarm: AlarmRecord) -> AlarmRecord:
            if not life.is_open(alarm):
                raise Refused(f"alarm {alarm.id} is closed: there is nothing to shelve")
            return life.shelved(alarm, until_ms=until_ms, now_ms=now_ms)

        what = "alarm-shelved" if until_ms > now_ms else "alarm-unshelved"
        return self._decided(alarm_id, shelve, by=by, what=what, detail=f"until {until_ms}: {reason}")

    def _decided(
        self,
        alarm_id: int,
        decision: Callable[[AlarmRecord], AlarmRecord],
        *,
        by: str,
        what: str,
        detail: str,
    ) -> AlarmRecord | None:
        with self._writing() as connection:
            alarm = _one(connection, select(ALARMS).where(ALARMS.c.id == alarm_id).with_for_update())
            if alarm is None:
                return None
            after = decision(alarm)
            if _save(connection, alarm, after):
                self._note(connection, by, what, alarm.device, f"{alarm_id} {alarm.rule} {detail}".strip())
            return after

    def alarms(
        self,
        *,
        open_only: bool = False,
        device: str | None = None,
        changed_after_ms: int | None = None,
        limit: int = 1000,
    ) -> list[AlarmRecord]:
        """Newest first. Open = active or not acknowledged."""
        query = select(ALARMS).order_by(ALARMS.c.raised_ms.desc(), ALARMS.c.id.desc()).limit(limit)
        if open_only:
            query = query.where(ALARM_IS_OPEN)
        if device is not None:
            query = query.where(ALARMS.c.device == device)
        if changed_after_ms is not None:
            query = query.where(ALARMS.c.updated_ms > changed_after_ms)
        with self._reading() as connection:
            return [
                AlarmRecord(**row._mapping)  # noqa: SLF001, SQLAlchemy's public name
                for row in connection.execute(query)
            ]


def _of(device: str, rule: str) -> Select[tuple[object, ...]]:
    return select(ALARMS).where(ALARMS.c.device == device, ALARMS.c.rule == rule)


def _one(connection: Connection, query: Select[tuple[object, ...]]) -> AlarmRecord | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else AlarmRecord(**row._mapping)  # noqa: SLF001, SQLAlchemy's public name


def _save(connection: Connection, before: AlarmRecord, after: AlarmRecord) -> bool:
    """Write what has changed; whether anything has."""
    if after is before:
        return False
    was = asdict(before)
    changed = {name: value for name, value in asdict(after).items() if was[name] != value}
    connection.execute(update(ALARMS).where(ALARMS.c.id == before.id).values(changed))
    return True
