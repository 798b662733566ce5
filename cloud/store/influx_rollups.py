"""Roll-ups on InfluxDB of any version: made by its own aggregates, kept in a database beside the raw one.

They are in a database of their own because it has a retention of its own. One line a device and interval:
measurement = class, tags device and every (1h, 1d), fields `<field>__<what>`, time = begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from cloud.store.influxql import InfluxQL, Table, quote_name, quote_text
from cloud.store.influxql_schema import SchemaReader
from cloud.store.line_protocol import QUALITY_SUFFIX, RAW_SUFFIX, escape_tag, value_text
from cloud.store.rollups import HOUR_MS, Summary, Tier, combine
from telemetry.readings import Value

DATABASE_SUFFIX: Final = "_rollups"
_DEVICES_A_QUERY: Final = 100
_LINES_A_REQUEST: Final = 2000
_HOURS_A_QUERY: Final = 24
_NUMERIC: Final = ("count", "sum", "min", "max", "first", "last")
_OTHER: Final = ("count", "first", "last")

Write = Callable[[bytes], None]


class InfluxRollups:
    """`cloud.store.rollups.Rollups` by InfluxQL and line protocol. Thread-safe."""

    def __init__(self, raw: InfluxQL, rolled: InfluxQL, write: Write) -> None:
        """`write` stores lines, their times in milliseconds, in the database that `rolled` reads."""
        self._raw = raw
        self._rolled = rolled
        self._write = write
        self._raw_schema = SchemaReader(raw)
        self._rolled_schema = SchemaReader(rolled)

    def oldest_ms(self) -> int | None:
        """Time of the oldest value that is still kept as measured."""
        statements = [
            f"SELECT * FROM {quote_name(each)} ORDER BY time ASC LIMIT 1"  # noqa: S608, quoted
            for each in sorted(self._raw_schema.read().fields)
        ]
        answers = self._raw.ask_all(statements)
        return min((int(table.rows[0][0]) for tables in answers for table in tables), default=None)

    def roll_up(self, tier: Tier, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        """Make the roll-ups of a time range; see the port."""
        schema = (self._raw_schema if tier is Tier.HOUR else self._rolled_schema).read()
        touched: set[str] = set()
        lines: list[bytes] = []
        for measurement, types in sorted(schema.fields.items()):
            wanted = schema.devices_of(measurement)
            if devices is not None:
                wanted = sorted(set(wanted) & set(devices))
            for first in range(0, len(wanted), _DEVICES_A_QUERY):
                part = wanted[first : first + _DEVICES_A_QUERY]
                for source in _sources(tier, measurement, part, start_ms, end_ms):
                    made = self._hours(types, source) if tier is Tier.HOUR else self._days(types, source)
                    for begin, device, fields in made:
                        touched.add(device)
                        lines.append(_line(measurement, tier, device, begin, fields))
                    if len(lines) >= _LINES_A_REQUEST:
                        self._write(b"\n".join(lines))
                        lines = []
        if lines:
            self._write(b"\n".join(lines))
        return len(touched)

    def summaries(
        self, device: str, field: str, tier: Tier, start_ms: int, end_ms: int
    ) -> list[tuple[int, Summary]]:
        """Begin and summary of every interval that has any; see the port."""
        schema = self._rolled_schema.of(device, f"{field}__count")
        found: dict[int, Summary] = {}
        for measurement in sorted(schema.measurements.get(device, ())):
            types = schema.fields.get(measurement, {})
            columns = [name for what in _NUMERIC if (name := f"{field}__{what}") in types]
            if not columns:
                continue
            statement = (
                f"SELECT {', '.join(map(quote_name, columns))} FROM {quote_name(measurement)} "  # noqa: S608, quoted
                f'WHERE "device" = {quote_text(device)} AND "every" = {quote_text(tier.value)} '
                f"AND time >= {start_ms}ms AND time < {end_ms}ms"
            )
            for table in self._rolled.ask(statement):
                for time_ms, *values in table.rows:
                    summary = _summary(field, dict(zip(columns, values, strict=True)), types)
                    if summary is not None:
                        found[time_ms] = summary
        return sorted(found.items())

    def _hours(
        self, types: Mapping[str, str], source: str
    ) -> Iterator[tuple[int, str, Mapping[str, Summary]]]:
        kinds = {n: kind for n, kind in types.items() if not n.endswith((QUALITY_SUFFIX, RAW_SUFFIX))}
        if not kinds:
            return
        columns = [
            (n, what) for n, kind in kinds.items() for what in (_NUMERIC if _is_number(kind) else _OTHER)
        ]
        chosen = ", ".join(f'{what}({quote_name(n)}) AS "{n}__{what}"' for n, what in columns)
        grouped = f'{source} GROUP BY time({HOUR_MS}ms), "device" fill(none)'
        switches = [n for n, kind in kinds.items() if kind == "boolean"]
        # booleans have no sum: those that are true are counted
        trues = [
            f"SELECT count({quote_name(n)}) AS v "
            f'{source} AND {quote_name(n)} = true GROUP BY time({HOUR_MS}ms), "device" fill(none)'
            for n in switches
        ]
        values, *counted = self._raw.ask_all([f"SELECT {chosen} {grouped}", *trues])
        true_counts = dict(zip(switches, map(_by_device_and_time, counted), strict=True))
        for table in values:
            device = table.tags["device"]
            for begin, *row in table.rows:
                told = dict(zip(table.columns[1:], row, strict=True))
                fields = {
                    n: summary
                    for n, kind in kinds.items()
                    if (summary := _summary_of_hour(n, kind, told, true_counts, (device, begin))) is not None
                }
                if fields:
                    yield begin, device, fields

    def _days(
        self, types: Mapping[str, str], source: str
    ) -> Iterator[tuple[int, str, Mapping[str, Summary]]]:
        hours = f'SELECT * {source} AND "every" = \'{Tier.HOUR.value}\' GROUP BY "device"'
        fields = sorted({name.rpartition("__")[0] for name in types})
        for table in self._rolled.ask(hours):
            rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
            for begin, group in groupby(rows, key=lambda row: row["time"] - row["time"] % Tier.DAY.every_ms):
                day = list(group)
                combined = {}
                for field in fields:
                    parts = [part for row in day if (part := _summary(field, row, types)) is not None]
                    if parts:
                        combined[field] = combine(parts)
                yield begin, table.tags["device"], combined


def _sources(
    tier: Tier, measurement: str, devices: Sequence[str], start_ms: int, end_ms: int
) -> Iterator[str]:
    """The range in parts that a server can answer at once."""
    step = tier.every_ms if tier is Tier.DAY else _HOURS_A_QUERY * HOUR_MS
    named = " OR ".join(f'"device" = {quote_text(each)}' for each in devices)
    for begin in range(start_ms, end_ms, step):
        between = f"time >= {begin}ms AND time < {min(begin + step, end_ms)}ms"
        yield f"FROM {quote_name(measurement)} WHERE {between} AND ({named})"


def _is_number(kind: str) -> bool:
    return kind in ("float", "integer")


def _by_device_and_time(tables: Sequence[Table]) -> dict[tuple[str, int], int]:
    return {(table.tags["device"], row[0]): int(row[1] or 0) for table in tables for row in table.rows}


def _summary_of_hour(
    name: str,
    kind: str,
    told: Mapping[str, Any],
    true_counts: Mapping[str, Mapping[tuple[str, int], int]],
    key: tuple[str, int],
) -> Summary | None:
    count = int(told[f"{name}__count"] or 0)
    if not count:
        return None
    first, last = told[f"{name}__first"], told[f"{name}__last"]
    if kind == "boolean":
        trues = true_counts[name].get(key, 0)
        return Summary(count, count, float(trues), trues == count, trues > 0, first, last)
    if not _is_number(kind):
        return Summary(count, 0, None, None, None, first, last)
    values: list[Any] = [told[f"{name}__{what}"] for what in ("min", "max", "first", "last")]
    if kind == "float":
        values = [float(each) for each in values]
    low, high, first, last = values
    return Summary(count, count, float(told[f"{name}__sum"]), low, high, first, last)


def _summary(field: str, told: Mapping[str, Any], types: Mapping[str, str]) -> Summary | None:
    """The summary in a line of roll-ups; None where it has none of the field."""

    def of(what: str) -> Any:
        value = told.get(f"{field}__{what}")
        if value is None or types.get(f"{field}__{what}") != "float":
            return value
        return float(value)

    count = of("count")
    if not count:
        return None
    total = of("sum")
    numbers = 0 if total is None else int(count)
    return Summary(int(count), numbers, total, of("min"), of("max"), of("first"), of("last"))


def _line(measurement: str, tier: Tier, device: str, begin: int, fields: Mapping[str, Summary]) -> bytes:
    told: list[str] = []
    for name, each in fields.items():
        mean = None if each.total is None else each.total / each.numbers
        values: dict[str, Value] = {
            "count": each.values,
            "sum": each.total,
            "mean": mean,
            "min": each.minimum,
            "max": each.maximum,
            "first": each.first,
            "last": each.last,
        }
        told += [f"{name}__{what}={value_text(value)}" for what, value in values.items() if value is not None]
    key = f"{measurement},device={escape_tag(device)},every={tier.value}"
    return f"{key} {','.join(told)} {begin}".encode()
