"""The last known time, kept on disk: the earliest that it can be after the next start."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_LOG: Final = logging.getLogger("edge.time")
TIME_FILE: Final = "time.json"


@dataclass(frozen=True, slots=True)
class LastKnown:
    """What was known when it was written."""

    boot: str
    utc_ms: int
    offset_s: float
    """UTC minus the monotonic clock of that boot."""
    error_s: float


def recall(file: Path) -> LastKnown | None:
    """What `file` holds; None where it is missing or broken."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return LastKnown(
            str(content["boot"]),
            int(content["utc_ms"]),
            float(content["offset_s"]),
            float(content["error_s"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("last-time-unreadable", extra={"file": file, "cause": error})
        return None


def keep(file: Path, known: LastKnown) -> None:
    """Write `known`, all of it or nothing; a disk that does not take it is told of and lived with."""
    fresh = file.with_suffix(".new")
    try:
        with fresh.open("w", encoding="utf-8") as stream:
            json.dump(asdict(known), stream)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except OSError as error:
        _LOG.warning("last-time-not-kept", extra={"file": file, "cause": error})
