"""Retention of the embedded store: what is too old goes in slices, so that writers wait for milliseconds."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cloud.store.retention import Retention, cutoff_ms
from cloud.store.rollups import Tier
from cloud.store.sqlite_file import SqliteFile

SLICE_S: Final = 0.02
"""A transaction ends after this: so long others wait to write."""
ROWS_AT_ONCE: Final = 2_000
PAGES_AT_ONCE: Final = 200
FREE_SHARE: Final = 0.2
"""Of the file; more free pages than this are given back, fewer are filled again by new values."""
LEAST_FREE_PAGES: Final = 5_000
_NAMES: Final = ("raw_days", "rollup_days")


@dataclass(frozen=True, slots=True)
class Expired:
    """What one round of retention did."""

    rows: int
    slices: int
    longest_s: float
    """How long others waited at most."""
    pages_given_back: int


def read_retention(connection: sqlite3.Connection) -> Retention:
    """How long the store keeps things; as init-store set it."""
    told = dict(
        connection.execute("SELECT name, value FROM setting WHERE name IN ('raw_days', 'rollup_days')")
    )
    return Retention(*(int(told[name]) if told.get(name) else None for name in ("raw_days", "rollup_days")))


def set_retention(connection: sqlite3.Connection, retention: Retention) -> None:
    """Keep things so long from now on; within a transaction of the caller."""
    for name, days in (("raw_days", retention.raw_days), ("rollup_days", retention.rollup_days)):
        connection.execute(
            "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)",
            (name, "" if days is None else str(days)),
        )


class SqliteExpiry:
    """Deletes what is too old. Has a connection of its own; used by one thread at a time."""

    def __init__(self, file: SqliteFile, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._file = file
        self._pause = pause
        self._rows = 0
        self._slices = 0
        self._longest_s = 0.0

    def expire(self, now_ms: int, *, rolled_until_ms: int | None = None) -> Expired:
        """Delete what the retention does not keep, device by device: each has its oldest rows side by side.

        Values that are not rolled up yet stay, where `rolled_until_ms` is told.

        Raises:
            StoreUnavailable: the file cannot be written now; what was deleted so far stays deleted.
        """
        self._rows = self._slices = 0
        self._longest_s = 0.0
        with self._file.mapped_errors():
            connection = self._file.connect()
            try:
                pages = self._expire(connection, now_ms, rolled_until_ms)
            finally:
                connection.close()
        return Expired(self._rows, self._slices, self._longest_s, pages)

    def _expire(self, connection: sqlite3.Connection, now_ms: int, rolled_until_ms: int | None) -> int:
        retention = read_retention(connection)
        work: list[tuple[str, str, tuple[object, ...], int]] = []
        devices = [row[0] for row in connection.execute("SELECT id FROM device ORDER BY id")]
        if retention.raw_days is not None:
            oldest_ms = cutoff_ms(retention.raw_days, now_ms)
            if rolled_until_ms is not None:
                oldest_ms = min(oldest_ms, rolled_until_ms)
            work += [("scan", "time_ms", (device,), oldest_ms) for device in devices]
        if retention.rollup_days is not None:
            oldest_ms = cutoff_ms(retention.rollup_days, now_ms)
            work += [
                ("rollup", "begin_ms", (tier.value, each), oldest_ms) for tier in Tier for each in devices
            ]
        self._delete(connection, work)
        return self._give_back(connection)

    def _delete(
        self, connection: sqlite3.Connection, work: list[tuple[str, str, tuple[object, ...], int]]
    ) -> None:
        left = iter(work)
        now = next(left, None)
        while now is not None:
            with self._file.transaction(connection):
                begun = time.perf_counter()
                while now is not None and time.perf_counter() - begun < SLICE_S:
                    deleted = self._delete_some(connection, *now)
                    self._rows += deleted
                    if deleted < ROWS_AT_ONCE:
                        now = next(left, None)
            self._sliced(time.perf_counter() - begun)

    @staticmethod
    def _delete_some(
        connection: sqlite3.Connection, table: str, column: str, key: tuple[object, ...], oldest_ms: int
    ) -> int:
        where = "device = ?" if len(key) == 1 else "tier = ? AND device = ?"
        old = f"FROM {table} WHERE {where} AND {column} < ?"
        last = connection.execute(
            f"SELECT {column} {old} ORDER BY {column} LIMIT 1 OFFSET {ROWS_AT_ONCE - 1}", (*key, oldest_ms)
        ).fetchone()
        until_ms = oldest_ms if last is None else last[0] + 1
        return connection.execute(f"DELETE {old}", (*key, until_ms)).rowcount

    def _give_back(self, connection: sqlite3.Connection) -> int:
        given = 0
        while True:
            free = connection.execute("PRAGMA freelist_count").fetchone()[0]
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            if free < LEAST_FREE_PAGES or free < FREE_SHARE * pages:
                return given
            begun = time.perf_counter()
            connection.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
            self._sliced(time.perf_counter() - begun)
            if connection.execute("PRAGMA page_count").fetchone()[0] >= pages:
                return (
                    given  # a file from before incremental vacuum: its pages are filled again by new values
                )
            given += PAGES_AT_ONCE

    def _sliced(self, took_s: float) -> None:
        self._slices += 1
        self._longest_s = max(self._longest_s, took_s)
        self._pause(took_s)  # writers get at least half of the time
