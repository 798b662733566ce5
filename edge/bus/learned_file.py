"""What was learned of units, on disk: a restart must not cost the refusals once more.

Entries are kept by bus, unit and content of the profiles, so that a changed profile forgets.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from edge.bus.learned import Learned
from telemetry.clock import Clock, SystemClock
from telemetry.devices.profiles import Profile

logger = logging.getLogger(__name__)

LEARNED_FILE: Final = "learned.json"
_FORM: Final = 1


class LearnedFile:
    """The file `learned.json` of a state folder. Losing it costs time, never data."""

    def __init__(self, file: Path | None, clock: Clock | None = None) -> None:
        """Read the file; a damaged one is set aside.

        Args:
            file: where it is kept; None keeps nothing.
            clock: says when to try again.
        """
        self._file = file
        self._clock = clock or SystemClock()
        self._kept = self._read()
        self._units: dict[str, Learned] = {}
        self._saving = asyncio.Lock()

    def now_ms(self) -> int:
        """UTC milliseconds by which things are tried again."""
        return self._clock.now_ms()

    def unit(self, bus: str, unit: int, profiles: Iterable[Profile]) -> Learned:
        """What is known of a unit; grows while the agent lives."""
        digest = hashlib.sha256()
        ids = []
        for profile in profiles:
            ids.append(profile.id)
            digest.update(profile.model_dump_json(include={"id", "points", "limits"}).encode())
        name = f"{bus}/{unit}/{'+'.join(dict.fromkeys(ids))}:{digest.hexdigest()[:16]}"
        if name not in self._units:
            self._units[name] = self._learned(name)
        return self._units[name]

    def _learned(self, name: str) -> Learned:
        content = self._kept.get(name)
        if content is None:
            return Learned()
        try:
            return Learned.from_json(content, self.now_ms())
        except (KeyError, TypeError, ValueError) as error:
            logger.warning("learned-unreadable", extra={"unit": name, "cause": str(error)})
            return Learned()

    async def save(self) -> None:
        """Write what is new, in a thread. Units that the configuration has no more are left out."""
        async with self._saving:
            if self._file is None or not any(each.is_new for each in self._units.values()):
                return
            for each in self._units.values():
                each.is_new = False
            units = {name: each.to_json() for name, each in self._units.items()}
            text = json.dumps({"form": _FORM, "units": units})
            try:
                await asyncio.to_thread(_replace, self._file, text)
            except OSError as error:
                logger.warning("learned-not-kept", extra={"file": str(self._file), "cause": str(error)})

    def _read(self) -> dict[str, Any]:
        if self._file is None or not self._file.exists():
            return {}
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            units = content["units"] if content["form"] == _FORM else {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("learned-set-aside", extra={"file": str(self._file), "cause": str(error)})
            self._set_aside(self._file)
            return {}
        return units if isinstance(units, dict) else {}

    def _set_aside(self, file: Path) -> None:
        try:
            file.replace(file.with_suffix(".damaged"))
        except OSError as error:
            logger.warning("learned-not-moved", extra={"file": str(file), "cause": str(error)})


def _replace(file: Path, text: str) -> None:
    """Write as a whole or not at all, whatever happens to the power."""
    new = file.with_suffix(".new")
    with new.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(file)
