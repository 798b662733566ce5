"""kega's own rules of identity, encoding and time (part X)."""

from __future__ import annotations

from typing import Any, Final

from telemetry.monitor.rule import (
    BIRTHS,
    DATA,
    FROM_EDGE,
    TELEMETRY,
    Finding,
    Findings,
    Level,
    Rule,
    rule,
)
from telemetry.monitor.rules.metrics import FIRST_PLAUSIBLE_MS
from telemetry.monitor.rules.names import ids_of
from telemetry.monitor.seen import Seen, listed
from telemetry.monitor.state import Phase
from telemetry.readings import Quality
from telemetry.sparkplug.metrics import quality_of
from telemetry.sparkplug.payload import DATATYPE_OF, DataType
from telemetry.sparkplug.topics import ID_PATTERN, Topic

CLOCK_KNOWN_MS: Final = 1_577_836_800_000
"""2020-01-01: an earlier time shows a clock that was never set."""
_SENT_TYPES: Final = frozenset(int(each) for each in DATATYPE_OF.values())


@rule(
    "X-ID-1",
    on=FROM_EDGE,
    level=Level.OWN,
    meaning="Ids match [a-z0-9][a-z0-9-]{2,40}.",
)
def ids_are_plain(seen: Seen) -> Findings:
    """Judge the ids of a node or device when it is first heard."""
    if not isinstance(seen.topic, Topic) or seen.source is None or seen.source.messages:
        return
    for what, text in ids_of(seen.topic):
        if not ID_PATTERN.fullmatch(text):
            yield Finding("3 to 41 of a-z, 0-9 and -", f"{what.split()[0]} {text!r}")


@rule(
    "X-ID-2",
    on=FROM_EDGE,
    level=Level.OWN,
    meaning="Gateway and device ids are unique in the province.",
)
def ids_are_unique(seen: Seen) -> Findings:
    """Judge at births, and when something is first heard; what is dead elsewhere may move here."""
    assert seen.node is not None
    assert seen.source is not None
    if seen.source.messages and seen.kind not in BIRTHS:
        return
    nodes = seen.province.nodes
    if seen.device is None:
        for area in sorted(seen.province.areas_of.get(seen.node.gateway, set()) - {seen.node.area}):
            if nodes[area, seen.node.gateway].own.phase is not Phase.DEAD:
                yield Finding(f"{seen.node.gateway} in one area", f"in {area} and {seen.node.area}")
        return
    for key in sorted(seen.province.gateways_of.get(seen.device, set()) - {seen.node.key}):
        other = nodes[key]
        if Phase.DEAD not in (other.own.phase, other.devices[seen.device].phase):
            yield Finding(f"{seen.device} below one gateway", f"below {key[1]} and {seen.node.gateway}")


@rule("X-ENC-1", on=TELEMETRY, level=Level.OWN, meaning="Metrics have names, never aliases.")
def names_never_aliases(seen: Seen) -> Findings:
    """Judge aliases."""
    with_alias = [metric for metric in seen.raw_metrics if metric.HasField("alias") or not metric.name]
    if with_alias:
        yield Finding("names alone", f"alias {with_alias[0].alias} of {with_alias[0].name!r}")


def _not_ours(metric: Any) -> str:
    """Why the metric is none that kega sends; empty where it is."""
    if metric.datatype not in _SENT_TYPES:
        return f"{metric.name}: datatype {metric.datatype}"
    if metric.datatype == DataType.INT32 and metric.int_value > 0x7FFF_FFFF:
        return f"{metric.name}: a negative Int32"
    if metric.datatype in (DataType.INT64, DataType.DATETIME) and metric.long_value > 0x7FFF_FFFF_FFFF_FFFF:
        return f"{metric.name}: a negative Int64"
    return ""


@rule(
    "X-ENC-2",
    on=TELEMETRY,
    level=Level.OWN,
    meaning="Telemetry is Boolean, Int32 ≥ 0, Int64 ≥ 0, Double, String or DateTime; with a sign, Double.",
)
def six_types_only(seen: Seen) -> Findings:
    """Judge datatypes and signs; a datatype that is left out is X-ENC-3's."""
    wrong = [why for metric in seen.raw_metrics if metric.datatype and (why := _not_ours(metric))]
    if wrong:
        yield Finding("one of the six types", listed(wrong))


@rule("X-ENC-3", on=DATA, level=Level.OWN, meaning="Data carry the datatype that the birth declared.")
def data_have_datatypes(seen: Seen) -> Findings:
    """Judge presence, and agreement with the birth."""
    assert seen.source is not None
    without = [metric.name for metric in seen.raw_metrics if not metric.datatype]
    if without:
        yield Finding("a datatype on every metric", f"none on {listed(without)}")
    known = seen.source.metrics or {}
    changed = [
        f"{name}: {metric.type.name}"
        for name, metric in seen.named()
        if metric.type is not DataType.UNKNOWN and name in known and known[name].type is not metric.type
    ]
    if changed:
        yield Finding("the datatype of the birth", listed(changed))


def _grows(seen: Seen) -> Findings:
    assert seen.source is not None
    batch = seen.payload.uuid or "" if seen.payload is not None else ""
    newest = dict[str, int]()
    for name, metric in seen.named():
        if metric.time_ms is None:
            continue
        before_ms, before_batch = seen.source.live_ms.get(name, (0, ""))
        within_ms = newest.get(name, 0)
        if metric.is_historical:
            if metric.time_ms == before_ms and batch != before_batch:
                yield Finding("each time once", f"{name} at {before_ms} in {before_batch} and {batch}")
        elif metric.time_ms <= max(before_ms, within_ms) and not (batch and batch == before_batch):
            yield Finding(f"{name} later than {max(before_ms, within_ms)}", f"{metric.time_ms}")
        newest[name] = max(within_ms, metric.time_ms)


times_grow = Rule(
    ("X-TS-1",),
    Level.OWN,
    "The times of a device's metric strictly increase in live data; no two batches give the same time.",
    frozenset(DATA),
    _grows,
)


@rule(
    "X-TS-3",
    on=TELEMETRY,
    level=Level.OWN,
    meaning="A sample from before the clock was set is not sent as good.",
)
def clock_was_set(seen: Seen) -> Findings:
    """A good value from before 2020 comes from a clock that was never set."""
    wrong = [
        metric.name
        for metric in seen.metrics
        if metric.time_ms is not None
        and FIRST_PLAUSIBLE_MS < metric.time_ms < CLOCK_KNOWN_MS
        and quality_of(metric)[0] is Quality.GOOD
    ]
    if wrong:
        yield Finding("a time from a clock that is set, or quality 0", listed(wrong))


RULES: Final = (
    ids_are_plain,
    ids_are_unique,
    names_never_aliases,
    six_types_only,
    data_have_datatypes,
    times_grow,
    clock_was_set,
)
