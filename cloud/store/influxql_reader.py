"""Reading a store by InfluxQL, in the part of it that InfluxDB 1.x, 2.x and 3 share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloud.store.aggregation import aggregate_samples
from cloud.store.checks import MAX_TIME_MS
from cloud.store.influxql import InfluxQL, quote_name, quote_text
from cloud.store.influxql_schema import SchemaReader
from cloud.store.line_protocol import QUALITY_SUFFIX, RAW_SUFFIX
from cloud.store.port import Aggregate, Sample
from telemetry.readings import Quality, Value

_DEVICES_A_QUERY: Final = 200
_MAX_UNAGGREGATED: Final = 1_000_000
"""Texts and switches are aggregated here, from at most so many samples."""


@dataclass(frozen=True, slots=True)
class _Selection:
    """One field of one device in a time range, in one measurement."""

    name: str
    types: Mapping[str, str]
    where: str


class InfluxQLReader:
    """The reading half of a store. Thread-safe."""

    def __init__(self, database: InfluxQL) -> None:
        self._database = database
        self._schema = SchemaReader(database)

    def latest(self, devices: Sequence[str] | None) -> dict[str, dict[str, Sample]]:
        """Newest sample of every field; see the port.

        The newest line of each device tells most, by one query a class; what is not in it is asked for
        field by field, of the devices that lack it.
        """
        schema = self._schema.read()
        found: dict[str, dict[str, Sample]] = {}
        for measurement, types in sorted(schema.fields.items()):
            wanted = None
            if devices is not None:
                wanted = [each for each in devices if measurement in schema.measurements.get(each, ())]
                if not wanted:
                    continue
            for device, name, sample in self._newest(measurement, types, wanted):
                _take_newest(found.setdefault(device, {}), name, sample)
        return found

    def series(
        self,
        device: str,
        name: str,
        start_ms: int,
        end_ms: int,
        *,
        every_ms: int | None,
        aggregate: Aggregate,
        limit: int,
    ) -> list[Sample]:
        """Samples of one field in a time range; see the port."""
        found: dict[int, Sample] = {}
        between = _between(start_ms, end_ms)
        schema = self._schema.of(device, name)
        for measurement in sorted(schema.measurements.get(device, ())):
            where = f'FROM {quote_name(measurement)} WHERE "device" = {quote_text(device)} AND {between}'
            selection = _Selection(name, schema.fields.get(measurement, {}), where)
            samples: Iterable[Sample]
            if every_ms is None:
                samples = self._raw(selection, limit)
            else:
                samples = self._aggregated(selection, every_ms, aggregate, limit)
            found.update((sample.time_ms, sample) for sample in samples)
        return [found[time_ms] for time_ms in sorted(found)][:limit]

    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None) -> int:
        """Number of stored values; see the port."""
        total = 0
        for measurement in self._schema.read().fields:
            for part in _parts(devices):
                condition = _between(start_ms, end_ms) + _and_devices(part)
                statement = f"SELECT count(*) FROM {quote_name(measurement)} WHERE {condition}"  # noqa: S608, quoted
                for table in self._database.ask(statement):
                    for column, number in zip(table.columns[1:], table.rows[0][1:], strict=True):
                        if not column.endswith(RAW_SUFFIX):
                            total += int(number or 0)
        return total

    def _newest(
        self, measurement: str, types: Mapping[str, str], devices: Sequence[str] | None
    ) -> Iterator[tuple[str, str, Sample]]:
        columns = sorted(types)
        chosen = ", ".join(map(quote_name, columns))
        lacking: dict[str, list[str]] = {}
        parts = list(_parts(devices))
        newest = [
            f"SELECT {chosen} FROM {quote_name(measurement)}{_where_devices(part)} "  # noqa: S608, quoted
            'GROUP BY "device" ORDER BY time DESC LIMIT 1'
            for part in parts
        ]
        for tables in self._database.ask_all(newest):
            for table in tables:
                device = table.tags["device"]
                for time_ms, *values in table.rows:
                    told = dict(zip(columns, values, strict=True))
                    for name in columns:
                        if name.endswith((RAW_SUFFIX, QUALITY_SUFFIX)):
                            continue
                        sample = _of_line(time_ms, name, told, types)
                        if sample is None:
                            lacking.setdefault(name, []).append(device)
                        else:
                            yield device, name, sample
                    for name in columns:
                        # a field of which this server has seen bad values only
                        base = name.removesuffix(QUALITY_SUFFIX)
                        if name.endswith(QUALITY_SUFFIX) and base not in types:
                            lacking.setdefault(base, []).append(device)
        yield from self._older(measurement, types, lacking, everything=devices is None)

    def _older(
        self,
        measurement: str,
        types: Mapping[str, str],
        lacking: Mapping[str, Sequence[str]],
        *,
        everything: bool,
    ) -> Iterator[tuple[str, str, Sample]]:
        """The newest samples of fields that a device's newest line does not hold."""
        asked: list[tuple[str, str]] = []
        for base, devices in lacking.items():
            for name in (base, base + QUALITY_SUFFIX):
                if name not in types:
                    continue
                raw_name = base + RAW_SUFFIX
                has_raw = name.endswith(QUALITY_SUFFIX) and raw_name in types
                raw = f", {quote_name(raw_name)} AS raw" if has_raw else ""
                few = len(devices) <= _DEVICES_A_QUERY or not everything
                for part in _parts(devices if few else None):
                    source = f"FROM {quote_name(measurement)}{_where_devices(part)}"
                    statement = f'SELECT last({quote_name(name)}) AS v{raw} {source} GROUP BY "device"'
                    asked.append((name, statement))
        answers = self._database.ask_all([statement for _, statement in asked])
        for (name, _), tables in zip(asked, answers, strict=True):
            base = name.removesuffix(QUALITY_SUFFIX)
            for table in tables:
                for time_ms, value, *rest in table.rows:
                    if name == base:
                        sample = Sample(time_ms, _typed(value, types[name]))
                    else:
                        raw_value = rest[0] if rest else None
                        sample = Sample(
                            time_ms, _typed(raw_value, types.get(base + RAW_SUFFIX)), _quality(value)
                        )
                    yield table.tags["device"], base, sample

    def _raw(self, selection: _Selection, limit: int) -> Iterator[Sample]:
        name, types = selection.name, selection.types
        quality, raw = name + QUALITY_SUFFIX, name + RAW_SUFFIX
        columns = [each for each in (name, quality, raw) if each in types]
        if not columns:
            return
        chosen = ", ".join(quote_name(each) for each in columns)
        statement = f"SELECT {chosen} {selection.where} ORDER BY time ASC LIMIT {limit}"
        for table in self._database.ask(statement):
            for time_ms, *values in table.rows:
                told = dict(zip(columns, values, strict=True))
                if told.get(quality) is not None:
                    yield Sample(time_ms, _typed(told.get(raw), types.get(raw)), _quality(told[quality]))
                elif told.get(name) is not None:
                    yield Sample(time_ms, _typed(told[name], types[name]))

    def _aggregated(
        self, selection: _Selection, every_ms: int, aggregate: Aggregate, limit: int
    ) -> list[Sample]:
        kind = selection.types.get(selection.name)
        if kind is None:
            return []
        if kind not in ("float", "integer"):
            return aggregate_samples(self._raw(selection, _MAX_UNAGGREGATED), every_ms, aggregate)
        statement = (
            f"SELECT {aggregate.value}({quote_name(selection.name)}) AS v {selection.where} "
            f"GROUP BY time({every_ms}ms) fill(none) LIMIT {limit}"
        )
        is_whole = aggregate is Aggregate.COUNT or (
            kind == "integer" and aggregate not in (Aggregate.MEAN, Aggregate.SUM)
        )
        return [
            Sample(begin, int(value) if is_whole else float(value))
            for table in self._database.ask(statement)
            for begin, value in table.rows
            # an interval that holds other fields only is counted as 0 by some versions
            if value is not None and not (aggregate is Aggregate.COUNT and value == 0)
        ]


