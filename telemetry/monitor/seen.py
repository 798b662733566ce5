"""One message as it was seen, taken apart once for all rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from telemetry.errors import CodecError, TopicError
from telemetry.monitor.state import Host, Node, Province, Source
from telemetry.mqtt import Message
from telemetry.sparkplug.metrics import BD_SEQ
from telemetry.sparkplug.payload import Metric, Payload, decode, parse
from telemetry.sparkplug.topics import NAMESPACE, StateTopic, Topic, Verb, parse_topic

STATE: Final = "STATE"
NO_TOPIC: Final = "?"
"""Kind of a message whose topic is none of Sparkplug's."""
LISTED: Final = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """A message, the state of its sender before it, and what could be read of it."""

    message: Message
    at_ms: int
    """When it arrived, by the monitor's clock."""
    province: Province
    topic: Topic | StateTopic | None = None
    node: Node | None = None
    source: Source | None = None
    """Who has the metrics that the message is about: the node, or the device."""
    host: Host | None = None
    raw: Any = None
    """The protobuf message; None where the bytes are none."""
    payload: Payload | None = None
    """Its typed form; None also where property keys and values do not pair."""
    fault: str = ""
    """Why the body could not be read."""
    state: Any = None
    """The JSON of a STATE message."""

    @property
    def kind(self) -> str:
        """The verb, STATE, or NO_TOPIC."""
        if self.topic is None:
            return NO_TOPIC
        return STATE if isinstance(self.topic, StateTopic) else self.topic.verb.value

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The typed metrics, none where the payload could not be read."""
        return self.payload.metrics if self.payload is not None else ()

    @property
    def raw_metrics(self) -> Any:
        """The protobuf metrics, none where the bytes are no payload."""
        return self.raw.metrics if self.raw is not None else ()

    @property
    def device(self) -> str | None:
        """The device level of the topic."""
        return self.topic.device if isinstance(self.topic, Topic) else None

    @property
    def seq(self) -> int | None:
        """The payload's sequence number."""
        return int(self.raw.seq) if self.raw is not None and self.raw.HasField("seq") else None

    @property
    def time_ms(self) -> int | None:
        """The payload's own time."""
        return int(self.raw.timestamp) if self.raw is not None and self.raw.HasField("timestamp") else None

    @property
    def bd_seq(self) -> int | None:
        """The session number, where the payload carries one."""
        for metric in self.metrics:
            if metric.name == BD_SEQ and isinstance(metric.value, int):
                return metric.value
        return None

    def name_of(self, metric: Metric) -> str:
        """The metric's name, found by its alias where it came without one; empty where unknown."""
        if metric.name or metric.alias is None or self.node is None:
            return metric.name
        return self.node.aliases.get(metric.alias, (None, ""))[1]

    def named(self) -> Iterator[tuple[str, Metric]]:
        """The metrics whose names are known, with them."""
        for metric in self.metrics:
            name = self.name_of(metric)
            if name:
                yield name, metric


def listed(names: list[str]) -> str:
    """The first names of a list that may be long: `a, b, c and 5 more`."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def looks_like_sparkplug(topic: str) -> bool:
    """Whether a topic belongs to Sparkplug, or means to."""
    levels = topic.split("/")
    return (
        levels[0] == NAMESPACE
        or (len(levels) in (4, 5) and levels[2] in Verb.__members__)
        or (len(levels) in (2, 3) and levels[-2] == STATE)
    )


def take_apart(message: Message, at_ms: int, province: Province) -> Seen:
    """The message with all that can be read of it; raises nothing, whatever the bytes."""
    try:
        topic = parse_topic(message.topic)
    except TopicError as error:
        return Seen(message, at_ms, province, fault=str(error))
    if isinstance(topic, StateTopic):
        state, fault = _read_state(message.payload)
        host = province.host(topic.host)
        return Seen(message, at_ms, province, topic, host=host, state=state, fault=fault)
    node = province.node(topic.area, topic.gateway)
    raw, payload, fault = None, None, ""
    try:
        raw = parse(message.payload)
        payload = decode(message.payload)
    except CodecError as error:
        fault = str(error)
    return Seen(
        message, at_ms, province, topic, node, node.source(topic.device), None, raw, payload, fault=fault
    )


def _read_state(body: bytes) -> tuple[Any, str]:
    try:
        return json.loads(body), ""
    except (ValueError, RecursionError) as error:
        return None, str(error)
