"""Sessions of edge nodes: bdSeq, births first, deaths (parts B to E, H)."""

from __future__ import annotations

from typing import Final

from telemetry.monitor.rule import DATA, Finding, Findings, Level, rule
from telemetry.monitor.seen import Seen, listed
from telemetry.monitor.state import Phase
from telemetry.sparkplug.metrics import BD_SEQ, REBIRTH
from telemetry.sparkplug.payload import DataType, Metric
from telemetry.sparkplug.topics import Verb

DEATH_WITHIN_MS: Final = 180_000
"""A session that ended shows its NDEATH within this time: 1.5 × the usual keep-alive, and a good reserve."""
_SPARE_CONNECTS: Final = 5


def _bd_seq_metric(seen: Seen) -> Metric | None:
    return next((metric for metric in seen.metrics if metric.name == BD_SEQ), None)


@rule(
    "topics-ndeath-payload",
    on=[Verb.NDEATH],
    meaning="An NDEATH holds one metric, bdSeq.",
)
def death_is_bare(seen: Seen) -> Findings:
    """Judge the metrics of a death."""
    names = [metric.name for metric in seen.metrics]
    if seen.payload is not None and names != [BD_SEQ]:
        yield Finding("bdSeq alone", listed(names) or "no metric")


def _may_have_reached(seen: Seen, number: int) -> bool:
    """Whether that many CONNECTs fit into the time since the node was last heard.

    Attempts that the broker never finished are not seen, but each takes its number.
    """
    assert seen.node is not None
    assert seen.node.bd_seq is not None
    steps = (number - seen.node.bd_seq) % 256
    silence_s = (seen.at_ms - (seen.node.last_ms or seen.at_ms)) / 1000
    return steps <= 1 + _SPARE_CONNECTS + 2 * silence_s


@rule(
    "topics-nbirth-bdseq-increment",
    "message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
    on=[Verb.NBIRTH],
    meaning="bdSeq grows by 1 with every CONNECT, 255 followed by 0, also over restarts of the process.",
)
def bd_seq_grows(seen: Seen) -> Findings:
    """A dead session's number comes back, or the number jumps further than CONNECTs can explain."""
    assert seen.node is not None
    number, before = seen.bd_seq, seen.node.bd_seq
    if number is None or before is None:
        return
    if number == before and seen.node.last_death == number:
        yield Finding(f"bdSeq {(before + 1) % 256}", f"bdSeq {number}, whose session is dead")
    elif number != before and number not in seen.node.undead and not _may_have_reached(seen, number):
        yield Finding(f"bdSeq {(before + 1) % 256}", f"bdSeq {number}")


@rule(
    "payloads-ndeath-bdseq",
    on=[Verb.NDEATH],
    meaning="The bdSeq of an NDEATH is that of the NBIRTH of the same session.",
)
def death_names_its_session(seen: Seen) -> Findings:
    """Judge the number: of this session, of one that was replaced, or of one that never came to its birth."""
    assert seen.node is not None
    if seen.payload is None:
        return
    metric = _bd_seq_metric(seen)
    if metric is None or seen.bd_seq is None:
        yield Finding("metric bdSeq with a number", "none")
        return
    if metric.type not in (DataType.INT64, DataType.UNKNOWN):
        yield Finding("bdSeq as Int64", metric.type.name)
    before = seen.node.bd_seq
    if before is None or seen.bd_seq in (before, seen.node.last_death) or seen.bd_seq in seen.node.undead:
        return
    listening_ms = seen.at_ms - (seen.province.since_ms or 0)
    if listening_ms < DEATH_WITHIN_MS and (before - seen.bd_seq) % 256 <= _SPARE_CONNECTS:
        return  # may be a session that the monitor came too late for
    if not _may_have_reached(seen, seen.bd_seq):
        yield Finding(f"bdSeq {before}", f"bdSeq {seen.bd_seq}")


@rule("topics-nbirth-bdseq-included", "payloads-nbirth-bdseq", on=[Verb.NBIRTH], meaning="NBIRTH has bdSeq.")
def birth_has_bd_seq(seen: Seen) -> Findings:
    """Judge presence."""
    if seen.payload is not None and _bd_seq_metric(seen) is None:
        yield Finding("metric bdSeq", "none")


