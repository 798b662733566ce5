"""Rows of files as scans: each value checked by the rules that ingest has for the device's class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cloud.ingest.devices import GENERIC
from cloud.ingest.faults import Fault
from cloud.ingest.validation import MAX_AHEAD_MS, Rule, check_value, generic_rules, rules_of_classes
from cloud.registry.port import DeviceRecord
from cloud.transfer.errors import RowError
from cloud.transfer.sources import Row
from telemetry.devices.classes import DeviceClass
from telemetry.readings import Quality, Value, ValueType

_KEPT_DEVICES: Final = 100_000
_TRUE: Final = frozenset({"true", "t", "yes", "on", "1", "1.0"})
_FALSE: Final = frozenset({"false", "f", "no", "off", "0", "0.0"})


class DeviceSource(Protocol):
    """The one call of the registry that is needed here."""

    def device(self, device: str) -> DeviceRecord | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where values of a device go, and what they must be."""

    device_class: str
    area: str
    gateway: str
    rules: Mapping[str, Rule]
    """By field and by metric."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Checked values of one device at one time."""

    place: Place
    fields: dict[str, Value]
    quality: dict[str, Quality]


class Mapper:
    """Looks devices up once. Used by one thread at a time; blocks on the registry."""

    def __init__(self, source: DeviceSource, classes: Mapping[str, DeviceClass], now_ms: int) -> None:
        self._source = source
        self._rules = rules_of_classes(classes)
        self._now_ms = now_ms
        self._places: dict[str, Place | None] = {}

    def map(self, row: Row) -> Mapped:
        """The row's values as they are stored.

        Raises:
            RowError: the row is faulty, its device or a point unknown, or a value of the wrong type.
            RegistryUnavailable: the registry does not answer.
        """
        if row.fault:
            raise RowError(row.fault)
        place = self._place(row.device)
        if row.time_ms > self._now_ms + MAX_AHEAD_MS:
            raise RowError(f"time {row.time_ms} is in the future")
        fields: dict[str, Value] = {}
        quality: dict[str, Quality] = {}
        for name, (told, told_quality) in row.values.items():
            rule = place.rules.get(name)
            if rule is None:
                raise RowError(
                    f"device {row.device} of class {place.device_class} has no point {name[:60]!r}"
                )
            checked = check_value(rule, _typed(rule, told), told_quality)
            if isinstance(checked, Fault):
                raise RowError(checked.detail)
            fields[rule.field] = checked.value
            if checked.quality is not Quality.GOOD:
                quality[rule.field] = checked.quality
        return Mapped(place, fields, quality)

    def _place(self, device: str) -> Place:
        if device not in self._places:
            if len(self._places) >= _KEPT_DEVICES:
                self._places.clear()
            record = self._source.device(device)
            self._places[device] = None if record is None else self._of(record)
        place = self._places[device]
        if place is None:
            raise RowError(f"device {device[:60]!r} is not in the registry")
        return place

    def _of(self, record: DeviceRecord) -> Place:
        rules = self._rules.get(record.device_class)
        known = generic_rules(record.points) if rules is None else rules
        named = {rule.field: rule for rule in known.values()} | dict(known)
        return Place(GENERIC if rules is None else record.device_class, record.area, record.gateway, named)


def _typed(rule: Rule, told: Value) -> Value:
    """A text of CSV as the point's type has it; of another type too, where nothing is lost by it.

    Raises:
        RowError: it cannot be.
    """
    if told is None or rule.kind is ValueType.STRING:
        return told if told is None or isinstance(told, str) else str(told)
    if rule.kind is ValueType.BOOLEAN:
        return _switch(rule, told)
    if isinstance(told, str):
        text = told
        try:
            told = float(text) if rule.kind is ValueType.DOUBLE else _whole(text)
        except ValueError:
            raise RowError(f"{rule.metric}: {text[:40]!r} is no {rule.kind.value}") from None
    if isinstance(told, float) and rule.kind is not ValueType.DOUBLE and told.is_integer():
        return int(told)
    return told


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise
        return int(number)


def _switch(rule: Rule, told: Value) -> bool:
    text = str(told).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise RowError(f"{rule.metric}: {text[:40]!r} is no boolean")