def _of_line(time_ms: int, name: str, told: Mapping[str, Any], types: Mapping[str, str]) -> Sample | None:
    """The sample of a field in one line; None where the line has none."""
    code = told.get(name + QUALITY_SUFFIX)
    if code is not None:
        raw = name + RAW_SUFFIX
        return Sample(time_ms, _typed(told.get(raw), types.get(raw)), _quality(code))
    value = told.get(name)
    return None if value is None else Sample(time_ms, _typed(value, types.get(name)))


def _take_newest(fields: dict[str, Sample], name: str, sample: Sample) -> None:
    """Of a good and a bad value of one time the bad one counts."""
    known = fields.get(name)
    is_bad = sample.quality is not Quality.GOOD
    if known is None or sample.time_ms > known.time_ms or (sample.time_ms == known.time_ms and is_bad):
        fields[name] = sample


def _parts(devices: Sequence[str] | None) -> Iterator[Sequence[str]]:
    if devices is None:
        yield ()
        return
    for first in range(0, len(devices), _DEVICES_A_QUERY):
        yield devices[first : first + _DEVICES_A_QUERY]


def _between(start_ms: int, end_ms: int) -> str:
    """The range as far as nanoseconds reach."""
    return f"time >= {max(start_ms, 0)}ms AND time < {min(end_ms, MAX_TIME_MS)}ms"


def _and_devices(devices: Sequence[str]) -> str:
    if not devices:
        return ""
    return " AND (" + " OR ".join(f'"device" = {quote_text(each)}' for each in devices) + ")"


def _where_devices(devices: Sequence[str]) -> str:
    return _and_devices(devices).replace(" AND ", " WHERE ", 1)


def _typed(value: Any, kind: str | None) -> Value:
    """JSON writes 3.0 as 3: the field's type tells what it was."""
    result: Value = float(value) if kind == "float" and value is not None else value
    return result


def _quality(code: Any) -> Quality:
    try:
        return Quality(int(code))
    except ValueError:
        return Quality.BAD
