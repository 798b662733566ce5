"""All gateways and devices as the host knows them: a pure state machine over Sparkplug messages.

It is told messages and time, and answers with changes for the registry; rebirths that it needs go to the
queue that it was given. It has no connection, no clock and no database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from cloud.host.births import LONGEST_ID, NodeFacts, asks_for_rebirth, device_birth, node_facts
from cloud.host.changes import AllOffline, Change, DeviceBorn, DeviceDied, GatewayBorn, GatewayDied, SpoolTold
from cloud.host.journal import Journal
from cloud.host.moment import Moment
from cloud.host.nodes import figures_of
from cloud.host.policy import HostPolicy
from cloud.host.rebirths import Rebirths, Target
from cloud.host.reorder import Arrival
from cloud.host.session import DeviceSession, GatewaySession, Presence
from cloud.registry.port import DeviceRecord, GatewayRecord
from telemetry.devices.classes import DeviceClass
from telemetry.errors import TopicError
from telemetry.readings import Value
from telemetry.sparkplug.metrics import REBIRTH
from telemetry.sparkplug.payload import Payload, decode, parse
from telemetry.sparkplug.topics import Topic, Verb

MAX_CLOCK_ERROR_MS: Final = 10 * 60_000
"""A DDEATH counts at its own time, unless the gateway's clock is further off than this."""
_REBIRTH_MARK: Final = REBIRTH.encode()


