"""What must be written to bring a lamp to a level: relays, dimmers, and poles that have both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from telemetry.readings import Value

if TYPE_CHECKING:  # the binding asks this package what is wrong
    from edge.decoding.binding import BoundDevice

ON: Final = "Lamp/On"
LEVEL: Final = "Lamp/Level"
TARGET: Final = "Lamp/Target"
REASON: Final = "Lamp/Target Reason"
FEEDBACK: Final = "Lamp/Feedback"
PROGRAM: Final = "Lamp/Program"
REPORTED: Final = (TARGET, REASON, FEEDBACK, PROGRAM)
"""What a gateway itself knows of a lamp in a program."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp in a program."""

    device: str
    bus: str
    """The line on which it is written."""
    has_switch: bool
    has_dimmer: bool

    @property
    def metrics(self) -> frozenset[str]:
        """What the program writes, or commands override."""
        return frozenset({ON, LEVEL})

    def orders(self, level: int) -> list[tuple[str, Value]]:
        """What to write for `level`, in this order."""
        if self.has_switch and level == 0:
            return [(ON, False)]
        dim: list[tuple[str, Value]] = [(LEVEL, level)] if self.has_dimmer else []
        switch: list[tuple[str, Value]] = [(ON, True)] if self.has_switch else []
        return dim + switch


def lamp_of(device: BoundDevice) -> Lamp | None:
    """How `device` is switched and dimmed; None where it cannot be.

    Where switch and dimmer are one thing (a DALI luminaire), only the level is written: on would mean full.
    """
    dimmer = device.instrument_of(LEVEL) if LEVEL in device.writable else None
    switch = device.instrument_of(ON) if ON in device.writable else None
    if dimmer is not None and switch is dimmer:
        is_one = dimmer.by_metric[LEVEL].write_key == dimmer.by_metric[ON].write_key
        switch = None if is_one else switch
    first = dimmer or switch
    if first is None:
        return None
    return Lamp(device.id, first.bus, has_switch=switch is not None, has_dimmer=dimmer is not None)


def level_of(value: Value) -> int:
    """The level that a command to `Lamp/On` or `Lamp/Level` means."""
    if isinstance(value, bool):
        return 100 if value else 0
    return round(value) if isinstance(value, int | float) else 0
