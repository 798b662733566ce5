"""All rules of the acceptance list, also those that a passive monitor cannot see, and why it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telemetry.monitor.rule import Level, Sight
from telemetry.monitor.rules import RULES

_CONNECT: Final = "no: shown by the CONNECT, SUBSCRIBE or DISCONNECT packet only"
_SCRIPTED: Final = "no: needs a partner that acts a part"
_INSIDE: Final = "no: shown inside the application only"
_SIGHT: Final = {
    Sight.CONTENT: "yes",
    Sight.PUBLISH_BITS: "with MQTT 5 (QoS and retain bit as published)",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule as `kega monitor rules` lists it."""

    ids: tuple[str, ...]
    level: Level
    meaning: str
    visible: str
    """`yes`, under what condition, or `no` and why."""


_PRIMARY: Final = "operational-behavior-primary-application-state-with-multiple-servers"
_ACTION: Final = "operational-behavior-edge-node-termination-host-action"
_EDGE: Final = "message-flow-edge-node-birth-publish"
_WILL: Final = "operational-behavior-host-application-connect-will"

_UNSEEN: Final = (
    # Edge node: session
    Entry(
        ("principles-persistence-clean-session-311", "principles-persistence-clean-session-50"),
        Level.MUST,
        "An edge node connects with a clean session (MQTT 5: clean start, expiry 0).",
        _CONNECT,
    ),
    Entry((f"{_EDGE}-connect",), Level.MUST, "The MQTT session stands before births are sent.", _CONNECT),
    Entry(
        (f"{_EDGE}-will-message", f"{_EDGE}-will-message-topic", "payloads-ndeath-will-message"),
        Level.MUST,
        "Every CONNECT of an edge node carries its NDEATH as will, on its own NDEATH topic.",
        _CONNECT,
    ),
    Entry(
        (f"{_EDGE}-will-message-qos", "payloads-ndeath-will-message-qos"),
        Level.MUST,
        "The will of an edge node has QoS 1 (a death that the node itself publishes may have QoS 0).",
        _CONNECT,
    ),
    Entry(
        ("message-flow-edge-node-ncmd-subscribe", "message-flow-device-dcmd-subscribe"),
        Level.MUST,
        "An edge node subscribes to its commands with QoS 1 before the births.",
        _CONNECT,
    ),
    Entry(
        (
            "payloads-ndeath-will-message-publisher-disconnect-mqtt311",
            "payloads-ndeath-will-message-publisher-disconnect-mqtt50",
        ),
        Level.MUST,
        "Before a clean DISCONNECT comes an NDEATH; with MQTT 5 the reason is 0x04 (with will).",
        _CONNECT,
    ),
    Entry(
        ("operational-behavior-edge-node-intentional-disconnect-packet",),
        Level.MAY,
        "A DISCONNECT packet may follow the NDEATH.",
        _CONNECT,
    ),
    # Edge node: behaviour
    Entry(
        ("operational-behavior-device-ddeath",),
        Level.MUST,
        "An edge node that loses a device publishes its DDEATH.",
        _SCRIPTED,
    ),
    Entry(
        tuple(f"operational-behavior-data-commands-rebirth-action-{step}" for step in (1, 2, 3)),
        Level.MUST,
        "Asked for a rebirth, a node stops data and sends all births with the session's bdSeq.",
        _SCRIPTED,
    ),
    Entry(
        (
            f"{_EDGE}-phid-wait",
            f"{_EDGE}-phid-wait-id",
            f"{_EDGE}-phid-wait-online",
            f"{_EDGE}-phid-wait-timestamp",
            "operational-behavior-edge-node-birth-sequence-wait",
        ),
        Level.MUST,
        "With a primary host, births wait for its newest STATE to say online.",
        _SCRIPTED,
    ),
    Entry(
        (
            f"{_EDGE}-phid-offline",
            "operational-behavior-edge-node-termination-host-offline",
            "operational-behavior-edge-node-termination-host-offline-timestamp",
        ),
        Level.MUST,
        "When the primary host goes offline (not by an outdated STATE) the node ends its session.",
        _SCRIPTED,
    ),
    Entry(
        (
            "operational-behavior-edge-node-termination-host-offline-reconnect",
            f"{_PRIMARY}-walk",
            f"{_PRIMARY}-state-subs",
            f"{_PRIMARY}-single-server",
        ),
        Level.MUST,
        "With several servers a node is connected to one, and goes to the next when the host is gone there.",
        _SCRIPTED,
    ),
    # Host application
    Entry(
        (
            "message-flow-phid-sparkplug-clean-session-311",
            "message-flow-phid-sparkplug-clean-session-50",
        ),
        Level.MUST,
        "A host connects with a clean session (MQTT 5: clean start, expiry 0).",
        _CONNECT,
    ),
    Entry(
        (
            _WILL,
            f"{_WILL}-topic",
            "host-topic-phid-death-required",
            "host-topic-phid-death-topic",
            "operational-behavior-host-application-death-topic",
            "payloads-state-will-message",
        ),
        Level.MUST,
        "Every CONNECT of a host carries its offline STATE as will, on its own STATE topic.",
        _CONNECT,
    ),
    Entry(
        (
            "payloads-state-subscribe",
            "host-topic-phid-birth-sub-required",
            "message-flow-phid-sparkplug-subscription",
        ),
        Level.MUST,
        "A host subscribes to its STATE topic and the namespace before it publishes its STATE.",
        _CONNECT,
    ),
    Entry(
        ("operational-behavior-host-application-disconnect-intentional",),
        Level.MAY,
        "A DISCONNECT may follow the offline STATE.",
        _CONNECT,
    ),
    Entry(
        ("message-flow-hid-sparkplug-state-message-delivered",),
        Level.MUST,
        "A host that sees its own STATE offline publishes online again with the same timestamp.",
        _SCRIPTED,
    ),
    Entry(
        ("operational-behavior-host-application-multi-server-timestamp",),
        Level.MUST,
        "A host keeps its STATE timestamp for each server.",
        _SCRIPTED,
    ),
    Entry(
        (
            f"{_ACTION}-ndeath-node-offline",
            f"{_ACTION}-ndeath-node-tags-stale",
            f"{_ACTION}-ndeath-devices-offline",
            f"{_ACTION}-ndeath-devices-tags-stale",
            f"{_ACTION}-ddeath-devices-offline",
            f"{_ACTION}-ddeath-devices-tags-stale",
        ),
        Level.MUST,
        "A host marks what died as offline and its metrics as stale.",
        _INSIDE,
    ),
    Entry(
        ("operational-behavior-host-reordering-param",),
        Level.SHOULD,
        "A host has a configurable reorder timeout.",
        _INSIDE,
    ),
    Entry(
        tuple(f"operational-behavior-host-reordering-{step}" for step in ("start", "success", "rebirth")),
        Level.MUST,
        "A gap in seq starts the reorder timer; if it runs out the host asks for a rebirth.",
        _SCRIPTED,
    ),
    # Broker
    Entry(
        tuple(f"conformance-mqtt-{what}" for what in ("qos0", "qos1", "will-messages", "retained")),
        Level.MUST,
        "The broker knows QoS 0 and 1, wills and retained messages.",
        _SCRIPTED,
    ),
    Entry(
        tuple(
            f"conformance-mqtt-aware-{what}"
            for what in (
                *("basic", "store", "ndeath-timestamp", "nbirth-mqtt-topic", "nbirth-mqtt-retain"),
                *("dbirth-mqtt-topic", "dbirth-mqtt-retain"),
            )
        ),
        Level.MAY,
        "A broker that knows Sparkplug keeps births as retained certificates.",
        _SCRIPTED,
    ),
    # Nothing to break
    Entry(
        ("payloads-metric-datatype-not-req",),
        Level.SHOULD,
        "Data and commands leave the datatype out.",
        "no: kega sends it on purpose, which X-ENC-3 checks",
    ),
    Entry(
        ("payloads-name-cmd-requirement",),
        Level.MAY,
        "Metrics of commands may have times.",
        "no: both ways are right",
    ),
    Entry(
        ("topic-structure-namespace-duplicate-device-id-across-edge-node",),
        Level.MAY,
        "A device id may exist below two edge nodes.",
        "no: kega forbids it, which X-ID-2 checks",
    ),
    # kega's own
    Entry(
        ("X-TS-2",),
        Level.OWN,
        "A birth repeats a sample with the time of its measurement, never with that of the birth.",
        _INSIDE,
    ),
    Entry(
        ("X-ACK-1", "X-ACK-5", "X-ACK-6"),
        Level.OWN,
        "Batches are on disk before they are sent, stored before they are acknowledged; acks may repeat.",
        _INSIDE,
    ),
    Entry(
        ("X-ACK-8", "X-ACK-9"),
        Level.OWN,
        "No batch is lost under kill -9; what a dead device left in the spool is sent within a short birth.",
        _SCRIPTED,
    ),
    Entry(
        ("X-CMD-2", "X-CMD-4"),
        Level.OWN,
        "An expired command does not act; commands are absolute.",
        _INSIDE,
    ),
    Entry(("X-BIRTH-1",), Level.OWN, "A node reconnects after a random time that grows.", _SCRIPTED),
)


def catalogue() -> tuple[Entry, ...]:
    """Every rule: those that the monitor checks, then those that it cannot see."""
    seen = tuple(Entry(rule.ids, rule.level, rule.meaning, _SIGHT[rule.needs]) for rule in RULES)
    return (*seen, *_UNSEEN)
