"""Roll-ups of the embedded store: one row a device and interval, packed as JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import orjson

from cloud.store.rollups import HOUR_MS, Summary, Tier, combine, summarise
from cloud.store.sqlite_file import SqliteFile
from cloud.store.sqlite_rows import columns

_ROWS_AT_ONCE: Final = 500
"""Roll-ups written in one transaction: a few milliseconds."""
_NEW: Final = "INSERT OR REPLACE INTO rollup (tier, device, begin_ms, fields) VALUES (?, ?, ?, ?)"
_SCANS: Final = (
    "SELECT time_ms, shape, vals, marks FROM scan WHERE device = ? AND time_ms >= ? AND time_ms < ? "
    "ORDER BY time_ms"
)
_ROLLUPS: Final = (
    "SELECT begin_ms, fields FROM rollup WHERE tier = ? AND device = ? AND begin_ms >= ? AND begin_ms < ? "
    "ORDER BY begin_ms"
)


class SqliteRollups:
    """`cloud.store.rollups.Rollups` in the store's own file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def oldest_ms(self) -> int | None:
        """Time of the oldest value that is still kept as measured."""
        query = (
            "SELECT min((SELECT time_ms FROM scan WHERE scan.device = device.id ORDER BY time_ms LIMIT 1)) "
            "FROM device"
        )
        oldest = self._file.rows(query)[0][0]
        return None if oldest is None else int(oldest)

    def roll_up(self, tier: Tier, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """Make the roll-ups of a time range; see the port.

        Values are read beside the writers; only the roll-ups themselves are written, in short transactions.
        """
        touched = 0
        rows: list[tuple[str, int, int, str]] = []
        with self._file.mapped_errors():
            connection = self._file.connect()
            try:
                for device in self._ids(connection, devices):
                    made = [
                        (tier.value, device, begin, _packed(fields))
                        for begin, fields in self._made(connection, tier, device, start_ms, end_ms)
                    ]
                    touched += bool(made)
                    rows += made
                    if len(rows) >= _ROWS_AT_ONCE:
                        self._keep(connection, rows)
                        rows = []
                self._keep(connection, rows)
            finally:
                connection.close()
        return touched

    def summaries(
        self, device: str, field: str, tier: Tier, start_ms: int, end_ms: int
    ) -> list[tuple[int, Summary]]:
        """Begin and summary of every interval that has any; see the port."""
        found = self._file.rows("SELECT id FROM device WHERE name = ?", (device,))
        if not found:
            return []
        rows = self._file.rows(_ROLLUPS, (tier.value, found[0][0], start_ms, end_ms))
        return [
            (begin, Summary(*told))
            for begin, fields in rows
            if (told := orjson.loads(fields).get(field)) is not None
        ]

    @staticmethod
    def _ids(connection: sqlite3.Connection, devices: Sequence[str] | None) -> list[int]:
        if devices is None:
            return [row[0] for row in connection.execute("SELECT id FROM device ORDER BY id")]
        query = "SELECT id FROM device WHERE name = ?"
        return [row[0] for each in devices for row in connection.execute(query, (each,))]

    def _made(
        self, connection: sqlite3.Connection, tier: Tier, device: int, start_ms: int, end_ms: int
    ) -> Iterator[tuple[int, dict[str, Summary]]]:
        if tier is Tier.DAY:
            hours = connection.execute(_ROLLUPS, (Tier.HOUR.value, device, start_ms, end_ms)).fetchall()
            for begin, group in groupby(hours, key=lambda row: row[0] - row[0] % tier.every_ms):
                yield begin, _combined([orjson.loads(fields) for _, fields in group])
            return
        scans = connection.execute(_SCANS, (device, start_ms, end_ms)).fetchall()
        shapes = self._file.shapes(connection) if scans else {}
        for begin, group in groupby(scans, key=lambda row: row[0] - row[0] % HOUR_MS):
            values = columns((row[1:] for row in group), shapes)
            fields = {name: told for name, found in values.items() if (told := summarise(found)) is not None}
            if fields:
                yield begin, fields

    def _keep(self, connection: sqlite3.Connection, rows: Sequence[tuple[str, int, int, str]]) -> None:
        if rows:
            with self._file.transaction(connection):
                connection.executemany(_NEW, rows)


def _packed(fields: Mapping[str, Summary]) -> str:
    return orjson.dumps({name: tuple(summary) for name, summary in fields.items()}).decode()


def _combined(hours: Sequence[Mapping[str, Sequence[object]]]) -> dict[str, Summary]:
    parts: dict[str, list[Summary]] = {}
    for hour in hours:
        for field, told in hour.items():
            parts.setdefault(field, []).append(Summary(*told))  # type: ignore[arg-type]
    return {field: combine(each) for field, each in parts.items()}
