"""MQTT 3.1.1 and 5 on the wire: the packets that a client sends, and a parser of what a subscriber gets.

Pure: no sockets, no time. The parser takes bytes in any portions. It reads PUBLISH of QoS 0 and 1, and the
answers to CONNECT, SUBSCRIBE and PINGREQ; anything that a broker must not send is a `PacketError`, after
which the connection cannot be read any further.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeAlias

from telemetry.errors import LinkError

MAX_PACKET_BYTES: Final = 16 * 1024 * 1024
"""Of a larger PUBLISH only the beginning is kept."""
KEPT_BYTES: Final = 64 * 1024

Arrived: TypeAlias = tuple[str, bytes, int]
"""Topic, payload, and the payload's whole size (more than is here where it was cut)."""

_MAX_LENGTH_BYTES: Final = 4
_SERVER_KEEP_ALIVE: Final = 0x13


class PacketError(LinkError):
    """The broker sent something that is no MQTT."""


class Type(IntEnum):
    """Packet types, as they stand in the upper half of the first byte."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


@dataclass(frozen=True, slots=True)
class LastWord:
    """A will: what the broker publishes when the connection dies. Not retained."""

    topic: str
    payload: bytes
    qos: int = 1


@dataclass(frozen=True, slots=True)
class ConnAck:
    """The answer to CONNECT."""

    reason: int
    """0 is success."""
    keep_alive_s: int | None = None
    """What the broker wants instead of what we asked (MQTT 5)."""


@dataclass(frozen=True, slots=True)
class SubAck:
    """The answer to SUBSCRIBE."""

    packet_id: int
    reasons: tuple[int, ...]
    """One a filter; 128 and above is a refusal."""


@dataclass(frozen=True, slots=True)
class PingResp:
    """The answer to PINGREQ."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The broker's good-bye (MQTT 5)."""

    reason: int


Control: TypeAlias = ConnAck | SubAck | PingResp | Disconnect


def connect(
    client_id: str,
    protocol: int,
    keep_alive_s: int,
    username: str | None,
    password: str | None,
    *,
    last_word: LastWord | None = None,
) -> bytes:
    """CONNECT with a clean session."""
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    properties = b"\x00" if protocol == 5 else b""
    will = b""
    if last_word is not None:
        flags |= 0x04 | last_word.qos << 3
        will = properties + _text(last_word.topic) + _binary(last_word.payload)
    body = _text("MQTT") + struct.pack(">BBH", protocol, flags, keep_alive_s) + properties + _text(client_id)
    body += will
    for text in (username, password):
        if text is not None:
            body += _text(text)
    return _packet(Type.CONNECT << 4, body)


def subscribe(packet_id: int, filters: Sequence[str], protocol: int, qos: int = 0) -> bytes:
    """SUBSCRIBE to `filters`."""
    properties = b"\x00" if protocol == 5 else b""
    body = struct.pack(">H", packet_id) + properties
    body += b"".join(_text(each) + bytes((qos,)) for each in filters)
    return _packet(Type.SUBSCRIBE << 4 | 0x02, body)


def publish(topic: str, payload: bytes, protocol: int) -> bytes:
    """PUBLISH with QoS 0, not retained."""
    return _packet(Type.PUBLISH << 4, _text(topic) + (b"\x00" if protocol == 5 else b"") + payload)


def puback(packet_id: int) -> bytes:
    """PUBACK with success."""
    return struct.pack(">BBH", Type.PUBACK << 4, 2, packet_id)


def pingreq() -> bytes:
    """PINGREQ."""
    return bytes((Type.PINGREQ << 4, 0))


def disconnect() -> bytes:
    """DISCONNECT of a normal end."""
    return bytes((Type.DISCONNECT << 4, 0))


def _text(text: str) -> bytes:
    return _binary(text.encode())


def _binary(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _packet(head: int, body: bytes) -> bytes:
    return bytes((head,)) + encode_length(len(body)) + body


def encode_length(length: int) -> bytes:
    """A remaining length as MQTT writes it."""
    encoded = bytearray()
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded)


@dataclass(slots=True)
class Parsed:
    """What a portion of bytes completed."""

    arrived: list[Arrived] = field(default_factory=list)
    to_acknowledge: list[int] = field(default_factory=list)
    """Packet ids of the arrived messages that came with QoS 1."""
    control: list[Control] = field(default_factory=list)
    bad_topics: int = 0
    """Messages left out because their topic is no text: not every broker checks that."""


