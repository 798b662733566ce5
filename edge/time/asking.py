"""When the host is asked for the time, and what its answers are worth. Pure."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final, Protocol

from edge.time.ladder import Rung, Sample
from telemetry.errors import WireError
from telemetry.time_exchange import parse_answer

_LOG: Final = logging.getLogger("edge.time")
FIRST_EVERY_S: Final = 10.0
LATER_EVERY_S: Final = 900.0
SLOWEST_S: Final = 10.0
"""An answer that took longer says too little."""
_QUESTIONS: Final = 3
"""Asked in a row, for the quickest of several answers is the best."""


class Timekeeping(Protocol):
    """Who wants to know."""

    def monotonic(self) -> float:
        """Seconds since the start of the machine."""
        ...

    def wants_host(self) -> bool:
        """Whether the host's answer would be of use."""
        ...

    def offer(self, sample: Sample) -> None:
        """Take what the host says."""
        ...


@dataclass(slots=True)
class HostTime:
    """The questions and answers of one connection."""

    keeper: Timekeeping
    _ask_at: float = 0.0
    _asked: int | None = None
    _answers: int = 0

    def question(self) -> int | None:
        """The stamp of a question to send now: milliseconds of the monotonic clock; None for no question."""
        now = self.keeper.monotonic()
        if now < self._ask_at or not self.keeper.wants_host():
            return None
        self._ask_at = now + FIRST_EVERY_S
        self._asked = int(1000 * now)
        return self._asked

    def answered(self, text: str) -> None:
        """The host wrote `text`, just now. What answers no question of ours is passed over."""
        now = self.keeper.monotonic()
        try:
            answer = parse_answer(text)
        except WireError as error:
            _LOG.warning("time-answer-unreadable", extra={"cause": error})
            return
        if answer.asked_ms != self._asked or 1000 * now - answer.asked_ms > 1000 * SLOWEST_S:
            return
        self._asked = None
        self._answers += 1
        if self._answers % _QUESTIONS == 0:
            self._ask_at = now + LATER_EVERY_S
        # One millisecond more: the stamps are whole ones.
        error_s = (answer.error_ms(1000 * now) + 1) / 1000
        self.keeper.offer(Sample(Rung.HOST, answer.offset_ms(1000 * now) / 1000, error_s, now))
