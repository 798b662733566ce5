"""Files of history, row by row: CSV, Parquet, line protocol. Memory stays bounded whatever their size."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from cloud.store.line_protocol import QUALITY_SUFFIX, RAW_SUFFIX
from cloud.transfer.errors import FileUnreadable, RowError
from cloud.transfer.line_parser import parse_line
from cloud.transfer.times import Precision, time_of
from telemetry.readings import Quality, Value

_PARQUET_ROWS: Final = 10_000
_LONGEST_LINE: Final = 1_000_000
_LONG: Final = frozenset({"field", "point", "metric"})
_QUALITIES: Final = {each.name.lower(): each for each in Quality} | {
    str(each.value): each for each in Quality
}


class Format(StrEnum):
    """What a file is written in; a `.gz` behind the name is unpacked."""

    CSV = "csv"
    PARQUET = "parquet"
    LINES = "lines"

    @classmethod
    def of(cls, file: Path) -> Format:
        """By the file's name. Raises FileUnreadable."""
        suffix = file.with_suffix("").suffix if file.suffix == ".gz" else file.suffix
        known = {
            ".csv": cls.CSV,
            ".parquet": cls.PARQUET,
            ".lp": cls.LINES,
            ".line": cls.LINES,
            ".txt": cls.LINES,
        }
        if suffix.lower() not in known:
            raise FileUnreadable(
                f"{file}: format is not known by the name: give --format csv, parquet or lines"
            )
        return known[suffix.lower()]


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be understood."""

    device: str | None = None
    """Of all rows, where the file does not name it."""
    time_column: str = "time"
    precision: Precision = Precision.NS
    """Of numbers as times in line protocol."""
    zone: str = "UTC"
    """Of times that name none."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Column or field of the file → point; an empty name leaves it out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: values of one device at one time, as the file has them."""

    number: int
    """Line of the file, from 1; of Parquet the row."""
    original: str
    device: str = ""
    time_ms: int = 0
    values: Mapping[str, tuple[Value, Quality]] = field(default_factory=dict)
    """Point → value (texts of CSV as they stand) and quality."""
    fault: str = ""
    """Why the row cannot be used; everything but number and original is then empty."""


def read_rows(file: Path, kind: Format, options: Options) -> Iterator[Row]:
    """All rows of `file`, the bad ones with their fault.

    Raises:
        FileUnreadable: the file cannot be opened, is broken, or lacks a column that is needed.
    """
    readers: dict[Format, Callable[[Path, Options], Iterator[Row]]] = {
        Format.CSV: _csv_rows,
        Format.PARQUET: _parquet_rows,
        Format.LINES: _line_rows,
    }
    try:
        yield from readers[kind](file, options)
    except (OSError, EOFError, csv.Error) as error:
        raise FileUnreadable(f"{file} cannot be read: {error}") from error


def _open(file: Path) -> BinaryIO:
    if file.suffix == ".gz":
        return gzip.GzipFile(file)  # type: ignore[return-value]
    return file.open("rb")


def _csv_rows(file: Path, options: Options) -> Iterator[Row]:
    with _open(file) as opened:
        reader = csv.reader(io.TextIOWrapper(opened, "utf-8-sig", errors="replace", newline=""))
        columns = [name.strip() for name in next(reader, [])]
        _check_columns(file, columns, options)
        for cells in reader:
            if not cells:
                continue
            number, original = reader.line_num, _as_csv(cells)
            if len(cells) != len(columns):
                fault = f"has {len(cells)} columns, the head has {len(columns)}"
                yield Row(number, original, fault=fault)
            else:
                yield _of_columns(number, original, dict(zip(columns, cells, strict=True)), options)


def _parquet_rows(file: Path, options: Options) -> Iterator[Row]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise FileUnreadable(f"{file}: Parquet needs pyarrow: pip install 'kega[parquet]'") from error
    try:
        opened = parquet.ParquetFile(file)
        _check_columns(file, opened.schema_arrow.names, options)
        number = 0
        for batch in opened.iter_batches(_PARQUET_ROWS):
            for told in batch.to_pylist():
                number += 1
                yield _of_columns(number, orjson.dumps(told, default=str).decode(), told, options)
    except pa.ArrowException as error:
        raise FileUnreadable(f"{file} is no whole Parquet file: {error}") from error


