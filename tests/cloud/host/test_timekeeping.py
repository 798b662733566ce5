"""Gateways that ask for the time are told it."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.host.timekeeping import answer, question_in
from cloud.registry.database import SqlRegistry
from telemetry.mqtt import Broker
from telemetry.sparkplug.payload import DataType, Metric, Payload, decode, encode
from telemetry.sparkplug.topics import Topic, Verb
from telemetry.time_exchange import TIME_ANSWER, TIME_ASKED, answer_metric, parse_answer, question_metric
from tests.cloud.host.test_supervisor import broker, gateway_link, house, next_of, registry, send
from tests.cloud.host.wire import NOW_MS, Gateway

__all__ = ["broker", "registry"]
NDATA = Topic("p060", Verb.NDATA, "eg-1")


def _asking(value: object, kind: DataType = DataType.INT64) -> bytes:
    return encode(Payload(NOW_MS, (Metric(TIME_ASKED, kind, value, NOW_MS),), seq=1))  # type: ignore[arg-type]


def test_the_answer_names_the_question() -> None:
    assert question_in(NDATA, _asking(12_345)) == 12_345
    topic, data = answer(NDATA, 12_345, received_ms=NOW_MS, now_ms=NOW_MS + 3)
    assert topic == Topic("p060", Verb.NCMD, "eg-1")
    (metric,) = decode(data).metrics
    assert metric.name == TIME_ANSWER
    told = parse_answer(str(metric.value))
    assert (told.asked_ms, told.received_ms, told.sent_ms) == (12_345, NOW_MS, NOW_MS + 3)


def test_a_clock_set_back_between_two_looks_gives_no_nonsense() -> None:
    _, data = answer(NDATA, 1, received_ms=NOW_MS, now_ms=NOW_MS - 60_000)
    assert parse_answer(str(decode(data).metrics[0].value)).sent_ms == NOW_MS


@pytest.mark.parametrize(
    "data",
    [
        _asking(None),
        _asking("1:2:3", DataType.STRING),
        _asking(True, DataType.BOOLEAN),
        _asking(2**62),
        encode(Payload(NOW_MS, (Metric(f"{TIME_ASKED} Not", DataType.INT64, 5, NOW_MS),), seq=1)),
        b"Time/Asked is no payload",
    ],
    ids=["birth", "text", "truth", "too large", "another", "broken"],
)
def test_what_asks_nothing(data: bytes) -> None:
    assert question_in(NDATA, data) is None


def test_only_node_data_asks() -> None:
    for verb in (Verb.NBIRTH, Verb.NCMD):
        assert question_in(Topic("p060", verb, "eg-1"), _asking(5)) is None


@given(st.binary(max_size=200))
def test_noise_asks_nothing_and_harms_nobody(data: bytes) -> None:
    question_in(NDATA, TIME_ASKED.encode() + data)


def test_the_host_answers_on_the_wire(broker: Broker, registry: SqlRegistry) -> None:
    async def story() -> None:
        gateway = Gateway("eg-late")
        async with house(broker, registry) as built, gateway_link(built, gateway) as link:
            topic, birth = gateway.nbirth()
            declared = (question_metric(None, NOW_MS), answer_metric(None, NOW_MS))
            born = decode(birth)
            send(link, (topic, encode(Payload(NOW_MS, born.metrics + declared, seq=0))))
            before_ms = time.time() * 1000
            data = encode(Payload(NOW_MS, (question_metric(777, NOW_MS),), seq=1))
            send(link, (gateway.topic(Verb.NDATA), data))
            (metric,) = decode((await next_of(link, "NCMD")).payload).metrics
            told = parse_answer(str(metric.value))
            assert (metric.name, told.asked_ms) == (TIME_ANSWER, 777)
            assert before_ms - 1 <= told.received_ms <= told.sent_ms <= time.time() * 1000 + 1

    asyncio.run(asyncio.wait_for(story(), 60))
