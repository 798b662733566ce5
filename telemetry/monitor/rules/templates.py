"""Templates (part F). kega sends none; other vendors' definitions and instances must agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telemetry.monitor.rule import BIRTHS, COMMANDS, DATA, TELEMETRY, Finding, Findings, rule
from telemetry.monitor.seen import Seen, listed
from telemetry.sparkplug.topics import Verb

_PARAMETER_TYPES: Final = range(1, 15)


def templates_in(metrics: Any) -> Iterator[tuple[str, Any]]:
    """Every template among protobuf metrics, also nested ones, with its metric's name."""
    waiting = list(metrics)
    while waiting:
        metric = waiting.pop()
        if metric.WhichOneof("value") == "template_value":
            yield metric.name, metric.template_value
            waiting.extend(metric.template_value.metrics)


def _instances(seen: Seen) -> Iterator[tuple[str, Any, Any]]:
    """Instances whose definition is known, with name and definition."""
    known: dict[str, Any] = {}
    if seen.kind == Verb.NBIRTH:
        known = definitions(seen)
    elif seen.node is not None:
        known = seen.node.templates or {}
    for name, each in templates_in(seen.raw_metrics):
        if not each.is_definition and each.template_ref in known:
            yield name, each, known[each.template_ref]


def definitions(seen: Seen) -> dict[str, Any]:
    """The template definitions of a payload by name."""
    return {name: each for name, each in templates_in(seen.raw_metrics) if each.is_definition}


@rule(
    "topics-nbirth-templates",
    on=TELEMETRY | COMMANDS,
    meaning="NBIRTH defines every template that the session uses.",
)
def templates_are_defined(seen: Seen) -> Findings:
    """Judge references."""
    assert seen.node is not None
    known = definitions(seen) if seen.kind == Verb.NBIRTH else seen.node.templates
    if known is None:
        return
    for name, each in templates_in(seen.raw_metrics):
        if each.template_ref and not each.is_definition and each.template_ref not in known:
            yield Finding(f"a definition of {each.template_ref!r} in the NBIRTH", f"none, used by {name}")


@rule(
    "payloads-template-definition-nbirth-only",
    "payloads-template-definition-nbirth",
    on=DATA | COMMANDS | {Verb.DBIRTH.value},
    meaning="Template definitions are in NBIRTH only.",
)
def definitions_in_birth_only(seen: Seen) -> Findings:
    """Judge all other messages."""
    found = sorted(definitions(seen))
    if found:
        yield Finding("definitions in NBIRTH only", listed(found))


@rule(
    "payloads-template-is-definition",
    "payloads-template-definition-is-definition",
    "payloads-template-is-definition-definition",
    "payloads-template-instance-is-definition",
    "payloads-template-is-definition-instance",
    on=TELEMETRY | COMMANDS,
    meaning="Every template says with is_definition whether it is a definition or an instance.",
)
def kind_is_told(seen: Seen) -> Findings:
    """Judge presence of the flag."""
    for name, each in templates_in(seen.raw_metrics):
        if not each.HasField("is_definition"):
            yield Finding("is_definition true or false", f"left out in {name}")


@rule(
    "payloads-template-definition-ref",
    "payloads-template-ref-definition",
    on=TELEMETRY | COMMANDS,
    meaning="A template definition has no template_ref.",
)
def definition_refers_to_none(seen: Seen) -> Findings:
    """Judge definitions."""
    for name, each in templates_in(seen.raw_metrics):
        if each.is_definition and each.HasField("template_ref"):
            yield Finding("no template_ref", f"{each.template_ref!r} in {name}")


@rule(
    "payloads-template-instance-ref",
    "payloads-template-ref-instance",
    on=TELEMETRY | COMMANDS,
    meaning="A template instance names its definition in template_ref.",
)
def instance_refers(seen: Seen) -> Findings:
    """Judge instances."""
    for name, each in templates_in(seen.raw_metrics):
        if not each.is_definition and not each.template_ref:
            yield Finding("template_ref", f"none in {name}")


