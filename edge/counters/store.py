"""What counts must survive a restart of the gateway: SQLite, every commit on disk when it returns."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.errors import CountsError

logger = logging.getLogger(__name__)

COUNTS_FILE: Final = "counts.db"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS pulses (
    instrument TEXT NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (instrument, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (
    device TEXT NOT NULL, metric TEXT NOT NULL, "offset" REAL NOT NULL, last REAL NOT NULL,
    PRIMARY KEY (device, metric)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class KeptTotal:
    """One counter as it stood."""

    device: str
    metric: str
    offset: float
    last: float


class CountStore:
    """Counts of one gateway. Calls may come from any thread; each waits for the disk."""

    def __init__(self, file: Path | None) -> None:
        """Open or create `file`; None keeps everything in memory only.

        Raises:
            CountsError: it cannot be opened, or is damaged.
        """
        self._place = str(file) if file is not None else ":memory:"
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(self._place, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise CountsError(
                f"{self._place}: {error}. Move the file away to begin with new counts; write the meters' "
                "registers into `base_m3` then"
            ) from error

    @classmethod
    def opened(cls, file: Path) -> CountStore:
        """The store in `file`. A damaged one is set aside under another name and reported; counts begin anew.

        Raises:
            CountsError: the folder cannot be written.
        """
        try:
            return cls(file)
        except CountsError as error:
            if not file.exists():
                raise
            aside = file.with_suffix(f".damaged-{time.time_ns() // 1_000_000}")
            file.replace(aside)
            logger.error("counts-set-aside", extra={"cause": str(error), "file": str(aside)})  # noqa: TRY400
            return cls(file)

    def counts(self, instrument: str) -> dict[str, int]:
        """Counts of an instrument by key. Raises CountsError."""
        rows = self._select("SELECT key, count FROM pulses WHERE instrument = ?", instrument)
        return {str(key): int(count) for key, count in rows}

    def keep_counts(self, instrument: str, counts: Mapping[str, int]) -> None:
        """Write counts of an instrument. Raises CountsError."""
        rows = [(instrument, key, count) for key, count in counts.items()]
        self._replace("INSERT OR REPLACE INTO pulses VALUES (?, ?, ?)", rows)

    def totals(self) -> list[KeptTotal]:
        """All counters. Raises CountsError."""
        rows = self._select('SELECT device, metric, "offset", last FROM totals')
        return [KeptTotal(str(each[0]), str(each[1]), float(each[2]), float(each[3])) for each in rows]

    def keep_totals(self, totals: Iterable[KeptTotal]) -> None:
        """Write counters. Raises CountsError."""
        rows = [(each.device, each.metric, each.offset, each.last) for each in totals]
        self._replace("INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _select(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise CountsError(f"{self._place}: {error}") from error

    def _replace(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        try:
            with self._lock, self._database:
                self._database.executemany(statement, rows)
        except sqlite3.Error as error:
            raise CountsError(f"{self._place}: {error}") from error
