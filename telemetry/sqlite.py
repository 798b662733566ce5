"""What every SQLite file of kega needs: opened by several processes at once, safe when the power fails."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Any, Final

_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def switch_to_wal(connection: Any, *, within_s: float) -> None:
    """Set journal mode WAL. SQLite's own busy timeout does not cover the switch of a fresh file.

    Args:
        connection: of `sqlite3`, or one that behaves like it.
        within_s: how long another process's switch is waited for.

    Raises:
        sqlite3.Error: the switch failed, or others held the file for longer than that.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode & 0xFF) not in _LOCKED or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311, spreads load only
        else:
            return
