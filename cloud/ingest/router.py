"""Sorts batches of messages: the usual ones by the shape of their bytes, all others the careful way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cloud.ingest.devices import REFRESH_S, Device, Devices, Known
from cloud.ingest.reading import CommandResult
from cloud.ingest.routing import Received, Routed, StoredBatch, route
from cloud.ingest.shapes import Layout, ShapeBook, Values
from cloud.ingest.validation import MAX_AHEAD_MS, NOT_BEFORE_MS
from cloud.registry.port import DeadLetter
from cloud.store.checks import fault
from cloud.store.port import Channel, Row, Scan
from telemetry.clock import Clock
from telemetry.sparkplug.ack import parse_batch_id
from telemetry.sparkplug.topics import Topic, Verb, parse_topic

KEPT_SOURCES: Final = 100_000
KEPT_CHANNELS: Final = 300_000
"""Past either bound all sources are forgotten; those that speak are made again."""
_new: Final = tuple.__new__
"""Makes a named tuple in half the time of its own constructor."""


@dataclass(slots=True)
class RoutedBatch:
    """What a batch of messages comes to."""

    items: list[Scan | Row] = field(default_factory=list)
    """To store, in the order of their messages."""
    owners: list[Received] = field(default_factory=list)
    """The message of each item."""
    letters: list[DeadLetter] = field(default_factory=list)
    results: list[CommandResult] = field(default_factory=list)
    stored: list[StoredBatch] = field(default_factory=list)
    """To acknowledge once everything above is durable."""
    verbs: Counter[str] = field(default_factory=Counter)
    values: int = 0
    bad_values: int = 0
    """Values stored as bad although the sender called them good."""
    unknown_devices: int = 0
    """Messages that are left unacknowledged, for no birth has told of their device."""

    def add(self, routed: Routed) -> None:
        """Add what one message comes to."""
        self.items += routed.scans
        self.owners += [routed.received] * len(routed.scans)
        self.letters += routed.letters
        self.results += routed.results
        if routed.batch is not None:
            self.stored.append(routed.batch)
        self.verbs[routed.verb or "other"] += 1
        self.values += sum(len(scan.fields) for scan in routed.scans)
        self.bad_values += routed.bad_values
        self.unknown_devices += routed.is_unknown


class Source:
    """The data topic of one device at one gateway, with all that its usual messages need."""

    __slots__ = ("_digits", "_epoch", "_place", "_prefix", "_topic", "channels", "device", "known", "shapes")

    def __init__(self, topic: Topic, known: Known) -> None:
        self._topic = topic
        self._place = (topic.area, topic.gateway)
        self._prefix = b":"
        self._digits = 0
        self._epoch = ""
        self.known = known
        self.device: Device = known.device
        self.shapes: ShapeBook = known.device.shapes
        self.channels: dict[Layout, Channel] = {}

    def is_current(self) -> bool:
        """Whether the device is still remembered, and as it was."""
        return self.known.device is self.device and self.known.since_s > float("-inf")

    def batch(self, uuid: bytes) -> StoredBatch | None:
        """The batch that `uuid` names; None where it names none of a spool of ours."""
        if uuid.startswith(self._prefix) and (number := uuid[self._digits :]).isdigit() and len(number) < 20:
            return _new(StoredBatch, (self._place, self._epoch, int(number)))
        found = parse_batch_id(uuid.decode("ascii", "replace"))
        if found is None:
            return None
        self._prefix = found.epoch.encode() + b":"
        self._digits = len(self._prefix)
        self._epoch = found.epoch
        return StoredBatch(self._place, found.epoch, found.number)

    def channel(self, layout: Layout, time_ms: int, values: Values) -> Channel | None:
        """A channel for such rows; None where no store would take them."""
        channel = Channel(self.device.device_class, *self._place, self.device.id, layout.fields, layout.kinds)
        if fault(Row(channel, time_ms, values).scan()):
            return None
        self.channels[layout] = channel
        return channel


class Router:
    """Used by one thread at a time; blocks on look-ups of devices not met before."""

    def __init__(self, devices: Devices, clock: Clock) -> None:
        self._devices = devices
        self._clock = clock
        self._sources: dict[str, Source] = {}
        self._channels = 0

    def route(self, messages: Iterable[Received]) -> RoutedBatch:
        """Everything that `messages` come to; raises nothing."""
        batch = RoutedBatch()
        now_ms = self._clock.now_ms()
        latest_ms = now_ms + MAX_AHEAD_MS
        oldest_s = self._clock.monotonic() - REFRESH_S
        sources, items, owners, stored = self._sources, batch.items, batch.owners, batch.stored
        usual = values = 0
        for message in messages:
            source = sources.get(message.topic)
            if (
                source is not None
                and source.known.since_s > oldest_s
                and source.known.device is source.device
                and (reading := source.shapes.read(message.payload)) is not None
                and NOT_BEFORE_MS <= (time_ms := reading[1]) <= latest_ms
                and (named := source.batch(reading[3])) is not None
                and (
                    channel := source.channels.get(reading[0])
                    or self._new_channel(source, reading[0], time_ms, reading[2])
                )
            ):
                measured = reading[2]
                items.append(_new(Row, (channel, time_ms, measured)))
                owners.append(message)
                stored.append(named)
                usual += 1
                values += len(measured)
            else:
                batch.add(self._careful(message, source, now_ms))
        batch.verbs[Verb.DDATA.value] += usual
        batch.values += values
        return batch

    def _new_channel(self, source: Source, layout: Layout, time_ms: int, values: Values) -> Channel | None:
        self._channels += 1
        return source.channel(layout, time_ms, values)

    def _careful(self, message: Received, source: Source | None, now_ms: int) -> Routed:
        routed = route(message, self._devices, now_ms)
        if routed.batch is None or not routed.scans or routed.verb != Verb.DDATA.value:
            return routed
        if source is None or not source.is_current():
            source = self._source(message.topic)
        if source is not None and _is_usual(routed):
            source.shapes.learn(message.payload)
        return routed

    def _source(self, text: str) -> Source | None:
        topic = parse_topic(text)
        if not isinstance(topic, Topic) or topic.device is None:
            return None
        known = self._devices.known(topic.device)
        if known is None:
            return None
        if len(self._sources) >= KEPT_SOURCES or self._channels >= KEPT_CHANNELS:
            self._sources.clear()
            self._channels = 0
        source = self._sources[text] = Source(topic, known)
        return source


def _is_usual(routed: Routed) -> bool:
    """Whether the message is of the kind that shapes read."""
    return (
        len(routed.scans) == 1
        and not routed.scans[0].quality
        and not routed.letters
        and not routed.results
        and not routed.bad_values
        and not any(isinstance(value, str) or value is None for value in routed.scans[0].fields.values())
    )
