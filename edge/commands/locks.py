"""Local lock-out: a technician at the device keeps everybody else's hands off it.

Locks stand in `locks.json` of the state folder. `kega edge lock` and `unlock` write it, with or without an
agent running; the agent looks at it before each write. A file that cannot be read locks everything.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from edge.commands.errors import LockFileError
from edge.commands.lifetime import Moment

LOCKS_FILE: Final = "locks.json"
EVERYTHING: Final = "*"
_LARGEST_FILE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock-out."""

    device: str
    """A device's id, or `EVERYTHING` for the whole gateway."""
    by: str
    reason: str
    since_ms: int
    until_ms: int | None
    """When it ends by itself; None: not before somebody unlocks."""

    def holds(self, device: str, now: Moment) -> bool:
        """Whether `device` is locked. Without a known time no lock ends by itself."""
        is_over = self.until_ms is not None and now.is_clock_known and now.now_ms > self.until_ms
        return self.device in (device, EVERYTHING) and not is_over


def read_locks(file: Path) -> list[Lock]:
    """The locks in `file`; none where it does not exist.

    Raises:
        LockFileError: it cannot be read or understood.
    """
    try:
        with file.open("rb") as stream:
            content = json.loads(stream.read(_LARGEST_FILE))
        return [
            Lock(
                device=str(each["device"]),
                by=str(each["by"]),
                reason=str(each["reason"]),
                since_ms=int(each["since_ms"]),
                until_ms=None if each["until_ms"] is None else int(each["until_ms"]),
            )
            for each in content["locks"]
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LockFileError(
            f"{file}: cannot be understood ({error!r}): nothing is written to devices. "
            "`kega edge unlock` makes it anew"
        ) from error


def write_locks(file: Path, locks: list[Lock]) -> None:
    """Replace the locks in `file`, whole or not at all. Raises `LockFileError`."""
    fresh = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8") as stream:
            json.dump({"locks": [asdict(lock) for lock in locks]}, stream, ensure_ascii=False, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise LockFileError(f"{file}: cannot be written: {error.strerror}. Use sudo?") from error


class Locks:
    """The locks of a gateway, read again when the file changes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._locks: list[Lock] = []

    def on(self, device: str, now: Moment) -> Lock | None:
        """The lock that keeps `device` from being written; None where there is none."""
        try:
            self._refresh()
        except LockFileError as error:
            return Lock(EVERYTHING, "gateway", str(error), 0, None)
        return next((lock for lock in self._locks if lock.holds(device, now)), None)

    def _refresh(self) -> None:
        try:
            about = self._file.stat()
            seen = (about.st_ino, about.st_mtime_ns, about.st_size)
        except FileNotFoundError:
            self._seen, self._locks = None, []
            return
        except OSError as error:
            raise LockFileError(f"{self._file}: {error.strerror}: nothing is written to devices") from error
        if seen != self._seen:
            self._locks = read_locks(self._file)
            self._seen = seen
