"""Scans as rows of the embedded store, and back. Pure.

A shape is a tuple of field names that scans have in common; rows of a shape hold their values in its order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import orjson

from cloud.store.port import Sample, Scan
from telemetry.readings import Quality, Value

NAMED: Final = 0
"""Shape of a row that names its fields itself: for devices that send other fields each time."""
MOST_SHAPES: Final = 4096

Fields: TypeAlias = dict[str, tuple[Value, int]]
"""Field → value and quality code."""
Newest: TypeAlias = dict[str, list[Value]]
"""Field → time, value, and the quality code where it is not good."""

_GOOD: Final = Quality.GOOD.value
_new: Final = tuple.__new__
_QUALITIES: Final[Mapping[int, Quality]] = {each.value: each for each in Quality}


class Row(NamedTuple):
    """What is stored of a scan beside its device and time."""

    shape: int
    vals: str
    marks: str | None


def fields_of_scan(scan: Scan) -> Fields:
    """Values and quality codes of `scan`; an unknown value is never good."""
    told = scan.quality
    fields: Fields = {}
    for field, value in scan.fields.items():
        code = int(told.get(field, _GOOD)) if told else _GOOD
        fields[field] = (value, Quality.BAD.value if code == _GOOD and value is None else code)
    return fields


def pack(fields: Fields, shape: int) -> Row:
    """The row of `fields`, which `shape` names in this order (or NAMED)."""
    marks = {field: code for field, (_, code) in fields.items() if code != _GOOD}
    values = (
        {field: value for field, (value, _) in fields.items()}
        if shape == NAMED
        else [value for value, _ in fields.values()]
    )
    return Row(shape, orjson.dumps(values).decode(), orjson.dumps(marks).decode() if marks else None)


def unpack(row: Row, shapes: Mapping[int, tuple[str, ...]]) -> Fields:
    """The fields of a row."""
    told = orjson.loads(row.vals)
    if row.shape != NAMED:
        told = dict(zip(shapes[row.shape], told, strict=True))
    marks = orjson.loads(row.marks) if row.marks else {}
    return {field: (value, marks.get(field, _GOOD)) for field, value in told.items()}


def one_field(
    rows: Iterable[tuple[int, int, str, str | None]], field: str, shapes: Mapping[int, tuple[str, ...]]
) -> Iterator[Sample]:
    """The samples of one field from rows of (time, shape, vals, marks), those without it left out."""
    places = {shape: fields.index(field) for shape, fields in shapes.items() if field in fields}
    loads, good = orjson.loads, Quality.GOOD
    for time_ms, shape, vals, marks in rows:
        if shape == NAMED:
            named = loads(vals)
            if field not in named:
                continue
            value = named[field]
        else:
            place = places.get(shape)
            if place is None:
                continue
            value = loads(vals)[place]
        if marks is None:
            yield _new(Sample, (time_ms, value, good))
        else:
            yield Sample(time_ms, value, quality_of_code(loads(marks).get(field, _GOOD)))


def columns(
    rows: Iterable[tuple[int, str, str | None]], shapes: Mapping[int, tuple[str, ...]]
) -> dict[str, list[Value]]:
    """The good values of each field in the order of `rows`, which are (shape, vals, marks).

    Neighbours of one shape without marks, nearly all, are parsed at once.
    """
    found: dict[str, list[Value]] = {}
    run: list[str] = []
    run_shape = NAMED
    for shape, vals, marks in rows:
        if run and shape != run_shape:
            _add_run(found, run, shapes[run_shape])
            run = []
        if shape == NAMED or marks is not None:
            if run:
                _add_run(found, run, shapes[run_shape])
                run = []
            for field, (value, code) in unpack(Row(shape, vals, marks), shapes).items():
                if code == _GOOD:
                    found.setdefault(field, []).append(value)
            continue
        run_shape = shape
        run.append(vals)
    if run:
        _add_run(found, run, shapes[run_shape])
    return found


def _add_run(found: dict[str, list[Value]], run: list[str], fields: tuple[str, ...]) -> None:
    parsed = orjson.loads(f"[{','.join(run)}]")
    for field, values in zip(fields, zip(*parsed, strict=True), strict=True):
        found.setdefault(field, []).extend(values)


def take_newest(newest: Newest, time_ms: int, fields: Fields) -> None:
    """Note `fields` of `time_ms` where nothing newer is known; of one time the last written counts."""
    for field, (value, code) in fields.items():
        known = newest.get(field)
        if known is None or time_ms >= known[0]:  # type: ignore[operator]
            newest[field] = [time_ms, value] if code == _GOOD else [time_ms, value, code]


def newest_samples(newest: str) -> dict[str, Sample]:
    """The newest sample of each field.

    An answer holds ten thousand of them: where all are good, as nearly always, tuples are made directly.
    """
    told = orjson.loads(newest)
    good, new, kind = Quality.GOOD, _new, Sample
    try:
        return {field: new(kind, (time_ms, value, good)) for field, (time_ms, value) in told.items()}
    except ValueError:  # a third element: one of them is not good
        return {
            field: Sample(each[0], each[1], quality_of_code(each[2]) if len(each) > 2 else good)
            for field, each in told.items()
        }


def quality_of_code(code: int) -> Quality:
    """The quality of a stored code; BAD for one that nobody knows."""
    return _QUALITIES.get(code, Quality.BAD)
