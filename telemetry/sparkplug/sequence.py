"""The two counters of an edge node's session: `seq` of its messages and `bdSeq` of its connections."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from telemetry.errors import ConfigError, Problem


@dataclass(slots=True)
class Sequence:
    """`seq`: 0 in the NBIRTH, one more in every message after it, 255 → 0."""

    _next: int = 0

    def restart(self) -> None:
        """Begin again at 0, for an NBIRTH."""
        self._next = 0

    def take(self) -> int:
        """The number of the message about to be sent."""
        number = self._next
        self._next = (number + 1) % 256
        return number


@dataclass(frozen=True, slots=True)
class BirthDeathSequence:
    """`bdSeq`, kept in a file: one more on every CONNECT, 255 → 0, over restarts too."""

    file: Path

    def take(self) -> int:
        """The number of the connection about to be made; it is on disk before this returns."""
        number = (self._last() + 1) % 256
        temporary = self.file.with_suffix(".new")
        with temporary.open("w", encoding="ascii") as stream:
            stream.write(f"{number}\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self.file)
        directory = os.open(self.file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return number

    def _last(self) -> int:
        try:
            text = self.file.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            return -1
        if not text.isdigit() or int(text) > 255:
            raise ConfigError(
                self.file,
                [Problem(1, "bdSeq", f"{text!r} is no number 0-255; delete the file to begin at 0")],
            )
        return int(text)
