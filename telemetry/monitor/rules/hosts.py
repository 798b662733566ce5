"""STATE messages of host applications (part I)."""

from __future__ import annotations

from typing import Any, Final

from telemetry.monitor.rule import EVERYTHING, Finding, Findings, Sight, rule
from telemetry.monitor.seen import STATE, Seen
from telemetry.monitor.state import UTC_WINDOW_MS
from telemetry.sparkplug.metrics import REBIRTH
from telemetry.sparkplug.topics import Verb

HOST_WITHIN_MS: Final = 10_000
"""A host that must be there shows its retained STATE within this time after the monitor's subscription."""


def is_state(state: Any) -> bool:
    """Whether the JSON of a STATE is of the standard's form."""
    return (
        isinstance(state, dict)
        and set(state) == {"online", "timestamp"}
        and isinstance(state["online"], bool)
        and isinstance(state["timestamp"], int)
        and not isinstance(state["timestamp"], bool)
    )


def _is_birth(seen: Seen) -> bool:
    return is_state(seen.state) and bool(seen.state["online"])


def _is_death(seen: Seen) -> bool:
    return is_state(seen.state) and not seen.state["online"]


@rule(
    "intro-sparkplug-host-state",
    "components-ph-state",
    "conformance-primary-host",
    on=EVERYTHING,
    meaning="A host application tells by STATE whether it is there.",
)
def host_is_there(seen: Seen) -> Findings:
    """The host that the monitor was told to expect has said nothing yet, which is told once."""
    province = seen.province
    if province.host_id is None or province.since_ms is None or province.host_id in province.hosts:
        return
    due_ms = province.since_ms + HOST_WITHIN_MS
    if (province.last_ms or 0) < due_ms <= seen.at_ms:
        yield Finding(f"STATE of {province.host_id}", f"none in {HOST_WITHIN_MS // 1000} s")


@rule(
    "operational-behavior-host-application-host-id",
    on=[STATE],
    meaning="A host id is unique: one application at a time is online with it.",
)
def one_host_an_id(seen: Seen) -> Findings:
    """An older session's birth comes again after a newer one: two hosts take turns."""
    assert seen.host is not None
    births = seen.host.births
    if _is_birth(seen) and births and seen.state["timestamp"] < births[-1]:
        yield Finding(f"timestamp {births[-1]} or later", f"{seen.state['timestamp']}: another host?")


@rule(
    "host-topic-phid-birth-qos",
    "operational-behavior-host-application-connect-birth-qos",
    "host-topic-phid-death-qos",
    "operational-behavior-host-application-connect-will-qos",
    "operational-behavior-host-application-death-qos",
    "payloads-state-will-message-qos",
    on=[STATE],
    needs=Sight.PUBLISH_BITS,
    meaning="STATE is published with QoS 1.",
)
def state_qos(seen: Seen) -> Findings:
    """Judge the QoS."""
    if seen.message.qos != 1:
        yield Finding("QoS 1", f"QoS {seen.message.qos}")


@rule(
    "host-topic-phid-birth-retain",
    "operational-behavior-host-application-connect-birth-retained",
    "host-topic-phid-death-retain",
    "operational-behavior-host-application-connect-will-retained",
    "operational-behavior-host-application-death-retained",
    "payloads-state-will-message-retain",
    on=[STATE],
    needs=Sight.PUBLISH_BITS,
    meaning="STATE is published retained.",
)
def state_retained(seen: Seen) -> Findings:
    """Judge the retain bit."""
    if not seen.message.retain:
        yield Finding("retain true", "retain false")


@rule(
    "host-topic-phid-birth-payload",
    "payloads-state-birth-payload",
    "message-flow-phid-sparkplug-state-publish-payload",
    "operational-behavior-host-application-connect-birth-payload",
    "payloads-state-will-message-payload",
    "host-topic-phid-death-payload",
    "operational-behavior-host-application-connect-will-payload",
    "operational-behavior-host-application-death-payload",
    on=[STATE],
    meaning="STATE is JSON with exactly online (true or false) and timestamp (UTC milliseconds, a number).",
)
def state_is_json(seen: Seen) -> Findings:
    """Judge the body."""
    if not is_state(seen.state):
        yield Finding(
            '{"online": true or false, "timestamp": milliseconds}', repr(seen.message.payload[:120])
        )
    elif not 0 <= seen.state["timestamp"] <= seen.at_ms + UTC_WINDOW_MS:
        yield Finding(f"a timestamp up to {seen.at_ms} + {UTC_WINDOW_MS}", f"{seen.state['timestamp']}")


@rule(
    "host-topic-phid-birth-payload-timestamp",
    "message-flow-phid-sparkplug-state-publish-payload-timestamp",
    "host-topic-phid-death-payload-timestamp-connect",
    "operational-behavior-host-application-termination",
    "host-topic-phid-death-payload-timestamp-disconnect-clean",
    "host-topic-phid-death-payload-timestamp-disconnect-with-no-disconnect-packet",
    on=[STATE],
    meaning="An offline STATE has the timestamp of its session's birth (the will) or of now (a clean end).",
)
def death_belongs_to_a_birth(seen: Seen) -> Findings:
    """Judge offline STATEs where a birth is known."""
    assert seen.host is not None
    births = seen.host.births
    if not _is_death(seen) or not births:
        return
    timestamp = seen.state["timestamp"]
    if timestamp < births[-1] and timestamp not in births:
        yield Finding(f"timestamp {births[-1]} of the birth, or now", f"{timestamp}")


@rule(
    "host-topic-phid-birth-message",
    "host-topic-phid-birth-required",
    "host-topic-phid-birth-topic",
    "message-flow-phid-sparkplug-state-publish",
    "operational-behavior-host-application-connect-birth",
    "operational-behavior-host-application-connect-birth-topic",
    "operational-behavior-primary-application-state-with-multiple-servers-state",
    "payloads-state-birth",
    on=[Verb.NCMD],
    meaning="A host's first message is its STATE birth: none asks for rebirths while it says offline.",
)
def host_births_first(seen: Seen) -> Findings:
    """Where all hosts that are known say offline, nobody may ask for a rebirth."""
    hosts = seen.province.hosts
    if not hosts or any(host.online is not False for host in hosts.values()):
        return
    if any(metric.name == REBIRTH for metric in seen.metrics):
        yield Finding(f"STATE online of {min(hosts)} before it asks for a rebirth", "STATE says offline")


RULES: Final = (
    host_is_there,
    one_host_an_id,
    state_qos,
    state_retained,
    state_is_json,
    death_belongs_to_a_birth,
    host_births_first,
)
