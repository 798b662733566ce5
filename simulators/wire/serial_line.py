"""Serial lines on which an instrument talks by itself: particle sensors and GNSS receivers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from simulators.wire.lines import LineFigures
from simulators.wire.pty import PtyPort


class Talker(Protocol):
    """An instrument on a line of its own."""

    @property
    def every_s(self) -> float:
        """Seconds between two messages."""
        ...

    def message(self) -> bytes:
        """What it says now; empty for silence."""
        ...

    def hear(self, data: bytes) -> bytes:
        """What it answers at once to bytes that arrived; empty for nothing."""
        ...


class SerialLine:
    """One talker on a pseudo-terminal."""

    def __init__(self, line_id: str, link: Path, talker: Talker) -> None:
        self.id = line_id
        self.figures = LineFigures()
        self.talker = talker
        self._port = PtyPort(link)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """The path that a gateway opens."""
        return str(self._port.link)

    async def open(self) -> None:
        """Make the terminal and begin to talk. Raises LineError."""
        self._port.open(self._receive)
        self._talk(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Fall silent and take the terminal away."""
        if self._timer is not None:
            self._timer.cancel()
        self._port.close()

    def _receive(self, data: bytes) -> None:
        self.figures.requests += 1
        self.send(self.talker.hear(data))

    def _talk(self, due_s: float) -> None:
        self.send(self.talker.message())
        loop = asyncio.get_running_loop()
        following = max(due_s + self.talker.every_s, loop.time())
        self._timer = loop.call_at(following, self._talk, following)

    def send(self, data: bytes) -> None:
        """Put bytes on the line."""
        if data:
            self._port.write(data)
            self.figures.replies += 1