def _check_columns(file: Path, columns: list[str], options: Options) -> None:
    if options.time_column not in columns:
        raise FileUnreadable(
            f"{file} has no column {options.time_column!r} but {', '.join(columns)[:200] or 'none'}: "
            "name the one with the time by --time-column"
        )
    if options.device is None and "device" not in columns:
        raise FileUnreadable(f"{file} has no column 'device': name the device of all rows by --device")
    if _LONG & set(columns) and "value" not in columns:
        raise FileUnreadable(f"{file} has a column for the point but none called 'value'")


def _of_columns(number: int, original: str, told: Mapping[str, Any], options: Options) -> Row:
    try:
        device = str(told.get("device") or options.device or "").strip()
        if not device:
            raise RowError("names no device")
        time_ms = time_of(told[options.time_column], Precision.MS, options.zone)
        values = _long(told, options) if _LONG & told.keys() else _wide(told, options)
        if not values:
            raise RowError("holds no value")
    except RowError as error:
        return Row(number, original, fault=str(error))
    return Row(number, original, device, time_ms, values)


def _long(told: Mapping[str, Any], options: Options) -> dict[str, tuple[Value, Quality]]:
    name = next((str(told[each]).strip() for each in sorted(_LONG) if told.get(each)), "")
    name = options.names.get(name, name)
    if not name:
        raise RowError("names no point")
    quality = _quality(told.get("quality"))
    value = _exact(told)
    if value is None and quality is Quality.GOOD:
        raise RowError("is good and has no value")
    return {name: (value, quality)}


def _exact(told: Mapping[str, Any]) -> Value:
    """The value; of a file that kega exported, in its own type."""
    value: Value = told["value"]
    match told.get("kind"):
        case "integer":
            return int(told["text"] or told["value"])
        case "boolean":
            return bool(value)
        case "text":
            return str(told["text"])
    return None if value == "" else value


def _wide(told: Mapping[str, Any], options: Options) -> dict[str, tuple[Value, Quality]]:
    found: dict[str, tuple[Value, Quality]] = {}
    for column, value in told.items():
        name = options.names.get(column, column)
        if column in (options.time_column, "device") or not name or value is None or value == "":
            continue
        if isinstance(value, datetime):
            raise RowError(f"column {column!r} holds a time: leave it out with --map {column}=")
        found[name] = (value, Quality.GOOD)
    return found


def _quality(told: Any) -> Quality:
    if told is None or told == "":
        return Quality.GOOD
    quality = _QUALITIES.get(str(told).strip().lower())
    if quality is None:
        raise RowError(f"quality {str(told)[:40]!r} is none of {', '.join(_QUALITIES)}")
    return quality


def _line_rows(file: Path, options: Options) -> Iterator[Row]:
    with _open(file) as opened:
        number = 0
        while raw := opened.readline(_LONGEST_LINE):
            number += 1
            text = raw.decode("utf-8", errors="replace").rstrip("\r\n")
            if text.strip() and not text.lstrip().startswith("#"):
                yield _of_line(number, text, options)


def _of_line(number: int, text: str, options: Options) -> Row:
    try:
        line = parse_line(text)
        device = line.tags.get("device") or options.device
        if not device:
            raise RowError("has no tag device: name the device of all lines by --device")
        if line.time is None:
            raise RowError("has no time")
        values = _of_fields(line.fields, options)
        if not values:
            raise RowError("holds no value")
        time_ms = time_of(line.time, options.precision, options.zone)
    except RowError as error:
        return Row(number, text[:10_000], fault=str(error))
    return Row(number, text, device, time_ms, values)


def _of_fields(fields: Mapping[str, Value], options: Options) -> dict[str, tuple[Value, Quality]]:
    """Values that kega itself wrote as bad are read back as such."""
    found: dict[str, tuple[Value, Quality]] = {}
    for told, value in fields.items():
        if told.endswith(RAW_SUFFIX):
            continue
        base = told.removesuffix(QUALITY_SUFFIX)
        name = options.names.get(base, base)
        if not name:
            continue
        if told.endswith(QUALITY_SUFFIX):
            found[name] = (fields.get(base + RAW_SUFFIX), _quality(value))
        else:
            found.setdefault(name, (value, Quality.GOOD))
    return found


def _as_csv(cells: list[str]) -> str:
    target = io.StringIO()
    csv.writer(target, lineterminator="").writerow(cells)
    return target.getvalue()
