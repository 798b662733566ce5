"""Topics and ids (acceptance list, part A)."""

from __future__ import annotations

from typing import Final

from telemetry.monitor.rule import EVERYTHING, FROM_EDGE, Finding, Findings, Level, Rule, rule
from telemetry.monitor.seen import NO_TOPIC, STATE, Seen, listed
from telemetry.monitor.state import Phase
from telemetry.sparkplug.topics import NAMESPACE, Topic, Verb


def _levels(seen: Seen) -> list[str]:
    return seen.message.topic.split("/")


def _verb(seen: Seen) -> Verb | None:
    levels = _levels(seen)
    return Verb(levels[2]) if len(levels) > 2 and levels[2] in Verb.__members__ else None


@rule(
    "topic-structure",
    on=[NO_TOPIC],
    meaning="A topic is spBv1.0/<group>/<verb>/<edge>[/<device>] or spBv1.0/STATE/<host>.",
)
def structure(seen: Seen) -> Findings:
    """Judge the levels as a whole."""
    yield Finding(f"{NAMESPACE}/<group>/<verb>/<edge>[/<device>]", f"{seen.message.topic} ({seen.fault})")


@rule("topic-structure-namespace-a", on=[NO_TOPIC], meaning="The first level is exactly spBv1.0.")
def namespace(seen: Seen) -> Findings:
    """Judge the first level (other namespaces are heard only with a wider filter)."""
    if _levels(seen)[0] != NAMESPACE:
        yield Finding(NAMESPACE, _levels(seen)[0])


@rule(
    "topic-structure-namespace-device-id-associated-message-types",
    "topics-dbirth-topic",
    "message-flow-device-birth-publish-dbirth-topic",
    "topics-ddata-topic",
    "topics-ddeath-topic",
    "topics-dcmd-topic",
    on=[NO_TOPIC],
    meaning="DBIRTH, DDATA, DDEATH and DCMD have a device level.",
)
def device_level_there(seen: Seen) -> Findings:
    """Judge device verbs."""
    verb = _verb(seen)
    if verb is not None and verb.of_device and len(_levels(seen)) != 5:
        yield Finding("5 levels, the last a device id", seen.message.topic)


@rule(
    "topic-structure-namespace-device-id-non-associated-message-types",
    "topics-nbirth-topic",
    "message-flow-edge-node-birth-publish-nbirth-topic",
    "topics-ndata-topic",
    "topics-ndeath-topic",
    "topics-ncmd-topic",
    on=[NO_TOPIC],
    meaning="NBIRTH, NDATA, NDEATH, NCMD and STATE have no device level.",
)
def device_level_absent(seen: Seen) -> Findings:
    """Judge node verbs and STATE."""
    verb = _verb(seen)
    levels = _levels(seen)
    if verb is not None and not verb.of_device and len(levels) != 4:
        yield Finding("4 levels", seen.message.topic)
    elif levels[:2] == [NAMESPACE, STATE] and len(levels) != 3:
        yield Finding(f"{NAMESPACE}/STATE/<host>", seen.message.topic)


