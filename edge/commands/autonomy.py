"""What commands must know of local programs: which points they govern, and what they want there now."""

from __future__ import annotations

from typing import Protocol

from telemetry.readings import Value


class Autonomy(Protocol):
    """Programs that bring points to values by themselves; a command overrides them for a time."""

    def governs(self, device: str, metric: str) -> bool:
        """Whether a program writes this point."""
        ...

    def override_s(self, device: str) -> float:
        """How long a command without an end of its own overrides the program, in seconds from now."""
        ...

    def orders(self, device: str) -> list[tuple[str, Value]]:
        """What the program writes now, in this order; empty where it wants nothing."""
        ...

    def changed(self, device: str) -> None:
        """An override of the device began or ended."""
        ...
