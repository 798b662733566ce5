"""kega's own rules of delivery, commands and pacing (part X)."""

from __future__ import annotations

import hashlib
from typing import Final

from telemetry.commands import COMMAND_ID, EXPIRES, ISSUER, CommandStatus
from telemetry.errors import AckError
from telemetry.monitor.rule import BIRTHS, Finding, Findings, Level, rule
from telemetry.monitor.seen import Seen, listed
from telemetry.sparkplug.ack import ACK_METRIC, parse_ack, parse_batch_id
from telemetry.sparkplug.metrics import (
    COMMAND_ERROR,
    COMMAND_LAST_ID,
    COMMAND_STATUS,
    REBIRTH,
    SPOOL_DROPPED,
)
from telemetry.sparkplug.payload import DataType, Metric
from telemetry.sparkplug.topics import Verb

REBIRTH_EVERY_MS: Final = 60_000
REBIRTHS_PER_SECOND: Final = 50
"""Rebirth requests of one host to all its nodes."""
BIRTHS_PER_SECOND: Final = 20
_PACE_SLACK_MS: Final = 100
"""How much earlier than a whole second or minute a paced message may come."""
_RESULT: Final = (COMMAND_LAST_ID, COMMAND_STATUS, COMMAND_ERROR)


def digest(seen: Seen) -> bytes:
    """A fingerprint of what a batch says: names, datatypes, values, times and qualities of its metrics."""
    content = hashlib.blake2b(digest_size=16)
    for metric in seen.metrics:
        quality = [(key, repr(prop.value)) for key, prop in sorted(metric.properties.items())]
        content.update(repr((metric.name, metric.type, metric.value, metric.time_ms, quality)).encode())
    return content.digest()


@rule(
    "X-ACK-2",
    on=[Verb.NDATA, Verb.DDATA],
    level=Level.OWN,
    meaning="Data from a spool carry uuid <epoch>:<batch>; an epoch belongs to one gateway.",
)
def batch_is_named(seen: Seen) -> Findings:
    """Judge the uuid; a node's own live metrics need none."""
    assert seen.node is not None
    if seen.payload is None or (seen.kind == Verb.NDATA and seen.payload.uuid is None):
        return
    batch = parse_batch_id(seen.payload.uuid)
    if batch is None:
        yield Finding("uuid <epoch>:<batch>", repr(seen.payload.uuid))
        return
    owner = seen.province.epoch_owner.get(batch.epoch, seen.node.key)
    if owner != seen.node.key:
        yield Finding(f"epoch {batch.epoch} of {owner[1]} only", f"also used by {seen.node.gateway}")


@rule(
    "X-ACK-4",
    on=[Verb.NDATA, Verb.DDATA],
    level=Level.OWN,
    meaning="A batch that is sent again is historical throughout, with the same values and times.",
)
def resent_as_it_was(seen: Seen) -> Findings:
    """Compare with the first sending, where it was seen."""
    assert seen.node is not None
    if seen.payload is None or seen.payload.uuid is None:
        return
    first = seen.node.batches.get(seen.payload.uuid)
    if first is None:
        return
    live = [metric.name for metric in seen.metrics if not metric.is_historical]
    if live:
        yield Finding("is_historical on every metric", f"batch {seen.payload.uuid}: not on {listed(live)}")
    if digest(seen) != first.digest:
        yield Finding(
            f"what batch {seen.payload.uuid} said at {first.first_ms}", "other values, times or metrics"
        )


@rule(
    "X-ACK-3",
    on=[Verb.NCMD],
    level=Level.OWN,
    meaning="An acknowledgement is a String of ranges that names an epoch of this gateway.",
)
def ack_names_batches(seen: Seen) -> Findings:
    """Judge text and epoch."""
    assert seen.node is not None
    for metric in seen.metrics:
        if metric.name != ACK_METRIC:
            continue
        try:
            ack = parse_ack(metric.value if isinstance(metric.value, str) else repr(metric.value))
        except AckError as error:
            yield Finding("<epoch>:<ranges>", str(error))
            return
        if seen.node.epochs and ack.epoch not in seen.node.epochs:
            yield Finding(f"an epoch of {seen.node.gateway}", ack.epoch)


@rule(
    "X-ACK-7",
    on=[Verb.NBIRTH],
    level=Level.OWN,
    meaning="A gateway declares Spool/Dropped (Int64), the count of readings that a full spool gave up.",
)
def losses_are_counted(seen: Seen) -> Findings:
    """Judge presence and type."""
    if seen.payload is None:
        return
    metric = next((metric for metric in seen.metrics if metric.name == SPOOL_DROPPED), None)
    if metric is None or metric.type is not DataType.INT64:
        yield Finding(f"{SPOOL_DROPPED} as Int64", "none" if metric is None else metric.type.name)


def command_id(metric: Metric) -> str | None:
    """The id that a commanded metric carries."""
    prop = metric.properties.get(COMMAND_ID)
    return prop.value if prop is not None and isinstance(prop.value, str) else None


