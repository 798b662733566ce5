"""Metrics: what births declare and data repeat, names, datatypes, times, aliases (parts C to F)."""

from __future__ import annotations

from typing import Any, Final

from telemetry.monitor.rule import BIRTHS, COMMANDS, DATA, TELEMETRY, Finding, Findings, Level, Rule, rule
from telemetry.monitor.seen import Seen, listed
from telemetry.monitor.state import UTC_WINDOW_MS
from telemetry.sparkplug.metrics import quality_of
from telemetry.sparkplug.payload import Unsupported
from telemetry.sparkplug.topics import Verb

FIRST_PLAUSIBLE_MS: Final = 100_000_000_000
"""A number below this is no time in milliseconds but in seconds (1973 as milliseconds)."""
_METRIC_TYPES: Final = frozenset({*range(1, 20), *range(22, 35)})


def _names(metrics: list[Any]) -> str:
    return listed([metric.name or f"alias {metric.alias}" for metric in metrics])


def _declared(verb: Verb, data: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        assert seen.source is not None
        known = seen.source.metrics
        if known is None:
            return
        strangers = [metric for metric in seen.metrics if seen.name_of(metric) not in known]
        if strangers:
            yield Finding(f"only metrics that the {verb.value} declared", _names(strangers))

    return Rule(
        ids,
        Level.MUST,
        f"{verb.value} lists every metric that the session will ever send.",
        frozenset({data.value}),
        check,
    )


def _whole(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        bare = [
            metric
            for metric in seen.raw_metrics
            if not metric.name
            or not metric.datatype
            or (not metric.is_null and metric.WhichOneof("value") is None)
        ]
        if bare:
            yield Finding("name, datatype and value (or is_null) of every metric", f"not in {_names(bare)}")

    return Rule(
        ids,
        Level.MUST,
        f"Each metric of a {verb.value} has name, datatype and value.",
        frozenset({verb.value}),
        check,
    )


def _null_is_empty(verb: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        both = [metric for metric in seen.raw_metrics if metric.is_null and metric.WhichOneof("value")]
        if both:
            yield Finding("no value beside is_null", f"both in {_names(both)}")

    return Rule(
        ids,
        Level.MUST,
        f"A value that is unknown at {verb.value} is is_null, without a value.",
        frozenset({verb.value}),
        check,
    )


@rule(
    "payloads-name-birth-data-requirement",
    on=TELEMETRY,
    meaning="Every metric of births and data has a time of its own.",
)
def metrics_have_times(seen: Seen) -> Findings:
    """Judge presence of metric times."""
    without = [metric for metric in seen.metrics if metric.time_ms is None]
    if without:
        yield Finding("a timestamp on every metric", f"none on {_names(without)}")


@rule(
    "payloads-metric-timestamp-in-UTC",
    on=TELEMETRY,
    meaning="A metric's time is in UTC milliseconds: neither seconds nor local time nor the future.",
)
def metric_times_are_utc(seen: Seen) -> Findings:
    """Judge the magnitude, and that nothing comes from the future; samples may be old."""
    wrong = [
        metric
        for metric in seen.metrics
        if metric.time_ms is not None
        and not FIRST_PLAUSIBLE_MS < metric.time_ms <= seen.at_ms + UTC_WINDOW_MS
    ]
    if wrong:
        yield Finding(
            f"UTC milliseconds, at most {seen.at_ms} + {UTC_WINDOW_MS}",
            f"{_names(wrong)}: {wrong[0].time_ms}",
        )


@rule(
    "payloads-name-requirement", on=TELEMETRY | COMMANDS, meaning="Every metric has a name, or else an alias."
)
def metrics_have_names(seen: Seen) -> Findings:
    """Judge names."""
    nameless = [metric for metric in seen.raw_metrics if not metric.name and not metric.HasField("alias")]
    if nameless:
        yield Finding("a name on every metric", f"{len(nameless)} without name and alias")


@rule(
    "payloads-metric-datatype-value",
    "payloads-metric-datatype-value-type",
    on=TELEMETRY | COMMANDS,
    meaning="A datatype is one of the codes 1-19 and 22-34.",
)
def datatypes_are_known(seen: Seen) -> Findings:
    """Judge the code of every metric that has one."""
    wrong = [
        metric
        for metric in seen.raw_metrics
        if metric.HasField("datatype") and metric.datatype not in _METRIC_TYPES
    ]
    if wrong:
        yield Finding("datatype 1-19 or 22-34", f"{wrong[0].datatype} on {_names(wrong)}")


@rule("payloads-metric-datatype-req", on=BIRTHS, meaning="Every metric of a birth has its datatype.")
def births_have_datatypes(seen: Seen) -> Findings:
    """Judge presence of the code."""
    without = [metric for metric in seen.raw_metrics if not metric.HasField("datatype")]
    if without:
        yield Finding("a datatype on every metric", f"none on {_names(without)}")


@rule("payloads-alias-uniqueness", on=BIRTHS, meaning="An alias is unique over a node and all its devices.")
def aliases_are_unique(seen: Seen) -> Findings:
    """Judge the aliases of a birth against each other and those declared before."""
    assert seen.node is not None
    taken = {} if seen.kind == Verb.NBIRTH else dict(seen.node.aliases)
    for metric in seen.metrics:
        if metric.alias is None:
            continue
        owner = (seen.device, metric.name)
        if taken.setdefault(metric.alias, owner) != owner:
            yield Finding(
                f"alias {metric.alias} for {taken[metric.alias][1]} only", f"also for {metric.name}"
            )


@rule(
    "payloads-alias-birth-requirement",
    on=BIRTHS,
    meaning="Where a birth gives an alias it gives the name too.",
)
def births_name_aliases(seen: Seen) -> Findings:
    """Judge metrics with an alias."""
    nameless = [metric for metric in seen.metrics if metric.alias is not None and not metric.name]
    if nameless:
        yield Finding("name and alias", f"alias alone: {_names(nameless)}")


@rule(
    "payloads-alias-data-cmd-requirement",
    on=DATA | COMMANDS,
    meaning="Data and commands of a metric that has an alias carry the alias and not the name.",
)
def data_use_aliases(seen: Seen) -> Findings:
    """Judge metrics whose birth declared an alias."""
    assert seen.source is not None
    known = seen.source.metrics or {}
    named = [
        metric
        for metric in seen.metrics
        if metric.name
        and (metric.alias is not None or (metric.name in known and known[metric.name].alias is not None))
    ]
    if named:
        yield Finding("the alias alone", f"the name of {_names(named)}")


def _in_order(verb: Verb, data: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        latest = 0
        for metric in seen.metrics:
            if metric.is_historical or metric.time_ms is None:
                continue
            if metric.time_ms < latest:
                yield Finding(f"times from {latest} on", f"{_names([metric])} at {metric.time_ms}")
                return
            latest = metric.time_ms

    return Rule(
        ids,
        Level.MUST,
        f"Within a {data.value} (and {verb.value}) metrics that are not historical are in order of time.",
        frozenset({data.value}),
        check,
    )


def _by_exception(data: Verb, *ids: str) -> Rule:
    def check(seen: Seen) -> Findings:
        assert seen.source is not None
        last = seen.source.last
        live = [(name, metric) for name, metric in seen.named() if not metric.is_historical]
        if live and all(
            not isinstance(metric.value, Unsupported)
            and last.get(name) == (metric.value, quality_of(metric)[0])
            for name, metric in live
        ):
            yield Finding("a value that changed", f"the same values of {listed([name for name, _ in live])}")

    return Rule(
        ids,
        Level.SHOULD,
        f"A {data.value} reports by exception: at least one value changed.",
        frozenset({data.value}),
        check,
    )


RULES: Final = (
    _declared(
        Verb.NBIRTH, Verb.NDATA, "topics-nbirth-metric-reqs", "operational-behavior-data-publish-nbirth"
    ),
    _whole(Verb.NBIRTH, "topics-nbirth-metrics"),
    _null_is_empty(Verb.NBIRTH, "operational-behavior-data-publish-nbirth-values"),
    _declared(
        Verb.DBIRTH, Verb.DDATA, "topics-dbirth-metric-reqs", "operational-behavior-data-publish-dbirth"
    ),
    _whole(Verb.DBIRTH, "topics-dbirth-metrics"),
    _null_is_empty(Verb.DBIRTH, "operational-behavior-data-publish-dbirth-values"),
    metrics_have_times,
    metric_times_are_utc,
    metrics_have_names,
    datatypes_are_known,
    births_have_datatypes,
    aliases_are_unique,
    births_name_aliases,
    data_use_aliases,
    _in_order(Verb.NBIRTH, Verb.NDATA, "operational-behavior-data-publish-nbirth-order"),
    _in_order(Verb.DBIRTH, Verb.DDATA, "operational-behavior-data-publish-dbirth-order"),
    _by_exception(
        Verb.NDATA, "operational-behavior-data-publish-nbirth-change", "principles-rbe-recommended"
    ),
    _by_exception(
        Verb.DDATA, "operational-behavior-data-publish-dbirth-change", "principles-rbe-recommended"
    ),
)
