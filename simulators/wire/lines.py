"""What all lines have in common, and how units on a Modbus line are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from simulators.wire.unit import Reply, Unit

BROADCAST: Final = 0


@dataclass(slots=True)
class LineFigures:
    """What happened on a line since it was opened."""

    requests: int = 0
    replies: int = 0
    spoilt: int = 0
    """Pieces that were no valid request."""


class Line(Protocol):
    """A bus or port that gateways open."""

    @property
    def id(self) -> str:
        """Its name in sim.yaml."""
        ...

    @property
    def address(self) -> str:
        """What a gateway opens: a path, or host:port."""
        ...

    @property
    def figures(self) -> LineFigures:
        """What happened on it."""
        ...

    async def open(self) -> None:
        """Begin to serve. Raises LineError."""
        ...

    async def close(self) -> None:
        """Stop to serve."""
        ...


class Units:
    """The slaves of one line by unit id; a slave may change its id."""

    def __init__(self) -> None:
        self._units: dict[int, Unit] = {}

    def __len__(self) -> int:
        return len(self._units)

    def add(self, unit_id: int, unit: Unit) -> None:
        """Put a slave on the line."""
        self._units[unit_id] = unit

    def move(self, unit: Unit, unit_id: int) -> bool:
        """Give a slave another id; False where the id is taken."""
        if self._units.get(unit_id, unit) is not unit:
            return False
        self._units = {known: each for known, each in self._units.items() if each is not unit}
        self._units[unit_id] = unit
        return True

    def respond(self, unit_id: int, pdu: bytes) -> Reply | None:
        """The reply of the slave with that id; None if there is none or it is silent.

        A broadcast (unit 0) reaches every slave, and none answers.
        """
        if unit_id == BROADCAST:
            for each in list(self._units.values()):
                each.respond(pdu)
            return None
        unit = self._units.get(unit_id)
        return unit.respond(pdu) if unit is not None else None
