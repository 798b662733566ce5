"""A gateway on paper: builds the messages that a gateway would send, numbered as the standard wants."""

from __future__ import annotations

from collections.abc import Mapping

from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DataType, Metric, Payload, Property, encode
from telemetry.sparkplug.topics import Topic, Verb

Sent = tuple[Topic, bytes]
NOW_MS = 1_800_000_000_000


class Gateway:
    """One gateway with its counters."""

    def __init__(self, gateway: str = "eg-1", area: str = "p060", *, now_ms: int = NOW_MS) -> None:
        self.id = gateway
        self.area = area
        self.now_ms = now_ms
        self.bd_seq = 0
        self.seq = 0

    def topic(self, verb: Verb, device: str | None = None) -> Topic:
        return Topic(self.area, verb, self.id, device)

    def _numbered(self, verb: Verb, device: str | None, metrics: tuple[Metric, ...]) -> Sent:
        data = encode(Payload(self.now_ms, metrics, seq=self.seq))
        self.seq = (self.seq + 1) % 256
        return self.topic(verb, device), data

    def nbirth(self, *, depth: int = 0, dropped: int = 0, software: str = "0.1") -> Sent:
        self.seq = 0
        metrics = (
            Metric(names.BD_SEQ, DataType.INT64, self.bd_seq, self.now_ms),
            Metric(names.REBIRTH, DataType.BOOLEAN, value=False, time_ms=self.now_ms),
            Metric(names.SOFTWARE_VERSION, DataType.STRING, software, self.now_ms),
            *self._spool(depth, dropped),
        )
        return self._numbered(Verb.NBIRTH, None, metrics)

    def _spool(self, depth: int, dropped: int) -> tuple[Metric, ...]:
        return (
            Metric(names.SPOOL_DEPTH, DataType.INT64, depth, self.now_ms),
            Metric(names.SPOOL_DROPPED, DataType.INT64, dropped, self.now_ms),
        )

    def spool(self, depth: int, dropped: int) -> Sent:
        return self._numbered(Verb.NDATA, None, self._spool(depth, dropped))

    def ndeath(self) -> Sent:
        metric = Metric(names.BD_SEQ, DataType.INT64, self.bd_seq, self.now_ms)
        return self.topic(Verb.NDEATH), encode(Payload(self.now_ms, (metric,)))

    def reconnect(self) -> None:
        self.bd_seq = (self.bd_seq + 1) % 256

    def dbirth(self, device: str = "sl-1", device_class: str | None = "streetlight") -> Sent:
        about: dict[str, tuple[DataType, str | float]] = {
            names.DEVICE_MODEL: (DataType.STRING, "SDM120"),
            names.DEVICE_TITLE: (DataType.STRING, "Cột 1"),
            names.LATITUDE: (DataType.DOUBLE, 10.93),
            names.LONGITUDE: (DataType.DOUBLE, 108.1),
        }
        if device_class is not None:
            about[names.DEVICE_CLASS] = (DataType.STRING, device_class)
        metrics = [Metric(name, kind, value, self.now_ms) for name, (kind, value) in about.items()]
        metrics += [
            Metric("Lamp/On", DataType.BOOLEAN, value=True, time_ms=self.now_ms),
            Metric("Lamp/Level", DataType.INT32, None, self.now_ms, is_null=True),
            Metric(
                "Power/Active",
                DataType.DOUBLE,
                95.5,
                self.now_ms,
                properties={names.UNIT: Property(DataType.STRING, "W")},
            ),
            Metric(names.COMMAND_LAST_ID, DataType.STRING, "", self.now_ms),
        ]
        return self._numbered(Verb.DBIRTH, device, tuple(metrics))

    def ddata(
        self, device: str = "sl-1", values: Mapping[str, float] | None = None, *, is_historical: bool = False
    ) -> Sent:
        metrics = tuple(
            Metric(name, DataType.DOUBLE, value, self.now_ms, is_historical=is_historical)
            for name, value in (values or {"Power/Active": 95.0}).items()
        )
        return self._numbered(Verb.DDATA, device, metrics)

    def ddeath(self, device: str = "sl-1", at_ms: int | None = None) -> Sent:
        data = encode(Payload(self.now_ms if at_ms is None else at_ms, (), seq=self.seq))
        self.seq = (self.seq + 1) % 256
        return self.topic(Verb.DDEATH, device), data

    def lost(self, _message: Sent) -> None:
        """The message was sent and lost on the way."""
