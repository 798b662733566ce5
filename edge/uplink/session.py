"""One Sparkplug session of the gateway, from CONNECT to the end of the connection: a pure state machine.

It knows what was born and what number comes next; it does no I/O and reads no clock. Whoever owns the
connection calls it and publishes what it returns, at once and in that order.

Births: NBIRTH, then a DBIRTH of every device that answers; data waits until all are out. Later births wait in
the same queue, so that its owner can pace them. A device that does not answer but has readings in the spool
is born without values, flushed, and dies again (rule X-ACK-9).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from edge.spool.batches import SpooledBatch, decode_readings
from edge.spool.figures import SpoolFigures
from edge.uplink import births
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition, remembered_device
from edge.uplink.known import KnownValues
from telemetry.readings import ValueType
from telemetry.sparkplug.payload import Metric, Payload, encode, metric_names, parse
from telemetry.sparkplug.sequence import Sequence
from telemetry.sparkplug.topics import Topic, Verb

FLUSH_IDLE_S: Final = 10.0
"""A dead device whose spooled readings were sent dies again when nothing followed for this long."""


class Phase(StrEnum):
    """Where the session stands."""

    CONNECTED = "connected"
    """Nothing is born; with a primary host configured, its STATE is awaited."""
    BIRTHING = "birthing"
    ONLINE = "online"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish now."""

    topic: str
    payload: bytes
    qos: int = 0


@dataclass(slots=True)
class _Born:
    """What the last DBIRTH of a device declared."""

    metrics: frozenset[str]
    flushed_at: float | None = None
    """When the last spooled batch of a dead device went out; None for a device that answers."""


@dataclass(slots=True)
class Devices:
    """What outlives a session: which devices answer, their last values, and what only the spool remembers."""

    gateway: GatewayDefinition
    known: KnownValues = field(default_factory=KnownValues)
    alive: set[str] = field(default_factory=set)
    identities: Mapping[str, str] = field(default_factory=dict)
    node_metrics: Callable[[int], tuple[Metric, ...]] = lambda _: ()
    """What an NBIRTH of UTC milliseconds tells besides session and spool: health, configuration."""
    extra: dict[str, dict[str, ValueType]] = field(default_factory=dict)
    """Metrics that a former configuration spooled and the present one does not know."""

    def definition(self, device: str) -> DeviceDefinition:
        """The device as configured, or as it is remembered."""
        found = self.gateway.devices.get(device)
        return found or remembered_device(device, self.identities.get(device, ""))


