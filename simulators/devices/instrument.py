"""What every simulated instrument offers, whatever line it is on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

Native: TypeAlias = float | int | bool | str | None
"""A value in the unit of the instrument's profile; None for "no value now"."""


class Refused(ValueError):  # noqa: N818 - a refusal is an answer of the instrument
    """The instrument does not take a value."""


class Instrument(Protocol):
    """One instrument. Times are UTC seconds since 1970."""

    def values(self, time_s: float) -> Mapping[str, Native]:
        """All that it measures, by the keys of its profile."""
        ...

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Take a value that a master wrote. Raises Refused."""
        ...