def _valid_level(level: int, what: str, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        levels = _levels(seen)
        if levels[:2] == [NAMESPACE, STATE] or len(levels) <= level:
            return
        bad = sorted({sign for sign in levels[level] if sign in "+#\0�"})
        if bad:
            yield Finding("UTF-8 text without + / #", repr(levels[level]))
        elif not levels[level]:
            yield Finding("a text", "nothing")

    return Rule(
        ids, Level.MUST, f"The {what} is UTF-8 text without any of + / #.", frozenset(EVERYTHING), check
    )


group_id = _valid_level(
    1, "group id", "topic-structure-namespace-valid-group-id", "intro-group-id-string", "intro-group-id-chars"
)
edge_id = _valid_level(
    3,
    "edge node id",
    "topic-structure-namespace-valid-edge-node-id",
    "intro-edge-node-id-string",
    "intro-edge-node-id-chars",
)
device_id = _valid_level(
    4,
    "device id",
    "topic-structure-namespace-valid-device-id",
    "intro-device-id-string",
    "intro-device-id-chars",
)


@rule(
    "topic-structure-namespace-unique-edge-node-descriptor",
    "intro-edge-node-id-uniqueness",
    "payloads-nbirth-edge-node-descriptor",
    on=[Verb.NBIRTH],
    meaning="Two MQTT clients never use the same pair of group and edge node id.",
)
def one_client_a_node(seen: Seen) -> Findings:
    """A session that was replaced comes back although it never died: two clients take turns."""
    assert seen.node is not None
    if seen.bd_seq is not None and seen.bd_seq != seen.node.bd_seq and seen.bd_seq in seen.node.undead:
        yield Finding(
            "one client with this group and edge node id",
            f"sessions bdSeq {seen.node.bd_seq} and {seen.bd_seq} at the same time",
        )


@rule(
    "topic-structure-namespace-unique-device-id",
    on=[Verb.DBIRTH],
    meaning="A device id is unique below its edge node: no second DBIRTH without DDEATH or NBIRTH between.",
)
def one_device_an_id(seen: Seen) -> Findings:
    """A device that is alive is not born."""
    assert seen.source is not None
    if seen.source.phase is Phase.ALIVE and seen.source.metrics is not None:
        yield Finding("DDEATH or NBIRTH before another DBIRTH", f"a second DBIRTH of {seen.device}")


@rule(
    "message-flow-device-birth-publish-dbirth-match-edge-node-topic",
    on=[Verb.DBIRTH],
    meaning="A DBIRTH has the group and edge node id of the NBIRTH before it.",
)
def device_below_its_node(seen: Seen) -> Findings:
    """The edge node is alive under another group and unheard of under this one."""
    assert seen.node is not None
    if seen.node.own.messages:
        return
    for area in sorted(seen.province.areas_of.get(seen.node.gateway, set()) - {seen.node.area}):
        if seen.province.nodes[area, seen.node.gateway].own.phase is Phase.ALIVE:
            yield Finding(f"group {area}, as in the NBIRTH", f"group {seen.node.area}")


@rule(
    "case-sensitivity-sparkplug-ids",
    on=FROM_EDGE,
    level=Level.SHOULD,
    meaning="No two ids differ only in upper and lower case.",
)
def spelled_alike(seen: Seen) -> Findings:
    """Judge an id when it is first heard."""
    if not isinstance(seen.topic, Topic):
        return
    for what, text in ids_of(seen.topic):
        others = seen.province.spellings.get((what, text.lower()), set())
        if others and text not in others:
            yield Finding(f"{what} {min(others)!r}", f"{what} {text!r}")


def ids_of(topic: Topic) -> list[tuple[str, str]]:
    """The ids in a topic, each with the kind of thing it names."""
    ids = [("group", topic.area), ("edge node", topic.gateway)]
    return ids if topic.device is None else [*ids, (f"device of {topic.gateway.lower()}", topic.device)]


@rule(
    "case-sensitivity-metric-names",
    on=[Verb.NBIRTH, Verb.DBIRTH],
    level=Level.SHOULD,
    meaning="No two metric names of one birth differ only in upper and lower case.",
)
def metrics_spelled_alike(seen: Seen) -> Findings:
    """Judge the names of one birth."""
    by_lower: dict[str, set[str]] = {}
    for metric in seen.metrics:
        by_lower.setdefault(metric.name.lower(), set()).add(metric.name)
    twins = [" / ".join(sorted(names)) for names in by_lower.values() if len(names) > 1]
    if twins:
        yield Finding("one spelling of each name", listed(twins))


RULES: Final = (
    structure,
    namespace,
    device_level_there,
    device_level_absent,
    group_id,
    edge_id,
    device_id,
    one_client_a_node,
    one_device_an_id,
    device_below_its_node,
    spelled_alike,
    metrics_spelled_alike,
)
