"""What a worker knows of devices: from births that it saw, and from the registry for the others."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from cloud.errors import RegistryUnavailable
from cloud.ingest.shapes import ShapeBook
from cloud.ingest.validation import Rule, generic_rules, rules_of_classes
from cloud.registry.port import DeviceRecord, PointRecord
from telemetry.clock import Clock
from telemetry.devices.classes import DeviceClass, field_name
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.metrics import reading_of
from telemetry.sparkplug.payload import DataType, Metric, Payload

GENERIC: Final = "generic"
"""Class (and measurement) of devices whose birth names no class that we know."""
KEPT_DEVICES: Final = 100_000
"""Past this the device that was heard of longest ago is forgotten, and looked up again when it speaks."""
SHAPES_OF_ONE: Final = 32
"""Shapes that are kept of a device whose rules are its own."""
REFRESH_S: Final = 600.0
RECHECK_S: Final = 10.0
"""A device that sends something undeclared is looked up again, at most this often."""
_FIRST_MISS_S: Final = 1.0
_LONGEST_MISS_S: Final = 30.0

ABOUT_DEVICE: Final = frozenset(
    {
        names.DEVICE_CLASS,
        names.DEVICE_CLASS_VERSION,
        names.DEVICE_MODEL,
        names.DEVICE_TITLE,
        names.LATITUDE,
        names.LONGITUDE,
    }
)
"""Metrics that describe a device and are no readings, unless its class has them as points."""
OF_COMMANDS: Final = frozenset({names.COMMAND_LAST_ID, names.COMMAND_STATUS, names.COMMAND_ERROR})

_log = logging.getLogger(__name__)


class DeviceSource(Protocol):
    """The one call of the registry that is needed here."""

    def device(self, device: str) -> DeviceRecord | None: ...


@dataclass(frozen=True, slots=True)
class Device:
    """What the metrics of one device mean."""

    id: str
    device_class: str
    rules: Mapping[str, Rule]
    shapes: ShapeBook
    """Of payloads that these rules apply to."""
    aliases: Mapping[int, str] = field(default_factory=dict)
    types: Mapping[str, DataType] = field(default_factory=dict)
    """Datatypes that the birth declared, for senders that leave them out of DATA."""


@dataclass(slots=True)
class Known:
    """What is known of one device now; the same object as long as the device is remembered."""

    device: Device
    since_s: float
    """Monotonic; minus infinity once the device is forgotten."""


@dataclass(slots=True)
class _Miss:
    next_s: float
    delay_s: float


class Devices:
    """A bounded cache. Used by one thread at a time; look-ups block on the registry."""

    def __init__(self, source: DeviceSource, classes: Mapping[str, DeviceClass], clock: Clock) -> None:
        self._source = source
        self._rules = rules_of_classes(classes)
        self._shapes = {name: ShapeBook(rules) for name, rules in self._rules.items()}
        self._clock = clock
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._misses: OrderedDict[str, _Miss] = OrderedDict()

    def find(self, device: str) -> Device | None:
        """The device, or None where neither a birth nor the registry has told of it yet."""
        known = self._known.get(device)
        if known is not None and self._clock.monotonic() - known.since_s < REFRESH_S:
            self._known.move_to_end(device)
            return known.device
        return self._look_up(device)

    def known(self, device: str) -> Known | None:
        """What `find` gives, for who asks often: look again once it is `REFRESH_S` old."""
        return self._known.get(device) if self.find(device) is not None else None

    def find_again(self, device: Device) -> Device:
        """The device as the registry knows it now, or `device` itself where it was asked a moment ago."""
        known = self._known.get(device.id)
        if known is not None and self._clock.monotonic() - known.since_s < RECHECK_S:
            return device
        return self._look_up(device.id) or device

    def learn(self, device: str, birth: Payload) -> Device:
        """The device as its DBIRTH declares it."""
        metrics = {metric.name: metric for metric in birth.metrics if metric.name}
        told = metrics.get(names.DEVICE_CLASS)
        device_class = told.value if told is not None and isinstance(told.value, str) else GENERIC
        rules: Mapping[str, Rule] | None = self._rules.get(device_class)
        if rules is None:
            device_class = GENERIC
            rules = generic_rules(_points(metrics.values()))
        learnt = Device(
            id=device,
            device_class=device_class,
            rules=rules,
            shapes=self._book(device_class, rules),
            aliases={metric.alias: metric.name for metric in metrics.values() if metric.alias is not None},
            types={metric.name: metric.type for metric in metrics.values()},
        )
        self._keep(learnt)
        return learnt

    def _look_up(self, device: str) -> Device | None:
        known = self._known.get(device)
        before = known.device if known is not None else None
        now = self._clock.monotonic()
        miss = self._misses.get(device)
        if miss is not None and now < miss.next_s:
            return before
        try:
            record = self._source.device(device)
        except RegistryUnavailable as error:
            _log.warning("device-not-looked-up", extra={"device": device, "cause": str(error)})
            record = None
        if record is None:
            self._missed(device, now, miss)
            return before
        found = self._from_record(record, before)
        self._keep(found)
        return found

    def _from_record(self, record: DeviceRecord, before: Device | None) -> Device:
        rules: Mapping[str, Rule] | None = self._rules.get(record.device_class)
        device_class = record.device_class
        if rules is None:
            device_class, rules = GENERIC, generic_rules(record.points)
        return Device(
            id=record.id,
            device_class=device_class,
            rules=rules,
            shapes=self._book(device_class, rules),
            aliases=before.aliases if before is not None else {},
            types=before.types if before is not None else {},
        )

    def _book(self, device_class: str, rules: Mapping[str, Rule]) -> ShapeBook:
        book = self._shapes.get(device_class)
        return ShapeBook(rules, most=SHAPES_OF_ONE) if book is None else book

    def _keep(self, device: Device) -> None:
        self._misses.pop(device.id, None)
        now = self._clock.monotonic()
        known = self._known.get(device.id)
        if known is None:
            self._known[device.id] = Known(device, now)
        else:
            known.device, known.since_s = device, now
            self._known.move_to_end(device.id)
        if len(self._known) > KEPT_DEVICES:
            _, forgotten = self._known.popitem(last=False)
            forgotten.since_s = float("-inf")

    def _missed(self, device: str, now: float, miss: _Miss | None) -> None:
        if miss is None and device not in self._known:
            _log.info("device-unknown", extra={"device": device})
        delay = _FIRST_MISS_S if miss is None else min(miss.delay_s * 2, _LONGEST_MISS_S)
        if (known := self._known.get(device)) is not None:
            known.since_s = now - REFRESH_S + delay  # what is known serves until the next look-up
        self._misses[device] = _Miss(now + delay, delay)
        self._misses.move_to_end(device)
        if len(self._misses) > KEPT_DEVICES:
            self._misses.popitem(last=False)


def _points(metrics: Iterable[Metric]) -> Iterator[PointRecord]:
    for metric in metrics:
        if metric.name in ABOUT_DEVICE or metric.name in OF_COMMANDS:
            continue
        reading = reading_of("", metric, 0)
        if reading is not None:
            yield PointRecord(metric.name, field_name(metric.name), reading.type.value, "")
