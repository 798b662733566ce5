"""Writing what the store holds: CSV, JSON lines, Parquet. Memory stays bounded whatever the range."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from cloud.store.port import Sample, Store
from cloud.transfer.errors import FileUnreadable
from telemetry.readings import Value

COLUMNS: Final = ("time", "device", "field", "value", "quality")
_PAGE: Final = 50_000
_ROW_GROUP: Final = 100_000
_EXACT_IN_FLOAT: Final = 2**53


class Told(NamedTuple):
    """One stored value."""

    device: str
    field: str
    sample: Sample


def samples_of(store: Store, devices: Sequence[str], start_ms: int, end_ms: int) -> Iterator[Told]:
    """All samples of the range, device by device and field by field. Raises StoreUnavailable."""
    for device, fields in sorted(store.latest(devices or None).items()):
        for name in sorted(fields):
            begin = start_ms
            while True:
                page = store.series(device, name, begin, end_ms, limit=_PAGE)
                for sample in page:
                    yield Told(device, name, sample)
                if len(page) < _PAGE:
                    break
                begin = page[-1].time_ms + 1


def write_csv(target: IO[str], rows: Iterable[Told]) -> int:
    """One value a line; how many."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    written = 0
    for device, name, sample in rows:
        value = "" if sample.value is None else sample.value
        writer.writerow([iso(sample.time_ms), device, name, value, sample.quality.name.lower()])
        written += 1
    return written


def write_json_lines(target: IO[str], rows: Iterable[Told]) -> int:
    """One object a line; how many."""
    written = 0
    for device, name, sample in rows:
        print(json.dumps({"device": device, "field": name, **told(sample)}, ensure_ascii=False), file=target)
        written += 1
    return written


def write_parquet(file: Path, rows: Iterable[Told]) -> int:
    """One value a row; how many.

    Columns: time (ms, UTC), device, field, value (numbers and switches as double), kind (double, integer,
    boolean, text; empty where nothing is known), text (texts, and integers beyond 2⁵³), quality.

    Raises:
        FileUnreadable: pyarrow is not installed, or the file cannot be written.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise FileUnreadable("Parquet needs pyarrow: pip install 'kega[parquet]'") from error
    names = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [
            ("time", pa.timestamp("ms", "UTC")),
            ("device", names),
            ("field", names),
            ("value", pa.float64()),
            ("kind", names),
            ("text", pa.string()),
            ("quality", names),
        ]
    )
    written = 0
    left = iter(rows)
    try:
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            while group := list(islice(left, _ROW_GROUP)):
                columns: list[Any] = list(zip(*(_parquet_row(each) for each in group), strict=True))
                arrays = [pa.array(list(each), kind.type) for each, kind in zip(columns, schema, strict=True)]
                writer.write_batch(pa.record_batch(arrays, schema=schema))
                written += len(group)
    except OSError as error:
        raise FileUnreadable(f"{file} cannot be written: {error}") from error
    return written


def _parquet_row(row: Told) -> tuple[int, str, str, float | None, str, str | None, str]:
    device, name, (time_ms, value, quality) = row
    return time_ms, device, name, *_parquet_value(value), quality.name.lower()


def _parquet_value(value: Value) -> tuple[float | None, str, str | None]:
    if value is None:
        return None, "", None
    if isinstance(value, bool):
        return float(value), "boolean", None
    if isinstance(value, int):
        return float(value), "integer", str(value) if abs(value) > _EXACT_IN_FLOAT else None
    if isinstance(value, str):
        return None, "text", value
    return value, "double", None


def told(sample: Sample) -> dict[str, Any]:
    """A sample for programs."""
    return {"time_ms": sample.time_ms, "value": sample.value, "quality": sample.quality.name.lower()}


def iso(time_ms: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"