class Session:
    """The state of one connection; see the module for its rules."""

    def __init__(self, devices: Devices, bd_seq: int) -> None:
        self._devices = devices
        self._bd_seq = bd_seq
        self._sequence = Sequence()
        self._births: deque[str | None] = deque()
        self._born: dict[str, _Born] = {}
        self._of_node: frozenset[str] = frozenset()
        self._again = False
        self.phase = Phase.CONNECTED

    @property
    def _gateway(self) -> GatewayDefinition:
        return self._devices.gateway

    def _topic(self, verb: Verb, device: str | None = None) -> str:
        return str(Topic(self._gateway.area, verb, self._gateway.id, device))

    def will(self, now_ms: int) -> Outgoing:
        """The NDEATH that the broker keeps for us."""
        payload = encode(births.node_death(self._bd_seq, now_ms))
        return Outgoing(self._topic(Verb.NDEATH), payload, qos=1)

    @property
    def command_filters(self) -> tuple[str, str]:
        """Filters to subscribe, at QoS 1, before the first birth."""
        return self._topic(Verb.NCMD), self._topic(Verb.DCMD, "+")

    def begin(self) -> None:
        """Give birth to everything: subscriptions stand and, where one is configured, the host is online."""
        if self.phase is Phase.CONNECTED:
            self._begin_round()

    def rebirth(self) -> None:
        """Stop data, and give birth to everything again, under the same `bdSeq`.

        A request that comes while births are going out is met by a second round after this one.
        """
        if self.phase is Phase.BIRTHING:
            self._again = True
        elif self.phase is Phase.ONLINE:
            self._begin_round()

    def _begin_round(self) -> None:
        self.phase = Phase.BIRTHING
        self._again = False
        self._born.clear()
        self._births = deque([None, *sorted(self._devices.alive)])

    @property
    def awaits_births(self) -> bool:
        """Whether `next_birth` has something to do."""
        return bool(self._births) and self.phase is not Phase.ENDED

    def next_birth(self, figures: SpoolFigures, now_ms: int) -> list[Outgoing]:
        """The next birth to publish; the round's last one lets data flow behind it."""
        messages: list[Outgoing] = []
        while self.awaits_births and not messages:
            device = self._births.popleft()
            if device is None:
                messages = [self._node_birth(figures, now_ms)]
            elif device in self._devices.alive and not self.is_born(device):
                # A dead device that was being flushed begins a new life: one life has one DBIRTH.
                first = [self._let_die(device, now_ms)] if device in self._born else []
                messages = [*first, self._give_birth(device, now_ms)]
        if self.phase is Phase.BIRTHING and not self._births:
            self.phase = Phase.ONLINE
            if self._again:
                self._begin_round()
        return messages

    def _node_birth(self, figures: SpoolFigures, now_ms: int) -> Outgoing:
        self._sequence.restart()
        before_receipt_ms = now_ms - 1
        payload = births.node_birth(
            self._gateway, self._bd_seq, self._sequence.take(), figures, before_receipt_ms
        )
        payload = replace(payload, metrics=payload.metrics + self._devices.node_metrics(before_receipt_ms))
        self._of_node = frozenset(metric.name for metric in payload.metrics)
        return Outgoing(self._topic(Verb.NBIRTH), encode(payload))

    def _give_birth(self, device: str, now_ms: int, *, flushing_at: float | None = None) -> Outgoing:
        payload = births.device_birth(
            self._devices.definition(device),
            self._devices.known.of(device) if flushing_at is None else {},
            self._devices.extra.get(device, {}),
            self._sequence.take(),
            now_ms,
        )
        self._born[device] = _Born(frozenset(metric.name for metric in payload.metrics), flushing_at)
        return Outgoing(self._topic(Verb.DBIRTH, device), encode(payload))

    def _let_die(self, device: str, now_ms: int) -> Outgoing:
        del self._born[device]
        payload = births.device_death(self._sequence.take(), now_ms)
        return Outgoing(self._topic(Verb.DDEATH, device), encode(payload))

    def is_born(self, device: str) -> bool:
        """Whether `device` has a DBIRTH in this session as one that answers."""
        born = self._born.get(device)
        return born is not None and born.flushed_at is None

    def awaits_birth(self, device: str) -> bool:
        """Whether data flows, and the birth of `device` alone is in the queue."""
        return self.phase is Phase.ONLINE and device in self._births

    def device_up(self, device: str) -> None:
        """The device answers: its birth joins the queue."""
        if self.phase in (Phase.BIRTHING, Phase.ONLINE) and not self.is_born(device):
            self._births.append(device)

    def device_down(self, device: str, now_ms: int) -> list[Outgoing]:
        """The device does not answer any more: its DDEATH, if it was born."""
        return [self._let_die(device, now_ms)] if device in self._born else []

    def live(self, batch: SpooledBatch, epoch: str, now_ms: int) -> list[Outgoing]:
        """The DDATA of a batch just committed; nothing where it has to wait in the spool."""
        if self.phase is not Phase.ONLINE or not self.is_born(batch.device):
            return []
        if not self._declares(batch):
            return []
        return [self._data(batch, batch.metrics, epoch, now_ms)]

    def _declares(self, batch: SpooledBatch) -> bool:
        return self._born[batch.device].metrics >= metric_names(batch.metrics)

    def needs_birth(self, batch: SpooledBatch) -> bool:
        """Whether `replay_birth` must go out before `batch` can be replayed."""
        return batch.device not in self._born or not self._declares(batch)

    def replay_birth(self, batch: SpooledBatch, now_ms: int, now: float) -> list[Outgoing]:
        """A birth of the device that declares the metrics of `batch`."""
        if self.phase is not Phase.ONLINE:
            return []
        born = self._born.get(batch.device)
        self._learn_extra(batch)
        if born is None:
            return [self._give_birth(batch.device, now_ms, flushing_at=now)]
        return [
            self._let_die(batch.device, now_ms),
            self._give_birth(batch.device, now_ms, flushing_at=born.flushed_at),
        ]

    def _learn_extra(self, batch: SpooledBatch) -> None:
        configured = self._devices.definition(batch.device).metrics
        for reading in decode_readings(batch.device, batch.metrics):
            if reading.metric not in configured:
                self._devices.extra.setdefault(batch.device, {})[reading.metric] = reading.type

    def replay(self, batch: SpooledBatch, epoch: str, now_ms: int, now: float) -> list[Outgoing]:
        """The DDATA of a batch from the spool, marked historical; `replay_birth` comes before it."""
        born = self._born.get(batch.device)
        if self.phase is not Phase.ONLINE or born is None:
            return []
        if born.flushed_at is not None:
            born.flushed_at = now
        message = parse(batch.metrics)
        for metric in message.metrics:
            metric.is_historical = True
        return [self._data(batch, message.SerializeToString(), epoch, now_ms)]

    def _data(self, batch: SpooledBatch, metrics: bytes, epoch: str, now_ms: int) -> Outgoing:
        head = encode(Payload(now_ms, (), self._sequence.take(), f"{epoch}:{batch.number}"))
        # Two protobuf messages, one behind the other, are their sum: values stay byte for byte as committed.
        return Outgoing(self._topic(Verb.DDATA, batch.device), head + metrics)

    def end_flushes(self, now_ms: int, now: float) -> list[Outgoing]:
        """DDEATHs of dead devices whose spooled readings have gone out."""
        if self.phase is not Phase.ONLINE:
            return []
        idle = [
            device
            for device, born in self._born.items()
            if born.flushed_at is not None and now - born.flushed_at >= FLUSH_IDLE_S
        ]
        return [self._let_die(device, now_ms) for device in idle]

    def node_data(self, figures: SpoolFigures, now_ms: int) -> list[Outgoing]:
        """The NDATA with the spool's state."""
        if self.phase is not Phase.ONLINE:
            return []
        payload = Payload(now_ms, births.spool_metrics(figures, now_ms), self._sequence.take())
        return [Outgoing(self._topic(Verb.NDATA), encode(payload))]

    def node_report(self, metrics: Iterable[Metric], now_ms: int) -> list[Outgoing]:
        """An NDATA with those of `metrics` that the NBIRTH declared."""
        told = tuple(metric for metric in metrics if metric.name in self._of_node)
        if self.phase is not Phase.ONLINE or not told:
            return []
        return [Outgoing(self._topic(Verb.NDATA), encode(Payload(now_ms, told, self._sequence.take())))]

    def end(self, now_ms: int) -> list[Outgoing]:
        """The NDEATH of an intentional end; nothing where nothing was born."""
        was_born = self.phase in (Phase.BIRTHING, Phase.ONLINE)
        self.phase = Phase.ENDED
        payload = encode(births.node_death(self._bd_seq, now_ms))
        return [Outgoing(self._topic(Verb.NDEATH), payload, qos=1)] if was_born else []
