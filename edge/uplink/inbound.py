"""What arrives from the host: rebirth requests, acknowledgements, commands to devices, the host's STATE."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Final

from telemetry.errors import AckError, WireError
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.ack import ACK_METRIC, Ack, parse_ack
from telemetry.sparkplug.payload import Metric, decode
from telemetry.sparkplug.topics import StateTopic, Topic, Verb, parse_topic
from telemetry.time_exchange import TIME_ANSWER

_LOG: Final = logging.getLogger("edge.uplink")


@dataclass(frozen=True, slots=True)
class RebirthAsked:
    """Somebody wants all births again."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The host has stored batches."""

    ack: Ack


@dataclass(frozen=True, slots=True)
class DeviceCommand:
    """One metric of a DCMD."""

    device: str
    metric: Metric
    sent_ms: int | None
    """The payload's time, where the sender gave one."""
    broker_left_s: float | None = None
    """What the broker says is left of the message's life (MQTT 5), where it says so."""


@dataclass(frozen=True, slots=True)
class HostState:
    """A STATE message of a host application."""

    host: str
    is_online: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class ConfigurationOffered:
    """The host wants a configuration; nothing of it is checked yet."""

    envelope: str


@dataclass(frozen=True, slots=True)
class TimeTold:
    """The host says what time it is; nothing of it is checked yet."""

    answer: str


Event = TimeTold | RebirthAsked | Acknowledged | ConfigurationOffered | DeviceCommand | HostState


def read_message(topic_text: str, payload: bytes, expires_in_s: float | None = None) -> list[Event]:
    """What a message asks for. One that cannot be read is logged and asks for nothing.

    `expires_in_s` is what the broker says is left of its life.
    """
    try:
        topic = parse_topic(topic_text)
        if isinstance(topic, StateTopic):
            return _state(topic.host, payload)
        if topic.verb in (Verb.NCMD, Verb.DCMD):
            return _command(topic, payload, expires_in_s)
    except WireError as error:
        _LOG.warning("message-unreadable", extra={"topic": topic_text, "cause": error})
    return []


def _command(topic: Topic, payload: bytes, left_s: float | None) -> list[Event]:
    content = decode(payload)
    if topic.device is not None:
        return [DeviceCommand(topic.device, metric, content.time_ms, left_s) for metric in content.metrics]
    events: list[Event] = []
    for metric in content.metrics:
        if metric.name == names.REBIRTH:
            if metric.value is True:
                events.append(RebirthAsked())
        elif metric.name == ACK_METRIC and isinstance(metric.value, str):
            try:
                events.append(Acknowledged(parse_ack(metric.value)))
            except AckError as error:
                _LOG.warning("acknowledgement-unreadable", extra={"gateway": topic.gateway, "cause": error})
        elif metric.name == TIME_ANSWER and isinstance(metric.value, str):
            events.append(TimeTold(metric.value))
        elif metric.name == names.CONFIG_DESIRED and isinstance(metric.value, str):
            events.append(ConfigurationOffered(metric.value))
        else:
            _LOG.info("node-command-unknown", extra={"gateway": topic.gateway, "metric": metric.name})
    return events


def _state(host: str, payload: bytes) -> list[Event]:
    try:
        content = json.loads(payload)
        is_online, time_ms = content["online"], content["timestamp"]
    except (ValueError, KeyError, TypeError) as error:
        _LOG.warning("host-state-unreadable", extra={"host": host, "cause": error})
        return []
    if not isinstance(is_online, bool) or isinstance(time_ms, bool) or not isinstance(time_ms, int):
        _LOG.warning("host-state-unreadable", extra={"host": host, "cause": "wrong types"})
        return []
    return [HostState(host, is_online, time_ms)]


class PrimaryHost:
    """The host that must be online before births go out; only its own STATE counts, never an older one."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._newest_ms: int | None = None

    def judge(self, state: HostState) -> bool | None:
        """True: it is online. False: it has gone. None: the message does not count."""
        if state.host != self.host or (self._newest_ms is not None and state.time_ms < self._newest_ms):
            return None
        self._newest_ms = state.time_ms
        return state.is_online
