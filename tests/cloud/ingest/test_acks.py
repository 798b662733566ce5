"""Acknowledgements are complete, joined, and small enough to send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.acks import FULL, MAX_WAITING, AckCollector, ack_payload
from cloud.ingest.routing import StoredBatch
from telemetry.sparkplug.ack import ACK_METRIC, make_ack, parse_ack
from telemetry.sparkplug.payload import DataType, decode

STORED = st.builds(
    StoredBatch,
    place=st.tuples(st.sampled_from(["p060", "p061"]), st.sampled_from(["eg-1", "eg-2", "eg-3"])),
    epoch=st.sampled_from(["aaaaaaaa", "bbbbbbbb"]),
    number=st.integers(0, 300),
)


@given(st.lists(STORED, max_size=200))
def test_what_was_added_is_taken_once_and_nothing_else(added: list[StoredBatch]) -> None:
    collector = AckCollector()
    for stored in added:
        collector.add(stored)
    assert len(collector) == len(set(added))
    taken = [
        StoredBatch((topic.area, topic.gateway), ack.epoch, number)
        for topic, ack in collector.take()
        for number in ack.numbers()
    ]
    assert len(taken) == len(set(taken))
    assert set(taken) == set(added)
    assert len(collector) == 0
    assert list(collector.take()) == []


def test_a_gateway_that_waits_for_many_is_served_early() -> None:
    collector = AckCollector()
    for number in range(FULL):
        collector.add(StoredBatch(("p060", "eg-1"), "aaaaaaaa", number))
        collector.add(StoredBatch(("p060", "eg-2"), "bbbbbbbb", number // 2))
    assert [topic.gateway for topic, _ in collector.take(only_full=True)] == ["eg-1"]
    assert list(collector.take(only_full=True)) == []
    assert [topic.gateway for topic, _ in collector.take()] == ["eg-2"]
    assert len(collector) == 0


def test_a_gateway_with_gaps_everywhere_gets_several_messages() -> None:
    collector = AckCollector()
    for number in range(0, 4000, 2):
        collector.add(StoredBatch(("p060", "eg-1"), "aaaaaaaa", number))
    acks = [ack for _, ack in collector.take()]
    assert len(acks) == 4
    assert sorted(number for ack in acks for number in ack.numbers()) == list(range(0, 4000, 2))
    assert max(len(ack_payload(ack, 1)) for ack in acks) < 8000


def test_past_the_bound_the_oldest_gateway_is_left_to_send_again() -> None:
    collector = AckCollector()
    for number in range(MAX_WAITING):
        collector.add(StoredBatch(("p060", "eg-1"), "aaaaaaaa", number))
    collector.add(StoredBatch(("p060", "eg-2"), "bbbbbbbb", 7))
    assert [(topic.gateway, str(ack)) for topic, ack in collector.take()] == [("eg-2", "bbbbbbbb:7")]


def test_the_message_is_a_write_of_the_ack_metric() -> None:
    ack = make_ack("3f9a62d1", [100, 101, 102, 105])
    (metric,) = decode(ack_payload(ack, 1_700_000_000_000)).metrics
    assert (metric.name, metric.type, metric.time_ms) == (ACK_METRIC, DataType.STRING, 1_700_000_000_000)
    assert parse_ack(str(metric.value)) == ack
