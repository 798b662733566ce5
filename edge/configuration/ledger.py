"""The standing and the texts of configurations on disk: every file is replaced whole, or not at all."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from edge.configuration.errors import LedgerError
from edge.configuration.standing import Candidate, Origin, Standing, State

_LOG: Final = logging.getLogger("edge.configuration")
FOLDER: Final = "configuration"


class Ledger:
    """The folder `configuration` of a state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER
        self._file = self._folder / "ledger.json"
        self.applied = self._folder / "applied.yaml"
        """A copy of what runs when nothing is on trial."""
        self.candidate = self._folder / "candidate.yaml"
        self.trusted = self._folder / "trusted-keys"
        """Public keys whose configurations are taken; only people write this file."""

    def load(self) -> Standing | None:
        """What was kept; None where nothing was, or nothing that can be read."""
        try:
            return _standing(json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.error(
                "ledger-unreadable",
                extra={"file": self._file, "cause": error, "next_step": "the local file is taken as it is"},
            )
            return None

    def save(self, standing: Standing) -> None:
        """Keep `standing`. Raises `LedgerError`."""
        write_whole(self._file, json.dumps(asdict(standing), indent=1))

    def read(self, file: Path) -> str | None:
        """The text of `applied` or `candidate`; None where it cannot be read."""
        return read_text(file)


def read_text(file: Path) -> str | None:
    """The text of `file`; None where it cannot be read."""
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def write_whole(file: Path, text: str) -> None:
    """Put `text` in `file`'s place at once; after a power cut there is the old text or the new.

    Raises:
        LedgerError: the disk refuses.
    """
    new = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o640
        with new.open("wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise LedgerError(
            f"{file} cannot be written: {error.strerror}. Give its folder to the agent's user, or make room"
        ) from error


def may_replace(file: Path) -> bool:
    """Whether `write_whole` can be expected to work."""
    return os.access(file.parent, os.W_OK | os.X_OK)


def _standing(known: dict[str, Any]) -> Standing:
    candidate = known["candidate"]
    return Standing(
        version=int(known["version"]),
        sha256=str(known["sha256"]),
        origin=Origin(known["origin"]),
        judged=int(known["judged"]),
        state=State(known["state"]),
        error=str(known["error"]),
        rejected=str(known["rejected"]),
        candidate=None
        if candidate is None
        else Candidate(
            int(candidate["version"]),
            str(candidate["sha256"]),
            Origin(candidate["origin"]),
            bool(candidate["proven"]),
        ),
    )
