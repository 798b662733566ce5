"""Data sets (part F). kega sends none; other vendors' must be whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telemetry.monitor.rule import COMMANDS, TELEMETRY, Finding, Findings, rule
from telemetry.monitor.seen import Seen

_CELL_TYPES: Final = range(1, 15)


def _data_sets(seen: Seen) -> Iterator[tuple[str, Any]]:
    """Every data set of a payload, also those that are members of templates, with its metric's name."""
    waiting = list(seen.raw_metrics)
    while waiting:
        metric = waiting.pop()
        kind = metric.WhichOneof("value")
        if kind == "dataset_value":
            yield metric.name, metric.dataset_value
        elif kind == "template_value":
            waiting.extend(metric.template_value.metrics)


@rule(
    "payloads-dataset-column-size",
    "payloads-dataset-column-num-headers",
    on=TELEMETRY | COMMANDS,
    meaning="A data set has as many column names as it says.",
)
def columns_agree(seen: Seen) -> Findings:
    """Count names."""
    for name, each in _data_sets(seen):
        if each.num_of_columns != len(each.columns):
            yield Finding(f"{each.num_of_columns} columns", f"{len(each.columns)} in {name}")


@rule(
    "payloads-dataset-types-num",
    "payloads-dataset-types-def",
    "payloads-dataset-parameter-type-req",
    on=TELEMETRY | COMMANDS,
    meaning="A data set has one type for each column.",
)
def types_agree(seen: Seen) -> Findings:
    """Count types."""
    for name, each in _data_sets(seen):
        if each.num_of_columns != len(each.types):
            yield Finding(f"{each.num_of_columns} types", f"{len(each.types)} in {name}")


@rule(
    "payloads-dataset-types-value",
    "payloads-dataset-types-type",
    on=TELEMETRY | COMMANDS,
    meaning="The types of a data set's columns are basic datatype codes.",
)
def types_are_basic(seen: Seen) -> Findings:
    """Judge the codes."""
    for name, each in _data_sets(seen):
        wrong = [code for code in each.types if code not in _CELL_TYPES]
        if wrong:
            yield Finding("types 1-14", f"{wrong[0]} in {name}")


@rule(
    "payloads-template-dataset-value",
    on=TELEMETRY | COMMANDS,
    meaning="A data set's rows have a cell for each column, and each cell one scalar value.",
)
def cells_are_whole(seen: Seen) -> Findings:
    """Judge rows."""
    for name, each in _data_sets(seen):
        for number, row in enumerate(each.rows):
            if len(row.elements) != each.num_of_columns:
                yield Finding(
                    f"{each.num_of_columns} cells", f"{len(row.elements)} in row {number} of {name}"
                )
                break
            if any(cell.WhichOneof("value") is None for cell in row.elements):
                yield Finding("a value in each cell", f"an empty cell in row {number} of {name}")
                break


RULES: Final = (columns_agree, types_agree, types_are_basic, cells_are_whole)
