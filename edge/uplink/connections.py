"""The number of each connection, whatever the disk does."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from telemetry.errors import ConfigError
from telemetry.sparkplug.sequence import BirthDeathSequence

_LOG: Final = logging.getLogger("edge.uplink")


class ConnectionNumbers:
    """`bdSeq` from its file; a full or broken disk costs its persistence, never the connection."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stored = BirthDeathSequence(file)
        self._last: int | None = None

    def take(self) -> int:
        """The number of the connection about to be made."""
        try:
            self._last = self._stored.take()
        except ConfigError as error:
            _LOG.warning("bdseq-unreadable", extra={"cause": error, "next_step": "begins again at 0"})
            self._file.unlink(missing_ok=True)
            self._last = self._unstored()
        except OSError as error:
            _LOG.warning("bdseq-not-stored", extra={"file": self._file, "cause": error})
            self._last = self._unstored()
        return self._last

    def _unstored(self) -> int:
        if self._last is not None:
            return (self._last + 1) % 256
        try:
            return (int(self._file.read_text(encoding="ascii")) + 1) % 256
        except (OSError, ValueError):
            return 0
