"""Locks that a dead process cannot keep: PostgreSQL's advisory locks, and locked files beside SQLite."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
from pathlib import Path
from typing import IO, Final, Protocol

import psycopg
from sqlalchemy import make_url

from cloud.errors import RegistryUnavailable, SettingsError
from cloud.settings import sqlite_file

SILENCE_S: Final = 10
"""PostgreSQL takes the lock from a leader that has not spoken for so long: frozen, or cut off."""
_ANSWER_S: Final = 3


class Lock(Protocol):
    """One lock of a name. All calls block, for a few seconds at most."""

    def take(self) -> bool:
        """Take the lock, or confirm that it is still held; False where another process holds it.

        Raises:
            RegistryUnavailable: nobody can say now.
        """

    def release(self) -> None:
        """Give it back; harmless where it is not held."""


class FileLock:
    """A locked file; the kernel unlocks it when its process is gone. For processes of one machine."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._held: IO[bytes] | None = None

    def take(self) -> bool:
        """As `Lock`. Raises SettingsError where the file cannot be made."""
        if self._held is not None:
            return True
        try:
            opened = self._file.open("ab")
        except OSError as error:
            raise SettingsError(
                f"lock file {self._file} cannot be opened: {error.strerror}. Give its folder to kega's user"
            ) from error
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            opened.close()
            return False
        self._held = opened
        return True

    def release(self) -> None:
        """As `Lock`."""
        if self._held is not None:
            self._held.close()
            self._held = None


class AdvisoryLock:
    """An advisory lock of PostgreSQL, on a connection of its own, which lives as long as the lock."""

    def __init__(self, url: str, name: str) -> None:
        parsed = make_url(url)
        self._server = parsed.render_as_string(hide_password=True)
        self._conninfo = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        self._key = int.from_bytes(hashlib.sha256(f"kega/{name}".encode()).digest()[:8], "big", signed=True)
        self._connection: psycopg.Connection | None = None
        self._holds = False

    def take(self) -> bool:
        """As `Lock`."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            if self._holds:
                self._connection.execute("SELECT 1")
                return True
            row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key,)).fetchone()
        except psycopg.Error as error:
            self._drop()
            cause = str(error).strip().splitlines()
            raise RegistryUnavailable(
                f"registry {self._server} does not answer about its lock: "
                f"{cause[0] if cause else type(error).__name__}. Check the database; it is asked again."
            ) from error
        self._holds = row is not None and bool(row[0])
        return self._holds

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            self._conninfo,
            autocommit=True,
            connect_timeout=_ANSWER_S,
            application_name="kega-leader",
            tcp_user_timeout=_ANSWER_S * 1000,
            options=f"-c idle_session_timeout={SILENCE_S}s -c statement_timeout={_ANSWER_S}s",
        )

    def release(self) -> None:
        """As `Lock`."""
        self._drop()

    def _drop(self) -> None:
        self._holds = False
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def open_lock(registry_url: str, name: str) -> Lock:
    """The lock `name` of all processes that share the registry at `registry_url`."""
    file = sqlite_file(registry_url)
    if file is not None:
        return FileLock(file.with_name(f"{file.name}.{name}.lock"))
    return AdvisoryLock(registry_url, name)
