"""What a message on the wire tells the live view. Values are read by ingest's rules, as it stores them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from cloud.ingest.devices import Devices
from cloud.ingest.routing import receive, route
from cloud.store.port import Scan
from telemetry.errors import WireError
from telemetry.mqtt import Message
from telemetry.sparkplug.metrics import BD_SEQ
from telemetry.sparkplug.payload import decode
from telemetry.sparkplug.topics import NAMESPACE, Topic, Verb, parse_topic

FILTERS: Final = tuple(
    f"{NAMESPACE}/+/{verb.value}/#"
    for verb in (Verb.NBIRTH, Verb.NDEATH, Verb.DBIRTH, Verb.DDATA, Verb.DDEATH)
)
_GATEWAYS_KEPT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Born:
    """A device is there."""

    device: str
    gateway: str
    device_class: str


@dataclass(frozen=True, slots=True)
class Died:
    """A device is gone."""

    device: str


@dataclass(frozen=True, slots=True)
class GatewayDied:
    """A gateway is gone, and its devices with it."""

    gateway: str


Told: TypeAlias = Born | Died | GatewayDied | Scan


class Wire:
    """Reads messages. Used by one thread at a time; blocks on look-ups of devices not seen before."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._sessions: OrderedDict[str, object] = OrderedDict()
        """Gateway → `bdSeq` of its last NBIRTH: a death of an older session is no news."""

    def read(self, messages: Iterable[Message], now_ms: int) -> list[Told]:
        """All that `messages` tell, in their order; what cannot be read is ingest's to complain of."""
        told: list[Told] = []
        for message in messages:
            try:
                topic = parse_topic(message.topic)
                if isinstance(topic, Topic):
                    told.extend(self._read(topic, message, now_ms))
            except WireError:
                continue
        return told

    def _read(self, topic: Topic, message: Message, now_ms: int) -> Iterable[Told]:
        if topic.device is None:
            return self._node(topic, message.payload)
        if topic.verb is Verb.DDEATH:
            return (Died(topic.device),)
        routed = route(receive(message.topic, message.payload), self._devices, now_ms)
        if topic.verb is not Verb.DBIRTH:
            return routed.scans
        device = self._devices.find(topic.device)
        if device is None:
            return ()
        return (Born(device.id, topic.gateway, device.device_class), *routed.scans)

    def _node(self, topic: Topic, payload: bytes) -> Iterable[Told]:
        metrics = {metric.name: metric.value for metric in decode(payload).metrics}
        session = metrics.get(BD_SEQ)
        if topic.verb is Verb.NBIRTH:
            self._sessions[topic.gateway] = session
            self._sessions.move_to_end(topic.gateway)
            if len(self._sessions) > _GATEWAYS_KEPT:
                self._sessions.popitem(last=False)
            return ()
        if self._sessions.get(topic.gateway, session) != session:
            return ()
        return (GatewayDied(topic.gateway),)