class Parser:
    """Takes the bytes of one connection, in any portions."""

    def __init__(self, protocol: int, *, max_packet_bytes: int = MAX_PACKET_BYTES) -> None:
        self._is_v5 = protocol == 5
        self._max_packet = max_packet_bytes
        self._parts: list[bytes] = []
        self._held = 0
        self._need = 0
        """Bytes of the packet that is being collected, as far as they are known."""
        self._skip = 0
        """Bytes still to pass over of a packet that is too large."""

    def feed(self, data: bytes) -> Parsed:
        """What `data` completes.

        Raises:
            PacketError: it is no MQTT; the parser is of no use any more.
        """
        parsed = Parsed()
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        if self._parts:
            self._parts.append(data)
            self._held += len(data)
            if self._held < self._need:
                return parsed
            data = b"".join(self._parts)
            self._parts.clear()
        rest = self._packets(data, parsed)
        if rest < len(data):
            self._parts.append(data[rest:])
            self._held = len(data) - rest
        return parsed

    def _packets(self, data: bytes, parsed: Parsed) -> int:  # noqa: PLR0912, the hot loop in one piece
        """Parse all whole packets; returns where the first that is not whole begins."""
        place, size = 0, len(data)
        arrived, is_v5 = parsed.arrived, self._is_v5
        while place + 2 <= size:
            length, at = data[place + 1], place + 2
            if length >= 0x80:
                if at < size and (more := data[at]) < 0x80:
                    length, at = length & 0x7F | more << 7, at + 1
                elif (found := _length(data, place + 1)) is not None:
                    length, at = found
                else:
                    break
            end = at + length
            if end - place > self._max_packet:
                return self._oversize(data, place, at, end, parsed)
            if end > size:
                self._need = end - place
                return place
            if data[place] & 0xF7 == 0x30:  # PUBLISH with QoS 0: nearly all that ever comes
                body = at + 2 + (data[at] << 8 | data[at + 1]) if length >= 2 else end + 1
                topic = data[at + 2 : body]
                if is_v5 and body < end and data[body] == 0:
                    body += 1
                elif is_v5:
                    body = _behind_properties(data, body, end)
                if body > end:
                    raise PacketError("the broker sent a PUBLISH that is shorter than its own topic")
                try:
                    arrived.append((topic.decode(), data[body:end], end - body))
                except UnicodeDecodeError:
                    parsed.bad_topics += 1
            else:
                self._other(data[place], data[at:end], parsed)
            place = end
        self._need = 0
        return place

    def _other(self, head: int, body: bytes, parsed: Parsed) -> None:
        kind = head >> 4
        try:
            if kind == Type.PUBLISH:
                self._publish(head, body, parsed)
            elif kind == Type.CONNACK:
                parsed.control.append(ConnAck(body[1], self._keep_alive(body[2:])))
            elif kind == Type.SUBACK:
                behind = _behind_properties(body, 2, len(body)) if self._is_v5 else 2
                parsed.control.append(SubAck(body[0] << 8 | body[1], tuple(body[behind:])))
            elif kind == Type.PINGRESP:
                parsed.control.append(PingResp())
            elif kind == Type.DISCONNECT and self._is_v5:
                parsed.control.append(Disconnect(body[0] if body else 0))
            else:
                raise PacketError(f"the broker sent a packet of type {kind}, which no subscriber gets")
        except IndexError:
            raise PacketError(f"the broker sent a packet of type {kind} that is cut short") from None

    def _publish(self, head: int, body: bytes, parsed: Parsed) -> None:
        qos = head >> 1 & 3
        if qos > 1:
            raise PacketError(f"the broker sent a message with QoS {qos}, which was not subscribed")
        at = 2 + (body[0] << 8 | body[1])
        topic = body[2:at]
        if qos:
            parsed.to_acknowledge.append(body[at] << 8 | body[at + 1])
            at += 2
        if self._is_v5:
            at = _behind_properties(body, at, len(body))
        if at > len(body):
            raise PacketError("the broker sent a PUBLISH that is shorter than its own topic")
        try:
            parsed.arrived.append((topic.decode(), body[at:], len(body) - at))
        except UnicodeDecodeError:
            parsed.bad_topics += 1

    def _oversize(self, data: bytes, place: int, at: int, end: int, parsed: Parsed) -> int:
        """Keep the beginning of a packet that is too large, and pass over the rest as it comes."""
        if data[place] >> 4 != Type.PUBLISH:
            raise PacketError(f"the broker announced a packet of {end - place} bytes")
        kept = min(end, at + 0xFFFF + KEPT_BYTES)
        if len(data) < kept:
            self._need = kept - place
            return place
        before = len(parsed.arrived)
        self._publish(data[place], data[at:kept], parsed)
        if len(parsed.arrived) > before:
            topic, payload, size = parsed.arrived[-1]
            parsed.arrived[-1] = (topic, payload[:KEPT_BYTES], size + end - kept)
        self._skip = max(0, end - len(data))
        if end < len(data):
            return end + self._packets(data[end:], parsed)
        return len(data)

    def _keep_alive(self, properties: bytes) -> int | None:
        """The Server Keep Alive among the properties of CONNACK."""
        if not self._is_v5 or not properties:
            return None
        found = _length(properties, 0)
        if found is None:
            return None
        length, at = found
        end = at + length
        while at < min(end, len(properties)):
            number = properties[at]
            if number == _SERVER_KEEP_ALIVE:
                return properties[at + 1] << 8 | properties[at + 2]
            at = _behind_property(properties, at)
        return None


def _length(data: bytes, place: int) -> tuple[int, int] | None:
    """A variable length and the place behind it; None where it is not whole yet."""
    length = 0
    for step in range(_MAX_LENGTH_BYTES):
        if place + step >= len(data):
            return None
        byte = data[place + step]
        length |= (byte & 0x7F) << 7 * step
        if byte < 0x80:
            return length, place + step + 1
    raise PacketError("the broker sent a length of more than four bytes")


def _behind_properties(data: bytes, place: int, end: int) -> int:
    found = _length(data[place:end], 0)
    if found is None:
        raise PacketError("the broker sent a packet whose properties are cut short")
    length, at = found
    return place + at + length


_FIXED_SIZES: Final = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
"""Properties of a fixed size; all others are one text or binary, or, as user properties, two."""
_USER_PROPERTY: Final = 0x26


def _behind_property(data: bytes, at: int) -> int:
    number = data[at]
    size = _FIXED_SIZES.get(number)
    if size is not None:
        return at + 1 + size
    at += 1
    for _ in range(2 if number == _USER_PROPERTY else 1):
        at += 2 + (data[at] << 8 | data[at + 1])
    return at
