"""Loading history: rows to scans to the store, resumable, the bad rows kept aside with their numbers."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

import orjson

from cloud.store.port import Scan, Store
from cloud.transfer.errors import FileUnreadable, RowError
from cloud.transfer.mapping import Mapper, Place
from cloud.transfer.sources import Format, Options, Row, read_rows
from telemetry.readings import Quality, Value

ROWS_A_BATCH: Final = 5000
_MARK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file has come."""

    rows: int
    values: int
    rejected: int


@dataclass(slots=True)
class _Batch:
    rows: int = 0
    values: int = 0
    places: dict[tuple[str, int], Place] = field(default_factory=dict)
    fields: dict[tuple[str, int], dict[str, Value]] = field(default_factory=dict)
    quality: dict[tuple[str, int], dict[str, Quality]] = field(default_factory=dict)
    sources: dict[tuple[str, int], list[tuple[int, str]]] = field(default_factory=dict)
    bad: list[tuple[int, str, str]] = field(default_factory=list)


def rejected_file(file: Path) -> Path:
    """Where the bad rows of `file` are kept."""
    return file.with_name(file.name + ".rejected.csv")


def progress_file(file: Path) -> Path:
    """Where it is noted how far `file` has come."""
    return file.with_name(file.name + ".progress.json")


class Importer:
    """Loads one file. A kill at any point repeats a batch at most, which changes nothing."""

    def __init__(self, store: Store, mapper: Mapper, tell: Callable[[Progress], None]) -> None:
        self._store = store
        self._mapper = mapper
        self._tell = tell

    def run(self, file: Path, kind: Format, options: Options, *, again: bool = False) -> Progress:
        """Load `file` from where it stopped, or with `again` from the beginning.

        Raises:
            FileUnreadable: the file, or what is kept beside it, cannot be read or written.
            StoreUnavailable, RegistryUnavailable: a database does not answer; the same call goes on later.
        """
        mark = _mark_of(file)
        known = None if again else _read_progress(file, mark)
        done = known or Progress(0, 0, 0)
        rows = read_rows(file, kind, options)
        with _opened(rejected_file(file), fresh=known is None) as kept:
            for _ in range(done.rows):
                next(rows, None)
            for batch in self._batches(rows):
                self._store_batch(batch)
                batch.bad.sort()
                csv.writer(kept, lineterminator="\n").writerows(batch.bad)
                kept.flush()
                done = Progress(
                    done.rows + batch.rows, done.values + batch.values, done.rejected + len(batch.bad)
                )
                _write_progress(file, mark, done)
                self._tell(done)
        if not done.rejected:
            rejected_file(file).unlink(missing_ok=True)
        return done

    def _batches(self, rows: Iterator[Row]) -> Iterator[_Batch]:
        batch = _Batch()
        for row in rows:
            self._take(row, batch)
            if batch.rows >= ROWS_A_BATCH:
                yield batch
                batch = _Batch()
        if batch.rows:
            yield batch

    def _take(self, row: Row, batch: _Batch) -> None:
        batch.rows += 1
        try:
            mapped = self._mapper.map(row)
        except RowError as error:
            batch.bad.append((row.number, str(error), row.original))
            return
        key = (row.device, row.time_ms)
        batch.places[key] = mapped.place
        batch.fields.setdefault(key, {}).update(mapped.fields)
        marks = batch.quality.setdefault(key, {})
        for name in mapped.fields:
            marks.pop(name, None)  # of one time and point the last row counts, its quality too
        marks.update(mapped.quality)
        batch.sources.setdefault(key, []).append((row.number, row.original))
        batch.values += len(mapped.fields)

    def _store_batch(self, batch: _Batch) -> None:
        scans = [
            Scan(place.device_class, place.area, place.gateway, *key, batch.fields[key], batch.quality[key])
            for key, place in batch.places.items()
        ]
        for refused in self._store.write(scans) if scans else ():
            scan = refused.scan
            if isinstance(scan, Scan):
                batch.values -= len(scan.fields)
                sources = batch.sources[scan.device, scan.time_ms]
                batch.bad += [(number, refused.reason, original) for number, original in sources]


def _opened(file: Path, *, fresh: bool) -> TextIO:
    try:
        target = file.open("w" if fresh else "a", encoding="utf-8", newline="")
    except OSError as error:
        raise FileUnreadable(
            f"{file} cannot be written: {error.strerror}. Bad rows are kept there"
        ) from error
    if fresh:
        target.write("line,reason,row\n")
    return target


def _mark_of(file: Path) -> str:
    """Tells one content from another: length and beginning."""
    try:
        with file.open("rb") as opened:
            beginning = opened.read(_MARK_BYTES)
        return f"{file.stat().st_size}:{hashlib.sha256(beginning).hexdigest()}"
    except OSError as error:
        raise FileUnreadable(f"{file} cannot be read: {error.strerror}") from error


def _read_progress(file: Path, mark: str) -> Progress | None:
    with suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError):
        told = orjson.loads(progress_file(file).read_bytes())
        if told["mark"] == mark:
            return Progress(int(told["rows"]), int(told["values"]), int(told["rejected"]))
    return None


def _write_progress(file: Path, mark: str, done: Progress) -> None:
    told = {"mark": mark, "rows": done.rows, "values": done.values, "rejected": done.rejected}
    target = progress_file(file)
    new = target.with_name(target.name + ".new")
    try:
        new.write_bytes(orjson.dumps(told))
        new.replace(target)
    except OSError as error:
        raise FileUnreadable(f"{target} cannot be written: {error.strerror}") from error
