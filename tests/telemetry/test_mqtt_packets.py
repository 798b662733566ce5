"""The parser reads the same packets however their bytes are cut, and names what is no MQTT."""

from __future__ import annotations

import contextlib
import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import mqtt_packets as packets
from telemetry.mqtt_packets import (
    KEPT_BYTES,
    Arrived,
    ConnAck,
    Control,
    Disconnect,
    PacketError,
    Parsed,
    Parser,
    PingResp,
    SubAck,
    encode_length,
)

TOPICS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
PAYLOADS = st.one_of(st.binary(max_size=300), st.integers(100, 20_000).map(bytes))
PROPERTIES = st.sampled_from([b"", b"\x01\x01", b"\x02\x00\x00\x00\x05", b"\x26\x00\x01a\x00\x01b"])
"""None, payload format, message expiry, a user property."""


def publish(topic: str, payload: bytes, protocol: int, qos: int, retain: bool, properties: bytes) -> bytes:
    body = struct.pack(">H", len(topic.encode())) + topic.encode()
    if qos:
        body += b"\x12\x34"
    if protocol == 5:
        body += encode_length(len(properties)) + properties
    body += payload
    return bytes((0x30 | qos << 1 | retain,)) + encode_length(len(body)) + body


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, bytes, list[Arrived], list[int], list[Control]]:
    """Protocol, bytes, and what they mean."""
    protocol = draw(st.sampled_from([4, 5]))
    data = b""
    arrived: list[Arrived] = []
    acknowledge: list[int] = []
    control: list[Control] = []
    for kind in draw(st.lists(st.sampled_from(["message", "message", "ping", "suback", "connack", "bye"]))):
        if kind == "message":
            topic, payload, qos = draw(TOPICS), draw(PAYLOADS), draw(st.sampled_from([0, 0, 1]))
            data += publish(topic, payload, protocol, qos, draw(st.booleans()), draw(PROPERTIES))
            arrived.append((topic, payload, len(payload)))
            acknowledge += [0x1234] * qos
        elif kind == "ping":
            data += b"\xd0\x00"
            control.append(PingResp())
        elif kind == "suback":
            properties = b"\x00" if protocol == 5 else b""
            data += bytes((0x90, 4 + len(properties))) + b"\x00\x07" + properties + b"\x00\x87"
            control.append(SubAck(7, (0x00, 0x87)))
        elif kind == "connack":
            properties = b"\x06\x21\x00\x14\x13\x00\x1e" if protocol == 5 else b""
            data += bytes((0x20, 2 + len(properties))) + b"\x00\x00" + properties
            control.append(ConnAck(0, 30 if protocol == 5 else None))
        elif protocol == 5:
            data += b"\xe0\x01\x8e"
            control.append(Disconnect(0x8E))
    return protocol, data, arrived, acknowledge, control


def feed(parser: Parser, data: bytes, cuts: list[int]) -> Parsed:
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    whole = Parsed()
    for begin, end in itertools.pairwise(places):
        part = parser.feed(data[begin:end])
        whole.arrived += part.arrived
        whole.to_acknowledge += part.to_acknowledge
        whole.control += part.control
        whole.bad_topics += part.bad_topics
    return whole


@given(streams(), st.lists(st.integers(0, 10**6), max_size=30))
def test_packets_are_read_wherever_their_bytes_are_cut(
    stream: tuple[int, bytes, list[Arrived], list[int], list[Control]], cuts: list[int]
) -> None:
    protocol, data, arrived, acknowledge, control = stream
    parsed = feed(Parser(protocol), data, cuts)
    assert parsed.arrived == arrived
    assert parsed.to_acknowledge == acknowledge
    assert parsed.control == control
    assert parsed.bad_topics == 0


def test_every_single_cut() -> None:
    data = b"\xd0\x00" + publish("spBv1.0/p060/DDATA/eg-1/sl-1", bytes(200), 5, 0, False, b"") * 2
    for cut in range(len(data) + 1):
        assert len(feed(Parser(5), data, [cut]).arrived) == 2
    assert len(feed(Parser(5), data, list(range(len(data)))).arrived) == 2


