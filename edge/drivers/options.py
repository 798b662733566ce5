"""Options of profiles, checked: what drivers read from them is of the right kind, or the error names it."""

from __future__ import annotations

import binascii
from typing import Any

from edge.errors import DriverError
from telemetry.devices.profiles import Profile


def number(profile: Profile, name: str, low: float, high: float) -> float:
    """The number `name`, between `low` and `high`. Raises DriverError."""
    value = profile.options.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise DriverError(f"{profile.id}: option {name} must be {low:g} to {high:g}, not {value!r}")
    return value


def whole(profile: Profile, name: str, low: int, high: int) -> int:
    """The whole number `name`, between `low` and `high`. Raises DriverError."""
    value = profile.options.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise DriverError(f"{profile.id}: option {name} must be {low}-{high}, not {value!r}")
    return value


def text(profile: Profile, name: str) -> str:
    """The text `name`; empty where it is left out. A number that YAML made of it counts as text."""
    value = profile.options.get(name, "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DriverError(f"{profile.id}: option {name} must be text, not {value!r}")
    return str(value)


def choice(profile: Profile, name: str, allowed: tuple[str, ...]) -> str:
    """The text `name`, one of `allowed`. Raises DriverError."""
    value = text(profile, name)
    if value not in allowed:
        raise DriverError(f"{profile.id}: option {name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def hexadecimal(profile: Profile, name: str) -> bytes:
    """The bytes that the hexadecimal text `name` stands for. Raises DriverError."""
    value = text(profile, name)
    try:
        return binascii.unhexlify(value.replace(" ", ""))
    except ValueError as error:
        raise DriverError(f"{profile.id}: option {name} is no hex: {value!r}") from error


def table(profile: Profile, name: str) -> dict[str, Any]:
    """The mapping `name` from keys of the profile's points to anything. Raises DriverError."""
    value = profile.options.get(name)
    if not isinstance(value, dict) or not value:
        raise DriverError(f"{profile.id}: option {name} must map keys of points to something")
    for key in value:
        if key not in profile.by_key:
            raise DriverError(f"{profile.id}: option {name}: {key!r} is no point of the profile")
    return dict(value)
