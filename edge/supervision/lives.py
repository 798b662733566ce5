"""How often the agent was started, and how its last life ended; kept in the state folder."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_LOG: Final = logging.getLogger("edge.supervision")
LIVES_FILE: Final = "lives.json"
RUNNING: Final = "running"
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of the present life and the end of the one before."""

    starts: int
    boot: str
    last_end: str
    """Why the life before this one ended; empty for the first."""
    now: str = RUNNING
    """What will be said of this one if nothing more is written."""


class Lives:
    """The file is written at a start, at an end, and when the watchdog is about to bite: never in between."""

    def __init__(self, file: Path, boot: str) -> None:
        self._file = file
        before = _read(file)
        end = ""
        if before is not None:
            end = before.now
            if end == RUNNING:
                same = before.boot == boot
                end = "killed" if same else "power cut, or the machine was reset"
        self.life = Life((before.starts if before else 0) + 1, boot, end)
        self._write()

    def ended(self, cause: str) -> None:
        """Note why the present life ends, or is about to be ended."""
        self.life = Life(self.life.starts, self.life.boot, self.life.last_end, cause[:_LONGEST])
        self._write()

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        try:
            with new.open("w", encoding="utf-8") as stream:
                json.dump(asdict(self.life), stream)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self._file)
        except OSError as error:
            _LOG.warning("lives-not-stored", extra={"file": self._file, "cause": error})


def _read(file: Path) -> Life | None:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        return Life(int(known["starts"]), str(known["boot"]), str(known["last_end"]), str(known["now"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("lives-unreadable", extra={"file": file, "cause": error, "next_step": "counts anew"})
        return None