@given(st.sampled_from([4, 5]), st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_are_read_or_named(protocol: int, data: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(PacketError):
        feed(Parser(protocol), data, cuts)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x30\xff\xff\xff\xff\x01", "a length of more than four bytes"),
        (b"\x30\x01\x00", "shorter than its own topic|properties are cut short"),
        (b"\x30\x04\x00\x09ab", "shorter than its own topic|properties are cut short"),
        (b"\x34\x06\x00\x01t\x00\x01x", "QoS 2"),
        (b"\x82\x02\x00\x01", "of type 8"),
        (b"\x00\x00", "of type 0"),
        (b"\x20\x01\x00", "of type 2 that is cut short"),
        (b"\x90\xff\xff\xff\x7f", "a packet of 268435"),
    ],
)
@pytest.mark.parametrize("protocol", [4, 5])
def test_what_is_no_mqtt_is_named(data: bytes, what: str, protocol: int) -> None:
    with pytest.raises(PacketError, match=what):
        Parser(protocol).feed(data)


@given(st.integers(2, 200_000), st.lists(st.integers(0, 200_000), max_size=6), st.sampled_from([0, 1]))
def test_of_a_giant_the_beginning_is_kept_and_the_next_message_read(
    size: int, cuts: list[int], qos: int
) -> None:
    payload = bytes(range(256)) * (size // 256 + 1)
    data = publish("t/giant", payload, 5, qos, False, b"") + publish("t/next", b"x", 5, 0, False, b"")
    parsed = feed(Parser(5, max_packet_bytes=1000), data, cuts)
    giant, following = parsed.arrived
    assert giant == ("t/giant", payload[:KEPT_BYTES], len(payload))
    assert following == ("t/next", b"x", 1)
    assert parsed.to_acknowledge == [0x1234] * qos


def test_a_topic_that_is_no_text_is_left_out_and_counted() -> None:
    for qos in (0, 2):
        parsed = Parser(4).feed(bytes((0x30 | qos,)) + b"\x06\x00\x02\xff\xfe\x00\x01" + b"\xd0\x00")
        assert parsed.arrived == []
        assert parsed.bad_topics == 1
        assert parsed.control == [PingResp()]


def test_what_we_send_is_as_the_standard_writes_it() -> None:
    assert packets.connect("ab", 4, 60, None, None) == b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab"
    assert packets.connect("ab", 5, 60, "u", "p") == (
        b"\x10\x15\x00\x04MQTT\x05\xc2\x00\x3c\x00\x00\x02ab\x00\x01u\x00\x01p"
    )
    assert packets.subscribe(1, ["a/+"], 5) == b"\x82\x09\x00\x01\x00\x00\x03a/+\x00"
    assert packets.publish("t", b"x", 4) == b"\x30\x04\x00\x01tx"
    assert packets.publish("t", b"x", 5) == b"\x30\x05\x00\x01t\x00x"
    assert packets.puback(0x1234) == b"\x40\x02\x12\x34"


@given(st.integers(0, 268_435_455))
def test_a_length_is_written_as_it_is_read(length: int) -> None:
    encoded = encode_length(length)
    assert packets._length(encoded, 0) == (length, len(encoded))


@pytest.mark.parametrize("protocol", [4, 5])
def test_connect_carries_the_will_before_user_and_password(protocol: int) -> None:
    none = b"\x00" if protocol == 5 else b""
    word = packets.LastWord("a/b", b"\x08\x01", 1)
    body = b"\x00\x04MQTT" + bytes((protocol, 0xCE)) + b"\x00\x3c" + none + b"\x00\x03eg1"
    body += none + b"\x00\x03a/b\x00\x02\x08\x01\x00\x01u\x00\x01p"
    assert packets.connect("eg1", protocol, 60, "u", "p", last_word=word) == bytes((0x10, len(body))) + body
