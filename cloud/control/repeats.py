"""When which command is sent again. Pure: knows no clock and no connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cloud.registry.port import CommandRecord

PAUSES_S: Final = (2.0, 3.0, 5.0, 10.0)
"""After the first sending, again 2 s, 5 s, 10 s and then every 10 s later, until a result or the expiry."""


@dataclass(slots=True)
class _Turn:
    sent: int = 0
    next_s: float = float("-inf")


class Repeats:
    """The plan for all open commands."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._devices: dict[str, set[str]] = {}

    def due(
        self,
        commands: Iterable[CommandRecord],
        *,
        now_ms: int,
        now_s: float,
        is_reachable: Callable[[CommandRecord], bool],
    ) -> list[CommandRecord]:
        """Those of the open `commands` to send now; all others than `commands` are forgotten.

        One whose gateway is known to be offline waits for it; one that has expired is not sent at all.
        """
        turns: dict[str, _Turn] = {}
        devices: dict[str, set[str]] = {}
        due = []
        for command in commands:
            turn = turns[command.id] = self._turns.get(command.id) or _Turn()
            devices.setdefault(command.device, set()).add(command.id)
            if turn.next_s <= now_s and now_ms < command.expires_ms and is_reachable(command):
                due.append(command)
        self._turns = turns
        self._devices = devices
        return due

    def sent(self, command_id: str, *, now_s: float) -> None:
        """The command went out."""
        turn = self._turns[command_id]
        turn.next_s = now_s + PAUSES_S[min(turn.sent, len(PAUSES_S) - 1)]
        turn.sent += 1

    def device_born(self, device: str) -> None:
        """The device is there (again): what waits for it goes out at once."""
        for command_id in self._devices.get(device, ()):
            self._turns[command_id].next_s = float("-inf")
