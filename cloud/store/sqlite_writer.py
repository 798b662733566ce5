"""Writing to the embedded store: many scans in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from cloud.store.port import Channel, Rejected, Row, Scan
from cloud.store.retention import cutoff_ms, too_old
from cloud.store.sqlite_file import SqliteFile
from cloud.store.sqlite_retention import read_retention
from cloud.store.sqlite_rows import (
    MOST_SHAPES,
    NAMED,
    Fields,
    Newest,
    fields_of_scan,
    pack,
    take_newest,
    unpack,
)
from cloud.store.sqlite_rows import Row as Packed

_KEPT: Final = 200_000
"""Channels, and devices, whose ids are remembered."""
_INSERT: Final = "INSERT INTO scan (device, time_ms, shape, vals, marks) VALUES (?, ?, ?, ?, ?)"
_REPLACE: Final = "INSERT OR REPLACE INTO scan (device, time_ms, shape, vals, marks) VALUES (?, ?, ?, ?, ?)"
_EXISTING: Final = "SELECT shape, vals, marks FROM scan WHERE device = ? AND time_ms = ?"
_DEVICE: Final = "SELECT id, class, area, gateway, newest_ms, newest FROM device WHERE name = ?"
_DEVICE_BY_ID: Final = "SELECT id, class, area, gateway, newest_ms, newest FROM device WHERE id = ?"
_NEW_DEVICE: Final = (
    "INSERT INTO device (name, class, area, gateway, newest_ms, newest) VALUES (?, ?, ?, ?, -1, '{}')"
)
_UPDATE_DEVICE: Final = (
    "UPDATE device SET class = ?, area = ?, gateway = ?, newest_ms = ?, newest = ? WHERE id = ?"
)


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class _Device:
    """A device as this transaction sees it."""

    id: int
    place: tuple[str, str, str]
    newest_ms: int
    newest: Newest
    last: tuple[int, tuple[str, ...], Sequence[bool | int | float]] | None = None
    """Time, fields and values of the newest lean row: of those in between no newest value is told."""


class SqliteWriter:
    """Used by one thread at a time."""

    def __init__(
        self, file: SqliteFile, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._file = file
        self._now_ms = now_ms
        self._ids: dict[str, int] = {}
        self._shape_ids: dict[tuple[str, ...], int] = {}
        self._new_ids: dict[str, int] = {}
        self._new_shapes: dict[tuple[str, ...], int] = {}
        self._inserts: list[tuple[int, int, int, str, str | None]] = []
        self._devices: dict[str, _Device] = {}

    def write(self, scans: Sequence[Scan | Row]) -> list[Rejected]:
        """Store checked `scans` in one transaction; returns those older than the store's retention."""
        rejected: list[Rejected] = []
        self._inserts, self._devices = [], {}
        self._new_ids, self._new_shapes = {}, {}
        with self._file.transaction() as writer:
            retention = read_retention(writer)
            oldest_ms = cutoff_ms(retention.raw_days, self._now_ms())
            late: list[tuple[_Device, int, Fields]] = []
            for scan in scans:
                if scan.time_ms < oldest_ms:
                    rejected.append(Rejected(scan, too_old(retention.raw_days)))
                elif isinstance(scan, Row):
                    self._take_row(scan, late)
                else:
                    self._take_scan(scan, late)
            self._inserts.sort()
            writer.executemany(_INSERT, self._inserts)
            for device, time_ms, fields in late:
                self._merge(device, time_ms, fields)
            writer.executemany(_UPDATE_DEVICE, [_told(device) for device in self._devices.values()])
        if len(self._ids) > _KEPT:
            self._ids.clear()
        self._ids.update(self._new_ids)
        self._shape_ids.update(self._new_shapes)
        return rejected

    def _take_row(self, row: Row, late: list[tuple[_Device, int, Fields]]) -> None:
        channel, time_ms, values = row
        device = self._devices.get(channel.device) or self._device(channel)
        device.place = (channel.device_class, channel.area, channel.gateway)
        shape = self._shape(channel.fields)
        if time_ms <= device.newest_ms or shape == NAMED:
            late.append(
                (
                    device,
                    time_ms,
                    {name: (each, 192) for name, each in zip(channel.fields, values, strict=True)},
                )
            )
            return
        self._inserts.append((device.id, time_ms, shape, orjson.dumps(values).decode(), None))
        if device.last is not None and device.last[1] is not channel.fields:
            _settle(device)
        device.last = (time_ms, channel.fields, values)
        device.newest_ms = time_ms

    def _take_scan(self, scan: Scan, late: list[tuple[_Device, int, Fields]]) -> None:
        device = self._devices.get(scan.device) or self._device(scan)
        device.place = (scan.device_class, scan.area, scan.gateway)
        fields = fields_of_scan(scan)
        if scan.time_ms <= device.newest_ms:
            late.append((device, scan.time_ms, fields))
            return
        self._inserts.append((device.id, scan.time_ms, *pack(fields, self._shape(tuple(fields)))))
        _settle(device)
        take_newest(device.newest, scan.time_ms, fields)
        device.newest_ms = scan.time_ms

    def _merge(self, device: _Device, time_ms: int, fields: Fields) -> None:
        """A time that may be stored already: new values replace, the others stay."""
        writer = self._file.writer
        known = writer.execute(_EXISTING, (device.id, time_ms)).fetchone()
        before: Fields = {}
        if known is not None:
            before = unpack(Packed(*known), self._file.shapes(writer))
        merged = before | fields
        if merged != before or _types(merged) != _types(before):
            row = pack(merged, self._shape(tuple(merged)))
            writer.execute(_REPLACE, (device.id, time_ms, *row))
        _settle(device)
        take_newest(device.newest, time_ms, fields)
        device.newest_ms = max(device.newest_ms, time_ms)

    def _device(self, told: Scan | Channel) -> _Device:
        writer = self._file.writer
        known_id = self._ids.get(told.device)
        row = None
        if known_id is not None:
            row = writer.execute(_DEVICE_BY_ID, (known_id,)).fetchone()
        if row is None:
            row = writer.execute(_DEVICE, (told.device,)).fetchone()
        if row is None:
            place = (told.device_class, told.area, told.gateway)
            writer.execute(_NEW_DEVICE, (told.device, *place))
            row = writer.execute(_DEVICE, (told.device,)).fetchone()
        number, device_class, area, gateway, newest_ms, newest = row
        self._new_ids[told.device] = number
        device = _Device(number, (device_class, area, gateway), newest_ms, orjson.loads(newest))
        self._devices[told.device] = device
        return device

    def _shape(self, fields: tuple[str, ...]) -> int:
        known = self._shape_ids.get(fields)
        if known is None:
            known = self._new_shapes.get(fields)
        if known is None:
            known = self._new_shapes[fields] = self._find_shape(fields)
        return known

    def _find_shape(self, fields: tuple[str, ...]) -> int:
        writer = self._file.writer
        told = orjson.dumps(fields).decode()
        row = writer.execute("SELECT id FROM shape WHERE fields = ?", (told,)).fetchone()
        if row is None:
            if writer.execute("SELECT count(*) FROM shape").fetchone()[0] >= MOST_SHAPES:
                return NAMED
            row = writer.execute("INSERT INTO shape (fields) VALUES (?) RETURNING id", (told,)).fetchone()
        return int(row[0])


def _settle(device: _Device) -> None:
    """Take over what the newest lean row told."""
    if device.last is not None:
        time_ms, names, values = device.last
        device.newest.update((name, [time_ms, each]) for name, each in zip(names, values, strict=True))
        device.last = None


def _told(device: _Device) -> tuple[str, str, str, int, str, int]:
    _settle(device)
    return (*device.place, device.newest_ms, orjson.dumps(device.newest).decode(), device.id)


def _types(fields: Fields) -> list[type]:
    """What equality does not see: 1, 1.0 and True are equal and kept apart."""
    return [type(value) for value, _ in fields.values()]
