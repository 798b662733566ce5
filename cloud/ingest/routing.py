"""What becomes of one message: scans to store, commands' results, dead letters, a batch to acknowledge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cloud.ingest.devices import GENERIC, Devices
from cloud.ingest.faults import KEPT_BYTES, MAX_PAYLOAD_BYTES, Reason
from cloud.ingest.oversize import batch_id_of
from cloud.ingest.reading import CommandResult, PayloadReader, printable
from cloud.registry.port import DeadLetter
from cloud.store.port import Scan
from telemetry.errors import CodecError, TopicError
from telemetry.sparkplug.ack import BatchId, parse_batch_id
from telemetry.sparkplug.payload import Payload, decode
from telemetry.sparkplug.topics import Topic, Verb, parse_topic

_DETAIL_CHARACTERS: Final = 500
_TOPIC_CHARACTERS: Final = 300
_new: Final = tuple.__new__
"""Makes a named tuple in half the time of its own constructor."""


class Received(NamedTuple):
    """A message from the broker, cut to what is kept of it where it is too large."""

    topic: str
    payload: bytes
    size: int
    """Bytes of the whole payload."""
    batch: BatchId | None = None
    """The batch of a payload that was cut."""

    @property
    def is_cut(self) -> bool:
        """Whether only the payload's beginning is here."""
        return self.size > len(self.payload)


class StoredBatch(NamedTuple):
    """A batch to acknowledge once all of its message is durable."""

    place: tuple[str, str]
    """Area and gateway."""
    epoch: str
    number: int


@dataclass(slots=True)
class Routed:
    """What one message comes to."""

    received: Received
    verb: str = ""
    is_unknown: bool = False
    """The device is not known yet: the message is dropped unacknowledged, and will be sent again."""
    scans: list[Scan] = field(default_factory=list)
    results: list[CommandResult] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    batch: StoredBatch | None = None
    bad_values: int = 0
    """Values stored as bad although the sender called them good."""


def receive(topic: str, payload: bytes, size: int | None = None) -> Received:
    """The message as it waits for its turn: one that is too large is cut at once, to bound memory.

    `size`, where only the beginning of the payload was taken from the wire.
    """
    whole = len(payload) if size is None else size
    if whole <= MAX_PAYLOAD_BYTES:
        return _new(Received, (topic, payload, whole, None))
    return Received(topic, payload[:KEPT_BYTES], whole, batch_id_of(payload))


def dead_letter(received: Received, reason: Reason, detail: str, now_ms: int) -> DeadLetter:
    """The record of what could not be stored of a message."""
    kept = received.payload[:KEPT_BYTES]
    topic = printable(received.topic, _TOPIC_CHARACTERS)
    text = printable(detail, _DETAIL_CHARACTERS)
    return DeadLetter(0, now_ms, topic, reason.value, text, received.size, kept)


def route(received: Received, devices: Devices, now_ms: int) -> Routed:
    """Everything that `received` comes to. Blocks on look-ups of devices not seen before; raises nothing."""
    routed = Routed(received)
    try:
        topic = parse_topic(received.topic)
        if not isinstance(topic, Topic):
            return routed
        routed.verb = topic.verb.value
        if received.is_cut:
            detail = f"{received.size} bytes, more than {MAX_PAYLOAD_BYTES}"
            routed.letters.append(dead_letter(received, Reason.TOO_LARGE, detail, now_ms))
            routed.batch = _stored(topic, received.batch)
            return routed
        payload = decode(received.payload)
    except (TopicError, CodecError) as error:
        routed.letters.append(dead_letter(received, Reason.MALFORMED, str(error), now_ms))
        return routed
    if topic.device is None:
        return routed
    if topic.verb is Verb.DBIRTH:
        device = devices.learn(topic.device, payload)
        if device.device_class == GENERIC:
            # reports by exception begin with the birth's values; our own gateways send theirs by the spool
            _read(PayloadReader(topic, device, devices, now_ms), payload, routed, now_ms)
    elif topic.verb is Verb.DDATA:
        found = devices.find(topic.device)
        if found is None:
            routed.is_unknown = True
            return routed
        _read(PayloadReader(topic, found, devices, now_ms), payload, routed, now_ms)
        routed.batch = _stored(topic, parse_batch_id(payload.uuid))
    return routed


def _stored(topic: Topic, batch: BatchId | None) -> StoredBatch | None:
    return None if batch is None else StoredBatch((topic.area, topic.gateway), batch.epoch, batch.number)


def _read(reader: PayloadReader, payload: Payload, routed: Routed, now_ms: int) -> None:
    reader.read(payload)
    routed.scans = list(reader.scans())
    routed.results = reader.results
    routed.bad_values = reader.bad_values
    routed.letters = [
        dead_letter(routed.received, reason, "; ".join(details), now_ms)
        for reason, details in reader.faults.items()
    ]
