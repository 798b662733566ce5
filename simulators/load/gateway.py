"""One gateway of a load: a whole Sparkplug edge node without devices. Pure: no sockets, no clock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from simulators.load.plan import LoadPlan, device_id, gateway_id
from simulators.load.shape import Shape, mixed
from simulators.load.spool import Batch, Spool
from telemetry.errors import AckError, CodecError
from telemetry.mqtt_packets import LastWord
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.ack import ACK_METRIC, parse_ack
from telemetry.sparkplug.payload import DataType, Metric, Payload, decode, encode
from telemetry.sparkplug.sequence import Sequence
from telemetry.sparkplug.topics import Topic, Verb
from telemetry.time_exchange import answer_metric, question_metric

_EPOCH_BITS: Final = (1 << 32) - 1


@dataclass(slots=True)
class Told:
    """What a command meant."""

    acknowledged: list[Batch] = field(default_factory=list)
    rebirth: bool = False


class LoadGateway:
    """One edge node over its sessions. Messages come as (topic, payload), to be published in order."""

    def __init__(self, plan: LoadPlan, index: int, shape: Shape, begin_ms: int) -> None:
        self.index = index
        self.id = gateway_id(index)
        self.devices = range(plan.devices)
        self.spool = Spool(f"{mixed(plan.seed, index, begin_ms) & _EPOCH_BITS:08x}", plan.spool)
        self._area = plan.area
        self._shape = shape
        self._sequence = Sequence()
        self._bd_seq = 255
        self._scanned_ms: list[int | None] = [None] * plan.devices
        self._topics = [self._topic(Verb.DDATA, device) for device in self.devices]
        self.is_online = False

    def _topic(self, verb: Verb, device: int | None = None) -> str:
        name = None if device is None else device_id(self.index, device)
        return str(Topic(self._area, verb, self.id, name))

    @property
    def filters(self) -> tuple[str, str]:
        """What it must subscribe before it is born."""
        return self._topic(Verb.NCMD), f"{self._topic(Verb.DCMD)}/+"

    def new_session(self, now_ms: int) -> LastWord:
        """Another CONNECT: the next `bdSeq`, and the will that carries it."""
        self.is_online = False
        self._bd_seq = (self._bd_seq + 1) % 256
        return LastWord(self._topic(Verb.NDEATH), self._death(now_ms))

    def _death(self, now_ms: int) -> bytes:
        return encode(Payload(now_ms, (Metric(names.BD_SEQ, DataType.INT64, self._bd_seq, now_ms),)))

    def births(self, now_ms: int, now: float) -> Iterator[tuple[str, bytes]]:
        """NBIRTH and DBIRTHs; data may follow them at once."""
        if not self.is_online:
            self.spool.session_began(now)
        self._sequence.restart()
        yield self._topic(Verb.NBIRTH), encode(self._node_birth(now_ms))
        for device in self.devices:
            metrics = self._shape.birth(self.index, device, self._scanned_ms[device], now_ms)
            payload = encode(Payload(now_ms, metrics, self._sequence.take()))
            yield self._topic(Verb.DBIRTH, device), payload
        self.is_online = True

    def _node_birth(self, now_ms: int) -> Payload:
        told = (
            (names.BD_SEQ, DataType.INT64, self._bd_seq),
            (names.REBIRTH, DataType.BOOLEAN, False),
            (names.PROFILE_VERSION, DataType.STRING, names.WIRE_PROFILE),
            (names.SPOOL_EPOCH, DataType.STRING, self.spool.epoch),
            (ACK_METRIC, DataType.STRING, ""),
            (names.SOFTWARE_VERSION, DataType.STRING, "kega sim load"),
        )
        metrics = tuple(Metric(name, kind, value, now_ms) for name, kind, value in told)
        metrics += (question_metric(None, now_ms), answer_metric(None, now_ms))
        depth = (names.SPOOL_DEPTH, len(self.spool)), (names.SPOOL_DROPPED, self.spool.evicted)
        metrics += tuple(
            Metric(name, DataType.INT64, value, now_ms, is_transient=True) for name, value in depth
        )
        oldest = Metric(names.SPOOL_OLDEST, DataType.DATETIME, None, now_ms, is_transient=True, is_null=True)
        return Payload(now_ms, (*metrics, oldest), self._sequence.take())

    def goodbye(self, now_ms: int) -> tuple[str, bytes]:
        """The NDEATH before an intended end."""
        self.is_online = False
        return self._topic(Verb.NDEATH), self._death(now_ms)

    def lost(self) -> None:
        """The connection is gone."""
        self.is_online = False

    def scan(self, device: int, now_ms: int, now: float) -> Batch:
        """Measure a device; times of a device strictly increase."""
        last = self._scanned_ms[device]
        time_ms = now_ms if last is None else max(now_ms, last + 1)
        self._scanned_ms[device] = time_ms
        return self.spool.add(device, time_ms, now)

    def live(self, batch: Batch, now_ms: int, now: float) -> tuple[str, bytes]:
        """The DDATA of a scan just made."""
        self.spool.went_live(batch, now)
        return self._data(batch, now_ms, is_historical=False)

    def again(self, now_ms: int, now: float) -> Iterator[tuple[str, bytes]]:
        """The DDATA of what is due to be sent again."""
        if self.is_online:
            for batch in self.spool.again(now):
                yield self._data(batch, now_ms, is_historical=True)

    def _data(self, batch: Batch, now_ms: int, *, is_historical: bool) -> tuple[str, bytes]:
        metrics = self._shape.scan(self.index, batch.device, batch.time_ms, is_historical=is_historical)
        uuid = f"{self.spool.epoch}:{batch.number}"
        return self._topics[batch.device], encode(Payload(now_ms, metrics, self._sequence.take(), uuid))

    def command(self, payload: bytes) -> Told:
        """Take an NCMD. What is no command of the contract is passed over."""
        told = Told()
        with contextlib.suppress(CodecError, AckError):
            for metric in decode(payload).metrics:
                if metric.name == ACK_METRIC and isinstance(metric.value, str):
                    told.acknowledged += self.spool.acknowledged(parse_ack(metric.value))
                elif metric.name == names.REBIRTH and metric.value is True:
                    told.rebirth = True
        return told
