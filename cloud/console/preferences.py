"""What a person chose for the console: the language, kept over restarts and browsers."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Final

from cloud.console.texts import LANGUAGES

logger = logging.getLogger(__name__)

_MOST: Final = 10_000


class Preferences:
    """User name → language, in a small JSON file of `folder`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "console-languages.json"
        self._languages = self._read()

    def language(self, name: str) -> str:
        """The person's language; Vietnamese until they choose."""
        return self._languages.get(name, "vi")

    def choose(self, name: str, language: str) -> None:
        """Keep the person's choice; one that cannot be written holds until the restart."""
        if language not in LANGUAGES or (name not in self._languages and len(self._languages) >= _MOST):
            return
        self._languages[name] = language
        draft = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(self._languages, ensure_ascii=False), encoding="utf-8")
            draft.replace(self._file)
        except OSError as error:
            logger.warning(
                "console-language-not-kept", extra={"file": str(self._file), "cause": error.strerror}
            )

    def _read(self) -> dict[str, str]:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            logger.warning(
                "console-languages-unreadable", extra={"file": str(self._file), "cause": str(error)}
            )
            return {}
        if not isinstance(kept, dict):
            return {}
        return {name: language for name, language in kept.items() if language in LANGUAGES}