@rule(
    "X-CMD-1",
    on=[Verb.DCMD],
    level=Level.OWN,
    meaning="A command carries id, expiry and issuer together (cmdId, expires, issuer), or none of them.",
)
def command_is_whole(seen: Seen) -> Findings:
    """Judge presence and types; a plain tool's command has none of them."""
    wanted = {COMMAND_ID: DataType.STRING, EXPIRES: DataType.DATETIME, ISSUER: DataType.STRING}
    for metric in seen.metrics:
        given = {key: metric.properties[key].type for key in wanted if key in metric.properties}
        if given and given != wanted:
            yield Finding(
                ", ".join(f"{key} ({kind.name})" for key, kind in wanted.items()),
                f"{', '.join(f'{key} ({kind.name})' for key, kind in given.items())} on {metric.name}",
            )


@rule(
    "X-CMD-3",
    on=[Verb.DDATA],
    level=Level.OWN,
    meaning="A command acts once: its final status never changes.",
)
def command_ends_once(seen: Seen) -> Findings:
    """Compare with the final status seen before."""
    result = result_of(seen)
    if result is None:
        return
    before = seen.province.ended.get(result[0])
    if before is not None and before != result[1]:
        yield Finding(f"status {before} of {result[0]}", f"status {result[1]}")


def result_of(seen: Seen) -> tuple[str, int] | None:
    """The command id and status that data report, where both are there."""
    values = {metric.name: metric.value for metric in seen.metrics if metric.name in _RESULT}
    last_id, status = values.get(COMMAND_LAST_ID), values.get(COMMAND_STATUS)
    return (last_id, status) if isinstance(last_id, str) and last_id and isinstance(status, int) else None


@rule(
    "X-CMD-5",
    on=[Verb.DDATA],
    level=Level.OWN,
    meaning="A result is Command/Last Id, Command/Status and Command/Error in one payload, with one time.",
)
def result_is_whole(seen: Seen) -> Findings:
    """Judge the three metrics together."""
    parts = {metric.name: metric for metric in seen.metrics if metric.name in _RESULT}
    if not parts:
        return
    if len(parts) < len(_RESULT):
        yield Finding(", ".join(_RESULT), f"only {', '.join(sorted(parts))}")
        return
    times = {metric.time_ms for metric in parts.values()}
    if len(times) > 1:
        yield Finding("one time", listed([str(time_ms) for time_ms in sorted(times, key=str)]))
    status = parts[COMMAND_STATUS].value
    if status is not None and status not in set(CommandStatus):
        yield Finding("status 1 to 5", repr(status))


@rule(
    "X-CMD-6",
    on=[Verb.DCMD],
    level=Level.OWN,
    meaning="A host repeats a command until its result or its expiry, no longer.",
)
def command_is_in_time(seen: Seen) -> Findings:
    """Compare the command's expiry with its payload's own time."""
    for metric in seen.metrics:
        expires = metric.properties.get(EXPIRES)
        if expires is None or not isinstance(expires.value, int) or seen.time_ms is None:
            continue
        if expires.value < seen.time_ms:
            yield Finding(f"nothing after {expires.value}", f"{command_id(metric)} sent at {seen.time_ms}")


@rule(
    "X-BIRTH-2",
    on=[Verb.NCMD],
    level=Level.OWN,
    meaning="A host asks one node for at most one rebirth a minute, and all nodes for at most 50 a second.",
)
def rebirths_are_paced(seen: Seen) -> Findings:
    """Judge the time since the last requests."""
    assert seen.node is not None
    if not any(metric.name == REBIRTH for metric in seen.metrics):
        return
    asked_ms = seen.node.rebirth_asked_ms
    if asked_ms is not None and seen.at_ms - asked_ms < REBIRTH_EVERY_MS - _PACE_SLACK_MS:
        yield Finding("60 s between requests", f"{(seen.at_ms - asked_ms) / 1000:.1f} s")
    recent = [ms for ms in seen.province.rebirths_ms if seen.at_ms - ms < 1000]
    if len(recent) == REBIRTHS_PER_SECOND:
        yield Finding(f"{REBIRTHS_PER_SECOND} requests in a second", f"{len(recent) + 1}")


@rule(
    "X-BIRTH-3",
    on=BIRTHS,
    level=Level.OWN,
    meaning="The births of one node are paced, at most 20 a second.",
)
def births_are_paced(seen: Seen) -> Findings:
    """Judge the payloads' own times, which no queue on the way can press together."""
    assert seen.node is not None
    births = seen.node.births_ms
    if seen.time_ms is None or len(births) < BIRTHS_PER_SECOND:
        return
    took_ms = seen.time_ms - births[-BIRTHS_PER_SECOND]
    if 0 <= took_ms < 1000 - _PACE_SLACK_MS:
        yield Finding(f"{BIRTHS_PER_SECOND} births in a second", f"{BIRTHS_PER_SECOND + 1} in {took_ms} ms")


RULES: Final = (
    batch_is_named,
    ack_names_batches,
    resent_as_it_was,
    losses_are_counted,
    command_is_whole,
    command_ends_once,
    result_is_whole,
    command_is_in_time,
    rebirths_are_paced,
    births_are_paced,
)
