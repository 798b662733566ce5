"""How a gateway asks its host for the time: four stamps, as in NTP, over the connection that it has anyway.

Private networks of mobile operators often let nothing but the broker through. The gateway sends the node
metric `Time/Asked` with its own monotonic milliseconds (t1); the host answers by an NCMD that writes
`Time/Answer`: t1, its UTC when the question came (t2), its UTC when the answer goes (t3). With the moment of
arrival (t4) that gives the time, and how wrong it can be at most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from telemetry.errors import WireError
from telemetry.sparkplug.payload import DataType, Metric

TIME_ASKED: Final = "Time/Asked"
TIME_ANSWER: Final = "Time/Answer"
_ANSWER: Final = re.compile(r"(\d{1,18}):(\d{13,15}):(\d{13,15})")


@dataclass(frozen=True, slots=True)
class TimeAnswer:
    """What the host said. Milliseconds: t1 of the gateway's monotonic clock, t2 and t3 of UTC."""

    asked_ms: int
    received_ms: int
    sent_ms: int

    def __str__(self) -> str:
        return f"{self.asked_ms}:{self.received_ms}:{self.sent_ms}"

    def offset_ms(self, arrived_ms: float) -> float:
        """UTC minus the gateway's monotonic clock, given the monotonic moment of the answer's arrival."""
        return ((self.received_ms - self.asked_ms) + (self.sent_ms - arrived_ms)) / 2

    def error_ms(self, arrived_ms: float) -> float:
        """By how much `offset_ms` may be wrong: half the time that the messages took."""
        return max(0.0, (arrived_ms - self.asked_ms) - (self.sent_ms - self.received_ms)) / 2


def parse_answer(text: str) -> TimeAnswer:
    """The answer in `text`.

    Raises:
        WireError: it is none.
    """
    match = _ANSWER.fullmatch(text)
    if match is None:
        raise WireError(f"{text[:80]!r} is no answer to a question for the time: expected 't1:t2:t3'")
    answer = TimeAnswer(*(int(part) for part in match.groups()))
    if answer.sent_ms < answer.received_ms:
        raise WireError(f"{text[:80]!r}: the answer went before the question came")
    return answer


def question_metric(asked_ms: int | None, now_ms: int) -> Metric:
    """The gateway's question, sent at `asked_ms` of its monotonic clock; None in a birth: it asks nothing."""
    return Metric(TIME_ASKED, DataType.INT64, asked_ms, now_ms, is_transient=True, is_null=asked_ms is None)


def answer_metric(answer: TimeAnswer | None, now_ms: int) -> Metric:
    """The host's answer; None in a birth, which says that it can be written."""
    return Metric(TIME_ANSWER, DataType.STRING, "" if answer is None else str(answer), now_ms)
