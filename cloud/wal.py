"""SQLite files that several processes open at once."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Any


def switch_to_wal(connection: Any, timeout_s: float) -> None:
    """Journal mode WAL; SQLite's own busy timeout does not cover the switch of a fresh file.

    Raises:
        sqlite3.OperationalError: others kept the file locked for `timeout_s`, or it cannot be written.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311, spreads load only
        else:
            return
