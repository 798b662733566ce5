"""How a message changes what is known of its sender.

After a fault the state follows what was seen, so that one fault is told once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from telemetry.commands import CommandStatus
from telemetry.monitor.rules.delivery import digest, result_of
from telemetry.monitor.rules.hosts import is_state
from telemetry.monitor.rules.names import ids_of
from telemetry.monitor.rules.session import DEATH_WITHIN_MS
from telemetry.monitor.rules.templates import definitions
from telemetry.monitor.seen import Seen
from telemetry.monitor.state import (
    BATCHES_REMEMBERED,
    COMMANDS_REMEMBERED,
    Declared,
    Node,
    Phase,
    Province,
    SentBatch,
    Source,
)
from telemetry.sparkplug.ack import parse_batch_id
from telemetry.sparkplug.metrics import REBIRTH, SPOOL_EPOCH, quality_of
from telemetry.sparkplug.payload import Unsupported
from telemetry.sparkplug.topics import StateTopic, Topic, Verb


def follow(seen: Seen) -> None:
    """Bring the state of the province up to date with a message."""
    province = seen.province
    if province.since_ms is None:
        province.since_ms = seen.at_ms
    if isinstance(seen.topic, StateTopic):
        _host(seen)
    elif isinstance(seen.topic, Topic) and seen.node is not None and seen.source is not None:
        if seen.topic.verb in (Verb.NCMD, Verb.DCMD):
            _asked(seen, seen.node)
        else:
            _spoke(seen, seen.topic, seen.node, seen.source)
    province.last_ms = seen.at_ms


def forget_sessions(province: Province) -> None:
    """The monitor itself missed messages: nothing is known of any session any more."""
    province.since_ms = None
    for host in province.hosts.values():
        host.online = None
    for node in province.nodes.values():
        node.bd_seq = node.next_seq = node.last_death = node.rebirth_asked_ms = None
        node.undead.clear()
        node.aliases.clear()
        node.templates = None
        for source in node.sources():
            _forget(source)


def _forget(source: Source, phase: Phase = Phase.UNKNOWN) -> None:
    source.phase = phase
    source.metrics = None


def _host(seen: Seen) -> None:
    assert seen.host is not None
    if is_state(seen.state):
        seen.host.online = seen.state["online"]
        if seen.host.online and seen.state["timestamp"] not in seen.host.births:
            seen.host.births.append(seen.state["timestamp"])


def _asked(seen: Seen, node: Node) -> None:
    if seen.kind == Verb.NCMD and any(metric.name == REBIRTH for metric in seen.metrics):
        node.rebirth_asked_ms = seen.at_ms
        seen.province.rebirths_ms.append(seen.at_ms)


def _spoke(seen: Seen, topic: Topic, node: Node, source: Source) -> None:
    _place(seen, topic, node)
    if topic.verb is Verb.NDEATH:
        _died(seen, node)
    else:
        if seen.seq is not None:
            node.next_seq = (seen.seq + 1) % 256
        if topic.verb is Verb.NBIRTH:
            _born(seen, node)
        elif topic.verb is Verb.DBIRTH:
            _device_born(seen, node, source)
        elif topic.verb is Verb.DDEATH:
            _forget(source, Phase.DEAD)
        else:
            _data(seen, node, source)
    node.undead = {
        number: since for number, since in node.undead.items() if seen.at_ms - since < DEATH_WITHIN_MS
    }
    node.last_ms = seen.at_ms
    source.messages += 1


def _place(seen: Seen, topic: Topic, node: Node) -> None:
    province = seen.province
    province.areas_of.setdefault(topic.gateway, set()).add(topic.area)
    if topic.device is not None:
        province.gateways_of.setdefault(topic.device, set()).add(node.key)
    for what, text in ids_of(topic):
        province.spellings.setdefault((what, text.lower()), set()).add(text)


def _died(seen: Seen, node: Node) -> None:
    if seen.bd_seq is not None and node.undead.pop(seen.bd_seq, None) is not None:
        return
    node.last_death = seen.bd_seq
    if node.bd_seq is None or seen.bd_seq == node.bd_seq:
        phase = Phase.UNKNOWN if node.bd_seq is None else Phase.DEAD
        node.next_seq = None
        for source in node.sources():
            _forget(source, phase)


def _born(seen: Seen, node: Node) -> None:
    number = seen.bd_seq
    if number is not None and number != node.bd_seq:
        if node.own.phase is Phase.ALIVE and node.bd_seq is not None:
            node.undead[node.bd_seq] = seen.at_ms
        node.undead.pop(number, None)
        node.bd_seq = number
    node.last_death = None
    for device in node.devices.values():
        _forget(device, Phase.DEAD)
    node.aliases.clear()
    node.templates = definitions(seen)
    _declare(seen, node, node.own)
    for metric in seen.metrics:
        if metric.name == SPOOL_EPOCH and isinstance(metric.value, str):
            node.epochs.add(metric.value)


def _device_born(seen: Seen, node: Node, source: Source) -> None:
    if node.own.phase is Phase.DEAD:
        _forget(node.own)
    _declare(seen, node, source)


def _declare(seen: Seen, node: Node, source: Source) -> None:
    source.phase = Phase.ALIVE
    source.metrics = None
    if seen.payload is not None:
        source.metrics = {metric.name: Declared(metric.type, metric.alias) for metric in seen.metrics}
        for metric in seen.metrics:
            if metric.alias is not None:
                node.aliases[metric.alias] = (seen.device, metric.name)
    if seen.time_ms is not None:
        node.births_ms.append(seen.time_ms)
    _remember_values(seen, source)


def _data(seen: Seen, node: Node, source: Source) -> None:
    if node.own.phase is Phase.DEAD:
        for each in node.sources():
            _forget(each)
    elif source.phase is Phase.DEAD:
        _forget(source)
    uuid = seen.payload.uuid if seen.payload is not None else None
    for name, metric in seen.named():
        if metric.time_ms is not None and not metric.is_historical:
            newest_ms, _ = source.live_ms.get(name, (0, ""))
            if metric.time_ms > newest_ms:
                source.live_ms[name] = (metric.time_ms, uuid or "")
    _remember_values(seen, source)
    batch = parse_batch_id(uuid)
    if uuid is not None and batch is not None:
        node.epochs.add(batch.epoch)
        seen.province.epoch_owner.setdefault(batch.epoch, node.key)
        if uuid not in node.batches:
            _keep(node.batches, uuid, SentBatch(digest(seen), seen.at_ms), BATCHES_REMEMBERED)
    result = result_of(seen)
    if result is not None and result[1] in set(CommandStatus) and CommandStatus(result[1]).is_final:
        _keep(seen.province.ended, result[0], result[1], COMMANDS_REMEMBERED)


def _remember_values(seen: Seen, source: Source) -> None:
    for name, metric in seen.named():
        if not metric.is_historical and not isinstance(metric.value, Unsupported):
            source.last[name] = (metric.value, quality_of(metric)[0])


def _keep(memory: OrderedDict[str, Any], key: str, value: Any, size: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > size:
        memory.popitem(last=False)
