"""Answers gateways that ask for the time: no state, two readings of the clock."""

from __future__ import annotations

from typing import Final

from telemetry.errors import CodecError
from telemetry.sparkplug.payload import Payload, decode, encode
from telemetry.sparkplug.topics import Topic, Verb
from telemetry.time_exchange import TIME_ASKED, TimeAnswer, answer_metric

_MARK: Final = TIME_ASKED.encode()
_LARGEST: Final = 10**18


def question_in(topic: Topic, payload: bytes) -> int | None:
    """The stamp of the question that a message asks; None where it asks none."""
    if topic.verb is not Verb.NDATA or _MARK not in payload:
        return None
    try:
        metrics = decode(payload).metrics
    except CodecError:
        return None
    for metric in metrics:
        asked_ms = metric.value
        if metric.name == TIME_ASKED and isinstance(asked_ms, int) and not isinstance(asked_ms, bool):
            return asked_ms if 0 <= asked_ms < _LARGEST else None
    return None


def answer(topic: Topic, asked_ms: int, *, received_ms: int, now_ms: int) -> tuple[Topic, bytes]:
    """The NCMD that answers a question of the gateway of `topic` that came at UTC `received_ms`."""
    metric = answer_metric(TimeAnswer(asked_ms, received_ms, max(now_ms, received_ms)), now_ms)
    return Topic(topic.area, Verb.NCMD, topic.gateway), encode(Payload(now_ms, (metric,)))
