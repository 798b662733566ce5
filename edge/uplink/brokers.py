"""Which of several brokers to use: the first while it works, the others in turn while it does not. Pure."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 2
"""Failures in a row after which the next broker is tried."""
SIGHTINGS: Final = 2
"""Times in a row that the first broker must have answered before a gateway returns to it."""


class BrokerChoice:
    """Counts failures and sightings; `index` is the broker to use next."""

    def __init__(self, brokers: int) -> None:
        self._brokers = brokers
        self._failures = 0
        self._sightings = 0
        self.index = 0

    @property
    def is_first(self) -> bool:
        """Whether the broker in use is the one that is preferred."""
        return self.index == 0

    def failed(self) -> bool:
        """A connection could not be made, or was lost. True where that moves on to another broker."""
        self._failures += 1
        if self._failures < PATIENCE or self._brokers == 1:
            return False
        self._failures = self._sightings = 0
        self.index = (self.index + 1) % self._brokers
        return True

    def stood(self) -> None:
        """A connection stood for a while."""
        self._failures = 0

    def first_seen(self, *, answers: bool) -> bool:
        """While another is in use, the first broker was looked at. True where it is time to return to it."""
        self._sightings = self._sightings + 1 if answers else 0
        if self.is_first or self._sightings < SIGHTINGS:
            return False
        self._failures = self._sightings = 0
        self.index = 0
        return True
