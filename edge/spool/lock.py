"""One agent to one state folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.spool.errors import SpoolError, StateLocked

LOCK_FILE: Final = "agent.lock"


@contextlib.contextmanager
def state_folder(folder: Path) -> Iterator[Path]:
    """`folder`, made where it is missing, and held for this process alone.

    Raises:
        StateLocked: another agent holds it; the message names its process.
        SpoolError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise SpoolError(
            f"state_dir {folder} cannot be used: {error.strerror}. Check the path and its rights"
        ) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise StateLocked(
                f"state_dir {folder} is in use by process {holder}: two agents cannot share it. "
                "Stop that one, or give this one its own state_dir"
            ) from None
        with contextlib.suppress(OSError):  # a full disk must not keep the agent from starting
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode("ascii"), 0)
        yield folder
    finally:
        os.close(file)