class Fleet:
    """The sessions of all gateways. Not thread-safe: lives in the event loop."""

    def __init__(
        self,
        classes: Mapping[str, DeviceClass],
        policy: HostPolicy,
        rebirths: Rebirths,
        journal: Journal,
        *,
        on_figures: Callable[[str, str, int, Mapping[str, Value]], None] = lambda *_: None,
    ) -> None:
        """`on_figures` gets what a gateway tells of itself: area, gateway, UTC milliseconds, figures."""
        self._on_figures = on_figures
        self._classes = classes
        self._policy = policy
        self._rebirths = rebirths
        self._journal = journal
        self._gateways: dict[str, GatewaySession] = {}
        self._home: dict[str, str] = {}
        self._gapped: set[str] = set()
        self.counts: Counter[str] = Counter()
        """What happened how often, by name: gaps, lost messages, ignored deaths, refused births …"""

    def load(self, gateways: Iterable[GatewayRecord], devices: Iterable[DeviceRecord], now: Moment) -> None:
        """What the registry knows from before; nothing of it is known to be online now."""
        self._add(AllOffline(now.ms))
        for record in gateways:
            gateway = self._gateways[record.id] = GatewaySession(
                record.id, record.area, Presence.UNKNOWN, now
            )
            gateway.spool.depth, gateway.spool.dropped = record.spool_depth, record.spool_dropped
        for device in devices:
            if device.gateway in self._gateways:
                self._settle(device.gateway, DeviceSession(device.id, device.device_class))

    def connected(self, now: Moment) -> None:
        """Our own connection stands (again): every gateway has its grace from now."""
        for gateway in self._gateways.values():
            gateway.presence = Presence.UNKNOWN
            gateway.since = now

    def disconnected(self, now: Moment) -> None:
        """Our own connection is gone: nothing is known to be online."""
        for gateway in self._gateways.values():
            gateway.leave(Presence.UNKNOWN, now)
        self._gapped.clear()
        self._add(AllOffline(now.ms))

    def gateways(self) -> Iterator[GatewaySession]:
        """All gateways."""
        return iter(self._gateways.values())

    def area(self, gateway: str) -> str | None:
        """The area of the gateway; None where no birth has ever told of it."""
        known = self._gateways.get(gateway)
        return None if known is None else known.area

    def is_offline(self, gateway: str) -> bool:
        """Whether the gateway is known to be offline."""
        known = self._gateways.get(gateway)
        return known is not None and known.presence is Presence.OFFLINE

    def receive(self, topic: Topic, data: bytes, now: Moment) -> str | None:
        """A message has come; returns the id of the device that it gave birth to, if any.

        Raises:
            CodecError: the payload cannot be read.
            TopicError: an id is longer than any real one.
        """
        if max(len(topic.area), len(topic.gateway), len(topic.device or "")) > LONGEST_ID:
            raise TopicError(f"topic {str(topic)[:80]}… has an id of more than {LONGEST_ID} characters")
        match topic.verb:
            case Verb.NBIRTH:
                self._gateway_born(topic, data, now)
            case Verb.NDEATH:
                self._gateway_died(topic, data, now)
            case Verb.NCMD:
                if _REBIRTH_MARK in data and asks_for_rebirth(decode(data)):
                    self._rebirths.asked(topic.gateway, now.s)
            case Verb.DCMD:
                pass
            case _:
                return self._in_session(topic, data, now)
        return None

    def overdue(self, now: Moment) -> None:
        """Give up messages that are missed for too long."""
        for gateway_id in list(self._gapped):
            gateway = self._gateways[gateway_id]
            lost = gateway.order.lost(now.s, self._policy.reorder_timeout_s)
            if not gateway.order.missed:
                self._gapped.discard(gateway_id)
            if lost:
                self.counts["messages-lost"] += lost
                if self._policy.rebirth_on_gap:
                    self._rebirths.want(Target(gateway.area, gateway_id))

    def _add(self, *changes: Change) -> None:
        self._journal.add(changes)

    def _settle(self, gateway_id: str, device: DeviceSession) -> None:
        """The device belongs to this gateway, and to no other any more."""
        before = self._home.get(device.id)
        if before is not None and before != gateway_id:
            self._gateways[before].devices.pop(device.id, None)
            self.counts["devices-moved"] += 1
        self._home[device.id] = gateway_id
        self._gateways[gateway_id].devices[device.id] = device

    def _gateway_born(self, topic: Topic, data: bytes, now: Moment) -> None:
        payload = decode(data)
        gateway = self._gateways.get(topic.gateway)
        if gateway is None:
            if len(self._gateways) >= self._policy.max_gateways:
                self.counts["births-refused"] += 1
                return
            gateway = GatewaySession(topic.gateway, topic.area, Presence.UNKNOWN, now)
            self._gateways[topic.gateway] = gateway
        facts = node_facts(payload)
        was_online = gateway.presence is Presence.ONLINE
        is_new = gateway.born(facts.bd_seq, payload.seq or 0, now)
        gateway.area = topic.area
        self._gapped.discard(gateway.id)
        self._rebirths.born(gateway.id)
        if is_new and was_online:  # its death was lost on the way
            self._add(GatewayDied(gateway.id, now.ms))
        self._add(GatewayBorn(gateway.id, gateway.area, now.ms, facts.software or ""))
        self._spool_told(gateway, facts, now, is_birth=True)
        self._node_told(gateway, payload, now, is_birth=True)
        self._journal.saw(gateway.id, None, now.ms)

    def _gateway_died(self, topic: Topic, data: bytes, now: Moment) -> None:
        facts = node_facts(decode(data))
        gateway = self._gateways.get(topic.gateway)
        if gateway is None or not gateway.died(facts.bd_seq, now):
            self.counts["deaths-ignored"] += 1
            return
        self._gapped.discard(gateway.id)
        self._add(GatewayDied(gateway.id, now.ms))

    def _in_session(self, topic: Topic, data: bytes, now: Moment) -> str | None:
        """NDATA, DBIRTH, DDATA and DDEATH mean something only in a session that an NBIRTH began."""
        message = parse(data)
        gateway = self._gateways.get(topic.gateway)
        if gateway is not None:
            gateway.heard_s = now.s
            self._journal.saw(gateway.id, None, now.ms)
        if gateway is None or gateway.presence is not Presence.ONLINE:
            self.counts["without-birth"] += 1
            self._rebirths.want(Target(topic.area, topic.gateway))
            return None
        self._take_number(gateway, message, now)
        match topic.verb:
            case Verb.NDATA:
                payload = decode(data)
                self._spool_told(gateway, node_facts(payload), now)
                self._node_told(gateway, payload, now)
            case Verb.DBIRTH:
                return self._device_born(gateway, topic, data, now)
            case Verb.DDEATH:
                self._device_died(gateway, topic, message, now)
            case _:
                self._device_data(gateway, topic, message, now)
        return None

    def _take_number(self, gateway: GatewaySession, message: Any, now: Moment) -> None:
        if not message.HasField("seq"):
            self.counts["without-seq"] += 1
            return
        arrival = gateway.order.take(message.seq % 256, now.s)
        if arrival is not Arrival.NEXT:
            self.counts[f"messages-{arrival.value}"] += 1
        if gateway.order.missed:
            self._gapped.add(gateway.id)
        else:
            self._gapped.discard(gateway.id)

    def _spool_told(
        self, gateway: GatewaySession, facts: NodeFacts, now: Moment, *, is_birth: bool = False
    ) -> None:
        spool = gateway.spool
        is_new = spool.told(facts.spool_depth, facts.spool_dropped, now.s, self._policy.spool_calm_s)
        if is_new or is_birth:
            self._add(SpoolTold(gateway.id, spool.depth, spool.dropped))

    def _node_told(
        self, gateway: GatewaySession, payload: Payload, now: Moment, *, is_birth: bool = False
    ) -> None:
        self._add(*gateway.node.told(gateway.id, payload, now.ms, is_birth=is_birth))
        told_ms = payload.time_ms
        is_credible = told_ms is not None and abs(told_ms - now.ms) <= MAX_CLOCK_ERROR_MS
        self._on_figures(
            gateway.area, gateway.id, told_ms if told_ms and is_credible else now.ms, figures_of(payload)
        )

    def _device_born(self, gateway: GatewaySession, topic: Topic, data: bytes, now: Moment) -> str | None:
        birth = device_birth(topic, decode(data), self._classes, now.ms)
        device = gateway.devices.get(birth.id)
        if device is None:
            if len(self._home) >= self._policy.max_devices and birth.id not in self._home:
                self.counts["births-refused"] += 1
                return None
            device = DeviceSession(birth.id, birth.device_class)
            self._settle(gateway.id, device)
        device.device_class = birth.device_class
        device.is_born, device.died = True, None
        device.born_s = device.heard_s = now.s
        self._add(DeviceBorn(birth))
        self._journal.saw(gateway.id, birth.id, now.ms)
        return birth.id

    def _device_died(self, gateway: GatewaySession, topic: Topic, message: Any, now: Moment) -> None:
        device = gateway.devices.get(topic.device or "")
        if device is None or not device.is_born:
            self.counts["deaths-ignored"] += 1
            return
        device.is_born, device.died = False, now
        told_ms = message.timestamp if message.HasField("timestamp") else now.ms
        is_credible = abs(told_ms - now.ms) <= MAX_CLOCK_ERROR_MS
        self._add(DeviceDied(device.id, told_ms if is_credible else now.ms))

    def _device_data(self, gateway: GatewaySession, topic: Topic, message: Any, now: Moment) -> None:
        device = gateway.devices.get(topic.device or "")
        if device is None or not device.is_born:
            home = self._gateways.get(self._home.get(topic.device or "", ""))
            if home is not None and home is not gateway and home.presence is Presence.ONLINE:
                self.counts["device-of-two-gateways"] += 1
                return
            self.counts["without-birth"] += 1
            self._rebirths.want(Target(topic.area, topic.gateway))
            return
        if any(not metric.is_historical for metric in message.metrics[:1]):
            device.heard_s = now.s
            self._journal.saw(gateway.id, device.id, now.ms)
