"""A little disk room held back, so that a full disk still lets the spool tidy itself up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

RESERVE_BYTES: Final = 4 * 1024 * 1024
"""Twice the write-ahead log at rest: enough to fold it into the file, whatever it holds."""


class Reserve:
    """A file of nothing beside the spool. Deleting rows needs room first; this is where it comes from."""

    def __init__(self, spool_file: Path) -> None:
        self._file = spool_file.with_name(f"{spool_file.name}.reserve")

    def hold(self) -> None:
        """Take the room, if the disk has it and it is not held yet."""
        if self._file.exists():
            return
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            self.release()

    def release(self) -> bool:
        """Give the room back; whether there was any."""
        try:
            self._file.unlink()
        except OSError:
            return False
        return True