@rule(
    "payloads-template-instance-members",
    "payloads-template-instance-members-data",
    "payloads-template-definition-members",
    on=TELEMETRY | COMMANDS,
    meaning="A template instance has only members that its definition lists.",
)
def members_are_defined(seen: Seen) -> Findings:
    """Compare members."""
    for name, each, definition in _instances(seen):
        known = {member.name for member in definition.metrics}
        strangers = [member.name for member in each.metrics if member.name not in known]
        if strangers:
            yield Finding(f"members of {each.template_ref!r}", f"{listed(strangers)} in {name}")


@rule(
    "payloads-template-instance-members-birth",
    on=BIRTHS,
    meaning="A template instance in a birth has all members of its definition.",
)
def members_are_complete(seen: Seen) -> Findings:
    """Compare members in births."""
    for name, each, definition in _instances(seen):
        own = {member.name for member in each.metrics}
        missing = [member.name for member in definition.metrics if member.name not in own]
        if missing:
            yield Finding(f"all members of {each.template_ref!r}", f"{name} without {listed(missing)}")


@rule(
    "payloads-template-instance-parameters",
    "payloads-template-definition-parameters",
    "payloads-template-definition-parameters-default",
    on=TELEMETRY | COMMANDS,
    meaning="A template instance has only parameters that its definition lists.",
)
def parameters_are_defined(seen: Seen) -> Findings:
    """Compare parameters."""
    for name, each, definition in _instances(seen):
        known = {parameter.name for parameter in definition.parameters}
        strangers = [parameter.name for parameter in each.parameters if parameter.name not in known]
        if strangers:
            yield Finding(f"parameters of {each.template_ref!r}", f"{listed(strangers)} in {name}")


@rule(
    "payloads-template-version",
    on=TELEMETRY | COMMANDS,
    meaning="A template instance that gives a version gives that of its definition.",
)
def versions_agree(seen: Seen) -> Findings:
    """Compare versions."""
    for name, each, definition in _instances(seen):
        if each.version and each.version != definition.version:
            yield Finding(f"version {definition.version!r}", f"{each.version!r} in {name}")


def _parameters(seen: Seen) -> Iterator[tuple[str, Any]]:
    for name, each in templates_in(seen.raw_metrics):
        for parameter in each.parameters:
            yield name, parameter


@rule(
    "payloads-template-parameter-name-required",
    "payloads-template-parameter-name-type",
    on=TELEMETRY | COMMANDS,
    meaning="Every template parameter has a name.",
)
def parameters_have_names(seen: Seen) -> Findings:
    """Judge names."""
    for name, parameter in _parameters(seen):
        if not parameter.name:
            yield Finding("a name on every parameter", f"none in {name}")


@rule(
    "payloads-template-parameter-type-req",
    "payloads-template-parameter-type-value",
    "payloads-template-parameter-value-type",
    on=TELEMETRY | COMMANDS,
    meaning="Every template parameter has a basic datatype code.",
)
def parameters_have_types(seen: Seen) -> Findings:
    """Judge codes."""
    for name, parameter in _parameters(seen):
        if parameter.type not in _PARAMETER_TYPES:
            yield Finding("type 1-14", f"{parameter.type} of {parameter.name!r} in {name}")


@rule(
    "payloads-template-parameter-value",
    on=BIRTHS,
    meaning="A template parameter of an instance in a birth has one scalar value.",
)
def parameters_have_values(seen: Seen) -> Findings:
    """Judge values of instances; a definition may leave the default out."""
    for name, each in templates_in(seen.raw_metrics):
        empty = [p.name for p in each.parameters if p.WhichOneof("value") is None]
        if empty and not each.is_definition:
            yield Finding("a value on every parameter", f"none on {listed(empty)} in {name}")


RULES: Final = (
    templates_are_defined,
    definitions_in_birth_only,
    kind_is_told,
    definition_refers_to_none,
    instance_refers,
    members_are_defined,
    members_are_complete,
    parameters_are_defined,
    versions_agree,
    parameters_have_names,
    parameters_have_types,
    parameters_have_values,
)