@rule(
    "topics-nbirth-bdseq-matching",
    "payloads-nbirth-bdseq-repeat",
    "message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
    on=[Verb.NBIRTH],
    meaning="bdSeq is an Int64 of 0 to 255, the number of this session's will, also on a rebirth.",
)
def bd_seq_is_int64(seen: Seen) -> Findings:
    """Judge type and range; that the will has the same number shows at the NDEATH."""
    metric = _bd_seq_metric(seen)
    if metric is None:
        return
    if metric.type is not DataType.INT64:
        yield Finding("Int64", metric.type.name)
    if not isinstance(metric.value, int) or isinstance(metric.value, bool) or not 0 <= metric.value <= 255:
        yield Finding("0 to 255", repr(metric.value))


@rule(
    "topics-nbirth-rebirth-metric",
    "payloads-nbirth-rebirth-req",
    "operational-behavior-data-commands-rebirth-name",
    "operational-behavior-data-commands-rebirth-datatype",
    "operational-behavior-data-commands-rebirth-value",
    on=[Verb.NBIRTH],
    meaning="NBIRTH has the Boolean metric Node Control/Rebirth with value false.",
)
def birth_offers_rebirth(seen: Seen) -> Findings:
    """Judge presence, type and value."""
    if seen.payload is None:
        return
    metric = next((metric for metric in seen.metrics if metric.name == REBIRTH), None)
    if metric is None:
        yield Finding(f"metric {REBIRTH}", "none")
    elif metric.type is not DataType.BOOLEAN or metric.value is not False:
        yield Finding("Boolean false", f"{metric.type.name} {metric.value!r}")


@rule(
    "operational-behavior-data-commands-rebirth-name-aliases",
    on=[Verb.NBIRTH],
    meaning="Node Control/Rebirth never has an alias.",
)
def rebirth_has_no_alias(seen: Seen) -> Findings:
    """Judge the alias."""
    for metric in seen.metrics:
        if metric.name == REBIRTH and metric.alias is not None:
            yield Finding("no alias", f"alias {metric.alias}")


@rule(
    "principles-birth-certificates-order",
    "payloads-ndata-order",
    on=[Verb.NDATA, Verb.DDATA, Verb.DDEATH],
    meaning="The birth is the first thing that a node publishes in a session.",
)
def birth_comes_first(seen: Seen) -> Findings:
    """A dead node speaks."""
    assert seen.node is not None
    if seen.node.own.phase is Phase.DEAD:
        yield Finding("NBIRTH after the NDEATH", seen.kind)


@rule(
    "message-flow-device-birth-publish-nbirth-wait",
    on=[Verb.DBIRTH],
    meaning="No DBIRTH comes before the session's NBIRTH.",
)
def device_waits_for_node(seen: Seen) -> Findings:
    """A device of a dead node is born."""
    assert seen.node is not None
    if seen.node.own.phase is Phase.DEAD:
        yield Finding("NBIRTH after the NDEATH", "DBIRTH")


@rule(
    "payloads-ddata-order",
    "payloads-dbirth-order",
    on=[Verb.DDATA],
    meaning="A device sends no data before its birth, nor after its death.",
)
def device_born_before_data(seen: Seen) -> Findings:
    """Data of a device that is not born in this session."""
    assert seen.node is not None
    assert seen.source is not None
    if seen.node.own.phase is Phase.ALIVE and seen.source.phase is Phase.DEAD:
        yield Finding(f"DBIRTH of {seen.device} before its data", "DDATA")


@rule(
    "payloads-ndeath-will-message-publisher",
    "operational-behavior-edge-node-intentional-disconnect-ndeath",
    on=DATA,
    level=Level.SHOULD,
    meaning="Every session that ended shows an NDEATH, by the node itself or by its will.",
)
def sessions_die(seen: Seen) -> Findings:
    """A replaced session is still undead. A remark only: a broker that was lost takes wills with it."""
    assert seen.node is not None
    for number, since_ms in seen.node.undead.items():
        due_ms = since_ms + DEATH_WITHIN_MS
        if (seen.node.last_ms or 0) < due_ms <= seen.at_ms:
            yield Finding(f"NDEATH of session bdSeq {number}", f"none in {DEATH_WITHIN_MS // 1000} s")


RULES: Final = (
    death_is_bare,
    bd_seq_grows,
    death_names_its_session,
    birth_has_bd_seq,
    bd_seq_is_int64,
    birth_offers_rebirth,
    rebirth_has_no_alias,
    birth_comes_first,
    device_waits_for_node,
    device_born_before_data,
    sessions_die,
)
