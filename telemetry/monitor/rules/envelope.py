"""How each message travels, and its payload as a whole: QoS, retain, seq, time (parts B to E, K)."""

from __future__ import annotations

from typing import Final

from telemetry.monitor.rule import Finding, Findings, Level, Rule, Sight
from telemetry.monitor.seen import Seen
from telemetry.monitor.state import UTC_WINDOW_MS
from telemetry.sparkplug.topics import Verb


def _qos_0(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        if seen.message.qos != 0:
            yield Finding("QoS 0", f"QoS {seen.message.qos}")

    return Rule(
        ids,
        Level.MUST,
        f"{verb.value} is published with QoS 0.",
        frozenset({verb.value}),
        check,
        Sight.PUBLISH_BITS,
    )


def _not_retained(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        if seen.message.retain:
            yield Finding("retain false", "retain true")

    return Rule(
        ids,
        Level.MUST,
        f"{verb.value} is published without retain.",
        frozenset({verb.value}),
        check,
        Sight.PUBLISH_BITS,
    )


def _protobuf(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        if seen.raw is None:
            yield Finding("a Sparkplug B payload", seen.fault)

    return Rule(
        ids, Level.MUST, f"The body of a {verb.value} is a Sparkplug payload.", frozenset({verb.value}), check
    )


def _some_metric(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        if seen.raw is None:
            yield Finding("a Sparkplug B payload", seen.fault)
        elif not seen.raw.metrics:
            yield Finding("at least one metric", "none")

    what = "the metrics to write" if verb in (Verb.NCMD, Verb.DCMD) else "the metrics that changed"
    return Rule(ids, Level.MUST, f"A {verb.value} carries {what}.", frozenset({verb.value}), check)


def _has_seq(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        if seen.raw is None:
            return
        if seen.seq is None:
            yield Finding("a seq", "none")
        elif seen.seq > 255:
            yield Finding("seq 0 to 255", f"seq {seen.seq}")
        elif verb is Verb.NBIRTH and seen.seq != 0:
            yield Finding("seq 0", f"seq {seen.seq}")

    wants = "begins the sequence with seq 0" if verb is Verb.NBIRTH else "carries a seq from 0 to 255"
    return Rule(ids, Level.MUST, f"A {verb.value} {wants}.", frozenset({verb.value}), check)


def _no_seq(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        if seen.seq is not None:
            yield Finding("no seq", f"seq {seen.seq}")

    return Rule(ids, Level.MUST, f"A {verb.value} carries no seq.", frozenset({verb.value}), check)


def _follows(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        assert seen.node is not None
        wanted = seen.node.next_seq
        if wanted is not None and seen.seq is not None and seen.seq != wanted:
            missing = (seen.seq - wanted) % 256
            yield Finding(f"seq {wanted}", f"seq {seen.seq}, as if {missing} messages were missing")

    return Rule(
        ids,
        Level.MUST,
        f"The seq of a {verb.value} is that of the node's message before it plus 1, 255 followed by 0.",
        frozenset({verb.value}),
        check,
    )


def _has_time(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        if seen.raw is not None and seen.time_ms is None:
            yield Finding("a payload timestamp", "none")

    return Rule(ids, Level.MUST, f"A {verb.value} carries a timestamp.", frozenset({verb.value}), check)


def _now(seen: Seen) -> Findings:
    if seen.time_ms is not None and abs(seen.time_ms - seen.at_ms) > UTC_WINDOW_MS:
        yield Finding(
            f"UTC milliseconds of the sending, {seen.at_ms} ± {UTC_WINDOW_MS}",
            f"{seen.time_ms} ({(seen.time_ms - seen.at_ms) / 1000:+.0f} s)",
        )


# Not NDEATH: a will is as old as its connection. Not commands: they may come from any tool's clock.
payload_time = Rule(
    ("payloads-timestamp-in-UTC",),
    Level.MUST,
    "A payload's timestamp is the time of its sending, in UTC milliseconds.",
    frozenset({"NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"}),
    _now,
)

_ALWAYS_SEQ: Final = "payloads-sequence-num-always-included"
_NEXT_SEQ: Final = "payloads-sequence-num-incrementing"

RULES: Final = (
    _qos_0(
        Verb.NBIRTH,
        "payloads-nbirth-qos",
        "topics-nbirth-mqtt",
        "message-flow-edge-node-birth-publish-nbirth-qos",
    ),
    _not_retained(
        Verb.NBIRTH,
        "payloads-nbirth-retain",
        "topics-nbirth-mqtt",
        "message-flow-edge-node-birth-publish-nbirth-retained",
    ),
    _protobuf(Verb.NBIRTH, "message-flow-edge-node-birth-publish-nbirth-payload"),
    _has_seq(
        Verb.NBIRTH,
        "payloads-nbirth-seq",
        "topics-nbirth-seq-num",
        "payloads-sequence-num-req-nbirth",
        "message-flow-edge-node-birth-publish-nbirth-payload-seq",
    ),
    _has_time(Verb.NBIRTH, "payloads-nbirth-timestamp", "topics-nbirth-timestamp"),
    _qos_0(
        Verb.DBIRTH,
        "payloads-dbirth-qos",
        "topics-dbirth-mqtt",
        "message-flow-device-birth-publish-dbirth-qos",
    ),
    _not_retained(
        Verb.DBIRTH,
        "payloads-dbirth-retain",
        "topics-dbirth-mqtt",
        "message-flow-device-birth-publish-dbirth-retained",
    ),
    _protobuf(Verb.DBIRTH, "message-flow-device-birth-publish-dbirth-payload"),
    _has_seq(Verb.DBIRTH, "payloads-dbirth-seq", "topics-dbirth-seq", _ALWAYS_SEQ),
    _follows(
        Verb.DBIRTH,
        "payloads-dbirth-seq-inc",
        "message-flow-device-birth-publish-dbirth-payload-seq",
        _NEXT_SEQ,
    ),
    _has_time(Verb.DBIRTH, "payloads-dbirth-timestamp", "topics-dbirth-timestamp"),
    _qos_0(Verb.NDATA, "payloads-ndata-qos", "topics-ndata-mqtt"),
    _not_retained(Verb.NDATA, "payloads-ndata-retain", "topics-ndata-mqtt"),
    _some_metric(Verb.NDATA, "topics-ndata-payload"),
    _has_seq(Verb.NDATA, "payloads-ndata-seq", "topics-ndata-seq-num", _ALWAYS_SEQ),
    _follows(Verb.NDATA, "payloads-ndata-seq-inc", _NEXT_SEQ),
    _has_time(Verb.NDATA, "payloads-ndata-timestamp", "topics-ndata-timestamp"),
    _qos_0(Verb.DDATA, "payloads-ddata-qos", "topics-ddata-mqtt"),
    _not_retained(Verb.DDATA, "payloads-ddata-retain", "topics-ddata-mqtt"),
    _some_metric(Verb.DDATA, "topics-ddata-payload"),
    _has_seq(Verb.DDATA, "payloads-ddata-seq", "topics-ddata-seq-num", _ALWAYS_SEQ),
    _follows(Verb.DDATA, "payloads-ddata-seq-inc", _NEXT_SEQ),
    _has_time(Verb.DDATA, "payloads-ddata-timestamp", "topics-ddata-timestamp"),
    _qos_0(Verb.DDEATH, "topics-ddeath-mqtt"),
    _not_retained(Verb.DDEATH, "topics-ddeath-mqtt"),
    _has_seq(Verb.DDEATH, "payloads-ddeath-seq", "topics-ddeath-seq-num", _ALWAYS_SEQ),
    _follows(Verb.DDEATH, "payloads-ddeath-seq-inc", "payloads-ddeath-seq-number", _NEXT_SEQ),
    _has_time(Verb.DDEATH, "payloads-ddeath-timestamp"),
    _protobuf(Verb.NDEATH, "message-flow-edge-node-birth-publish-will-message-payload"),
    _no_seq(Verb.NDEATH, "payloads-ndeath-seq", "topics-ndeath-seq"),
    _not_retained(
        Verb.NDEATH,
        "payloads-ndeath-will-message-retain",
        "message-flow-edge-node-birth-publish-will-message-will-retained",
    ),
    _qos_0(Verb.NCMD, "payloads-ncmd-qos", "topics-ncmd-mqtt"),
    _not_retained(Verb.NCMD, "payloads-ncmd-retain", "topics-ncmd-mqtt"),
    _some_metric(Verb.NCMD, "topics-ncmd-payload"),
    _no_seq(Verb.NCMD, "payloads-ncmd-seq"),
    _has_time(Verb.NCMD, "payloads-ncmd-timestamp", "topics-ncmd-timestamp"),
    _qos_0(Verb.DCMD, "payloads-dcmd-qos", "topics-dcmd-mqtt"),
    _not_retained(Verb.DCMD, "payloads-dcmd-retain", "topics-dcmd-mqtt"),
    _some_metric(Verb.DCMD, "topics-dcmd-payload"),
    _no_seq(Verb.DCMD, "payloads-dcmd-seq"),
    _has_time(Verb.DCMD, "payloads-dcmd-timestamp", "topics-dcmd-timestamp"),
    payload_time,
)
