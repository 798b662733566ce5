"""Registers in which a master keeps settings: they hold what was written, and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from simulators.devices.instrument import Native, Refused

Readdress: TypeAlias = Callable[[int], bool]
"""Gives the instrument another unit id; False where the id is taken on its line."""


class Settings:
    """The settings of one instrument."""

    def __init__(self, values: Mapping[str, float], readdress: Readdress, unit_key: str = "") -> None:
        self._values: dict[str, Native] = dict(values)
        self._readdress = readdress
        self._unit_key = unit_key

    @property
    def values(self) -> Mapping[str, Native]:
        """All settings."""
        return self._values

    def write(self, key: str, value: float | bool) -> None:
        """Keep a setting; the unit id takes effect at once.

        Raises:
            Refused: no such setting, or a unit id that is taken or outside 1 … 247.
        """
        if key not in self._values:
            raise Refused(key)
        if key == self._unit_key and not (1 <= value <= 247 and self._readdress(round(value))):
            raise Refused(key)
        self._values[key] = value
