"""Bringing the past into the spool: JSON lines or CSV become batches of 100 to 500 values of one device.

Columns: `time` (UTC milliseconds, or ISO 8601 with a zone), `device`, `metric`, `value`, and if need be
`quality` (192 good, 0 bad, 500 stale). The values of one metric stand in order of time. They go out as
historical, after everything live.
"""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edge.spool.batches import NewBatch, Priority, encode_batch
from edge.spool.errors import SpoolError
from telemetry.readings import Batch, Quality, Reading, Value, ValueType

MOST: Final = 500
_BUFFERED: Final = 100_000
_KEPT_PROBLEMS: Final = 20
_CLOCK_KNOWN_MS: Final = 1_577_836_800_000
_TRUE: Final = frozenset({"true", "1", "on"})
_FALSE: Final = frozenset({"false", "0", "off"})


@dataclass(slots=True)
class ImportCount:
    """What came of the lines of a file."""

    lines: int = 0
    readings: int = 0
    batches: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)
    """The first few refusals, each with its line."""

    def refuse(self, line: int, cause: str) -> None:
        """Count a line that cannot be used."""
        self.refused += 1
        if len(self.problems) < _KEPT_PROBLEMS:
            self.problems.append(f"line {line}: {cause}")


def read_rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line number and columns of each row of `file`; CSV where it ends in .csv, else JSON lines.

    Raises:
        SpoolError: the file cannot be read, or is not what its name says.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            if file.suffix == ".csv":
                rows = csv.DictReader(stream)
                missing = {"time", "device", "metric", "value"} - set(rows.fieldnames or ())
                if missing:
                    raise SpoolError(f"{file}: the first line lacks the columns {', '.join(sorted(missing))}")
                for row in rows:
                    yield rows.line_num, row
                return
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, _json_row(file, number, line)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpoolError(f"{file} cannot be read: {error}") from error


def _json_row(file: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SpoolError(f"{file}:{number}: is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise SpoolError(f"{file}:{number}: is no JSON object")
    return row


class HistoryPacker:
    """Checks rows and packs them; a device's values keep their order of time within a batch."""

    def __init__(
        self, types: Mapping[str, Mapping[str, ValueType]], before_ms: Mapping[str, int], now_ms: int
    ) -> None:
        """Prepare to pack.

        Args:
            types: device → metric → type, of everything that may be imported.
            before_ms: device → time that its history must be older than; `now_ms` where it is not named.
            now_ms: UTC milliseconds of now.
        """
        self._types = types
        self._before_ms = before_ms
        self._now_ms = now_ms
        self._waiting: defaultdict[str, list[Reading]] = defaultdict(list)
        self._last_ms: dict[tuple[str, str], int] = {}
        self._buffered = 0
        self.count = ImportCount()

    def take(self, line: int, row: Mapping[str, Any]) -> list[NewBatch]:
        """Take a row; what it fills up comes back. A row that cannot be used is counted in `count`."""
        self.count.lines += 1
        try:
            reading = self._reading(row)
        except (ValueError, TypeError, OverflowError) as error:  # whatever JSON can hold in place of a number
            self.count.refuse(line, str(error))
            return []
        waiting = self._waiting[reading.device]
        waiting.append(reading)
        self._buffered += 1
        if len(waiting) >= MOST:
            return [self._pack(reading.device)]
        if self._buffered > _BUFFERED:
            return [self._pack(max(self._waiting, key=lambda device: len(self._waiting[device])))]
        return []

    def rest(self) -> list[NewBatch]:
        """What still waits, in batches of fewer values."""
        return [self._pack(device) for device in sorted(self._waiting)]

    def _pack(self, device: str) -> NewBatch:
        waiting = self._waiting.pop(device)
        self._buffered -= len(waiting)
        self.count.readings += len(waiting)
        self.count.batches += 1
        waiting.sort(key=lambda reading: reading.time_ms)
        return encode_batch(Batch(device, tuple(waiting)), Priority.HISTORY)

    def _reading(self, row: Mapping[str, Any]) -> Reading:
        device, metric = str(row.get("device", "")), str(row.get("metric", ""))
        metrics = self._types.get(device)
        if metrics is None:
            raise ValueError(f"device {device!r} is not configured on this gateway")
        kind = metrics.get(metric)
        if kind is None:
            raise ValueError(f"device {device} has no metric {metric!r}")
        time_ms = parse_time(row.get("time"))
        limit = min(self._before_ms.get(device, self._now_ms), self._now_ms)
        if not _CLOCK_KNOWN_MS <= time_ms < limit:
            raise ValueError(f"time {time_ms} is not between 2020 and what {device} has measured itself")
        before_ms = self._last_ms.get((device, metric), 0)
        if time_ms <= before_ms:
            raise ValueError(f"time {time_ms} of {device} {metric} is not later than the one before it")
        value = parse_value(row.get("value"), kind)
        quality = Quality(int(row.get("quality") or Quality.GOOD))
        if value is None and quality is Quality.GOOD:
            quality = Quality.BAD
        self._last_ms[device, metric] = time_ms
        return Reading(device, metric, kind, value, time_ms, quality)


def parse_time(text: Any) -> int:
    """UTC milliseconds of a number, or of an ISO 8601 text with its zone.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return int(text)
    try:
        return int(str(text))
    except ValueError:
        pass
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone: add Z or +07:00")
    return round(moment.timestamp() * 1000)


def parse_value(text: Any, kind: ValueType) -> Value:
    """The value that `text` (of JSON or CSV) means for a metric of type `kind`; empty is none.

    Raises:
        ValueError: it means nothing of that type.
    """
    if text is None or (text == "" and kind is not ValueType.STRING):
        return None
    if kind is ValueType.STRING:
        return str(text)
    if kind is ValueType.BOOLEAN:
        word = str(text).lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise ValueError(f"{text!r} is neither true nor false")
    number = float(text)
    if kind is ValueType.DOUBLE:
        if not math.isfinite(number):
            raise ValueError(f"{text!r} is no number")
        return number
    whole = int(text) if isinstance(text, str) and text.isdigit() else int(number)
    if whole != number or not 0 <= whole < 2 ** (31 if kind is ValueType.INT32 else 63):
        raise ValueError(f"{text!r} is no {kind.value}")
    return whole
