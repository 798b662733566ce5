"""Texts for people, and the shape of a metric's name."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

METRIC_NAME: Final = r"^[A-Z][A-Za-z0-9]*( [A-Z0-9][A-Za-z0-9]*)*/[A-Z][A-Za-z0-9]*( [A-Z0-9][A-Za-z0-9]*)*$"


class Text(BaseModel):
    """A text for people, in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vi: str
    en: str

    def in_language(self, language: str) -> str:
        """The text in `vi` or `en`; Vietnamese for any other."""
        return self.en if language == "en" else self.vi
