"""Property sets and the Quality property (part F)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telemetry.monitor.rule import BIRTHS, COMMANDS, TELEMETRY, Finding, Findings, rule
from telemetry.monitor.seen import Seen, listed
from telemetry.readings import Quality
from telemetry.sparkplug.metrics import QUALITY
from telemetry.sparkplug.payload import DataType

_PROPERTY_TYPES: Final = frozenset({*range(1, 16), int(DataType.PROPERTYSET), int(DataType.PROPERTYSETLIST)})
_QUALITIES: Final = frozenset(int(quality.standard) for quality in Quality)


def _sets(seen: Seen) -> Iterator[tuple[str, Any]]:
    """Every property set of a payload, also those inside others, with its metric's name."""
    for metric in seen.raw_metrics:
        if metric.HasField("properties"):
            waiting = [metric.properties]
            while waiting:
                each = waiting.pop()
                yield metric.name, each
                for value in each.values:
                    kind = value.WhichOneof("value")
                    if kind == "propertyset_value":
                        waiting.append(value.propertyset_value)
                    elif kind == "propertysets_value":
                        waiting.extend(value.propertysets_value.propertyset)


def _values(seen: Seen) -> Iterator[tuple[str, str, Any]]:
    for name, each in _sets(seen):
        for key, value in zip(each.keys, each.values, strict=False):
            yield name, key, value


@rule(
    "payloads-propertyset-keys-array-size",
    "payloads-propertyset-values-array-size",
    on=TELEMETRY | COMMANDS,
    meaning="A property set has as many values as keys.",
)
def keys_and_values_pair(seen: Seen) -> Findings:
    """Count keys and values."""
    for name, each in _sets(seen):
        if len(each.keys) != len(each.values):
            yield Finding("as many values as keys", f"{len(each.keys)} and {len(each.values)} in {name}")


@rule(
    "payloads-metric-propertyvalue-type-value",
    "payloads-metric-propertyvalue-type-type",
    on=TELEMETRY | COMMANDS,
    meaning="A property's type is a basic datatype code or one of property sets.",
)
def property_types_are_known(seen: Seen) -> Findings:
    """Judge the code where there is one."""
    wrong = [
        f"{name}/{key}: {value.type}"
        for name, key, value in _values(seen)
        if value.HasField("type") and value.type not in _PROPERTY_TYPES
    ]
    if wrong:
        yield Finding("property type 1-15, 20 or 21", listed(wrong))


@rule("payloads-metric-propertyvalue-type-req", on=BIRTHS, meaning="Properties in births have their type.")
def property_types_are_there(seen: Seen) -> Findings:
    """Judge presence of the code."""
    without = [f"{name}/{key}" for name, key, value in _values(seen) if not value.HasField("type")]
    if without:
        yield Finding("a type on every property", f"none on {listed(without)}")


def _qualities(seen: Seen) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, key, value in _values(seen) if key == QUALITY)


@rule(
    "payloads-propertyset-quality-value-type",
    on=TELEMETRY | COMMANDS,
    meaning="Property Quality is an Int32.",
)
def quality_is_int32(seen: Seen) -> Findings:
    """Judge the type code."""
    for name, value in _qualities(seen):
        if value.type != DataType.INT32:
            yield Finding("type 3 (Int32)", f"{value.type} on {name}")


@rule(
    "payloads-propertyset-quality-value-value",
    on=TELEMETRY | COMMANDS,
    meaning="Property Quality is 0 (bad), 192 (good) or 500 (stale), in int_value.",
)
def quality_is_known(seen: Seen) -> Findings:
    """Judge field and value."""
    for name, value in _qualities(seen):
        if value.WhichOneof("value") != "int_value":
            yield Finding("int_value", f"{value.WhichOneof('value')} on {name}")
        elif value.int_value not in _QUALITIES:
            yield Finding("0, 192 or 500", f"{value.int_value} on {name}")


RULES: Final = (
    keys_and_values_pair,
    property_types_are_known,
    property_types_are_there,
    quality_is_int32,
    quality_is_known,
)
