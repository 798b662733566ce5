"""Copies of databases while they are in use."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from cloud.transfer.errors import FileUnreadable

_PAGES_A_STEP: Final = 4_096
_BUSY_S: Final = 30.0


def back_up_sqlite(source: Path, target: Path, tell: Callable[[int, int], None]) -> int:
    """Copy a database as it is at one moment; returns its bytes. Writers go on meanwhile.

    The copy stands under its name only when it is whole and on disk. `tell` gets pages done and all pages.

    Raises:
        FileUnreadable: the database cannot be read, or the copy not be written or not whole.
    """
    if not source.exists():
        raise FileUnreadable(f"{source} does not exist: nothing to back up")
    unfinished = target.with_name(target.name + ".unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        with (
            contextlib.closing(_opened(source)) as opened,
            contextlib.closing(sqlite3.connect(unfinished)) as copy,
        ):
            # One transaction that reads: the copy is of one moment, and no writer makes it begin anew.
            opened.execute("BEGIN")
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
            opened.backup(
                copy, pages=_PAGES_A_STEP, progress=lambda _, left, pages: tell(pages - left, pages), sleep=0
            )
            opened.execute("ROLLBACK")
            copy.execute("PRAGMA journal_mode = DELETE")
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise FileUnreadable(f"the copy of {source} is not whole: {found}. Is the database damaged?")
        _to_disk(unfinished)
        unfinished.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise FileUnreadable(f"{source} cannot be copied to {target}: {error}") from error
    return target.stat().st_size


def back_up_postgresql(url: str, target: Path) -> int:
    """Copy a database by pg_dump in its own compressed format (for pg_restore); returns its bytes.

    Raises:
        FileUnreadable: pg_dump is missing or fails.
    """
    program = shutil.which("pg_dump")
    if program is None:
        raise FileUnreadable(
            "pg_dump is missing: install postgresql-client, of the server's version or newer"
        )
    parsed = make_url(url)
    environment = dict(os.environ)
    if parsed.password is not None:
        environment["PGPASSWORD"] = str(parsed.password)
    told = {"--host": parsed.host, "--port": parsed.port, "--username": parsed.username}
    options = [f"{name}={value}" for name, value in told.items() if value is not None]
    unfinished = target.with_name(target.name + ".unfinished")
    done = subprocess.run(  # noqa: S603, our own arguments
        [program, "--format=custom", "--no-password", f"--file={unfinished}", *options, str(parsed.database)],
        env=environment,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        unfinished.unlink(missing_ok=True)
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise FileUnreadable(f"pg_dump fails: {said[-1] if said else done.returncode}")
    _to_disk(unfinished)
    unfinished.replace(target)
    return target.stat().st_size


def _opened(source: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S, isolation_level=None
    )


def _to_disk(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
