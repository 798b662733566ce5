"""What hosts write to nodes and devices (part K)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telemetry.monitor.rule import COMMANDS, Finding, Findings, Level, rule
from telemetry.monitor.seen import Seen, listed
from telemetry.sparkplug.metrics import REBIRTH
from telemetry.sparkplug.payload import DataType
from telemetry.sparkplug.topics import Verb

_KINDS: Final[Mapping[DataType, frozenset[str]]] = {
    DataType.BOOLEAN: frozenset({"boolean_value"}),
    DataType.FLOAT: frozenset({"float_value", "double_value"}),
    DataType.DOUBLE: frozenset({"double_value", "float_value"}),
    DataType.STRING: frozenset({"string_value"}),
    DataType.TEXT: frozenset({"string_value"}),
    DataType.UUID: frozenset({"string_value"}),
    **{
        whole: frozenset({"int_value", "long_value"})
        for whole in (
            DataType.INT8,
            DataType.INT16,
            DataType.INT32,
            DataType.INT64,
            DataType.UINT8,
            DataType.UINT16,
            DataType.UINT32,
            DataType.UINT64,
            DataType.DATETIME,
        )
    },
}
"""Declared datatype → value fields that can carry it in a command without a datatype of its own."""


@rule(
    "operational-behavior-data-commands-ncmd-verb",
    "operational-behavior-data-commands-dcmd-verb",
    on=COMMANDS,
    meaning="Node metrics are written by NCMD, device metrics by DCMD.",
)
def verb_fits_target(seen: Seen) -> Findings:
    """A metric that only a device declares comes by NCMD, or one of the node's by DCMD."""
    assert seen.node is not None
    assert seen.source is not None
    own = seen.source.metrics
    if own is None:
        return
    others = seen.node.devices.values() if seen.kind == Verb.NCMD else (seen.node.own,)
    elsewhere = {name for other in others for name in other.metrics or ()}
    wrong = [name for name, _ in seen.named() if name not in own and name in elsewhere]
    if wrong:
        yield Finding("DCMD" if seen.kind == Verb.NCMD else "NCMD", f"{seen.kind} of {listed(wrong)}")


@rule(
    "operational-behavior-data-commands-ncmd-metric-name",
    "operational-behavior-data-commands-dcmd-metric-name",
    on=COMMANDS,
    level=Level.SHOULD,
    meaning="A command writes only metrics that the birth declared.",
)
def target_is_declared(seen: Seen) -> Findings:
    """Compare with the birth, where it is known."""
    assert seen.source is not None
    own = seen.source.metrics
    if own is None:
        return
    strangers = [name for name, _ in seen.named() if name not in own]
    if strangers:
        yield Finding("metrics of the birth", listed(strangers))


@rule(
    "operational-behavior-data-commands-ncmd-metric-value",
    "operational-behavior-data-commands-dcmd-metric-value",
    on=COMMANDS,
    meaning="The value of a command is of the type that the birth declared.",
)
def value_fits_declaration(seen: Seen) -> Findings:
    """Compare datatypes; without one, the value field."""
    assert seen.source is not None
    for metric in seen.raw_metrics:
        declared = (seen.source.metrics or {}).get(metric.name)
        kind = metric.WhichOneof("value")
        if declared is None or kind is None:
            continue
        if metric.datatype:
            if metric.datatype != declared.type:
                yield Finding(declared.type.name, f"datatype {metric.datatype} for {metric.name}")
        elif kind not in _KINDS.get(declared.type, frozenset({kind})):
            yield Finding(declared.type.name, f"{kind} for {metric.name}")


@rule(
    "operational-behavior-data-commands-ncmd-rebirth-value",
    "operational-behavior-data-commands-ncmd-rebirth-verb",
    "operational-behavior-data-commands-ncmd-rebirth-name",
    on=COMMANDS,
    meaning="A rebirth is asked for by NCMD with Node Control/Rebirth = true.",
)
def rebirth_is_asked_rightly(seen: Seen) -> Findings:
    """Judge verb, spelling and value."""
    for metric in seen.metrics:
        if metric.name.lower() != REBIRTH.lower():
            continue
        if seen.kind != Verb.NCMD:
            yield Finding("NCMD", seen.kind)
        elif metric.name != REBIRTH:
            yield Finding(REBIRTH, metric.name)
        elif metric.value is not True:
            yield Finding("true", repr(metric.value))


RULES: Final = (verb_fits_target, target_is_declared, value_fits_declaration, rebirth_is_asked_rightly)
